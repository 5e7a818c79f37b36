#include "ingest/openapi.h"

#include <algorithm>
#include <map>
#include <vector>

#include "ingest/routes.h"
#include "lib/base/ascii.h"

namespace sluice::ingest {

namespace {

struct Word {
  int status;
  const char* what;
};
constexpr Word kWords[] = {
    {200, "Done."},
    {201, "Booked."},
    {202, "Taken: it is durable, and takes effect by itself."},
    {400, "The request is wrong; `field` names what."},
    {401, "An API key is missing, unknown or revoked."},
    {403, "The API key does not cover it; `detail` says what is missing."},
    {404, "There is no such thing."},
    {409, "It has ended already."},
    {412, "Another edit came first; ETag says which version holds. Nothing was changed."},
    {413, "Too large."},
    {415, "Another Content-Type is needed."},
    {422, "It was accepted before, with other bytes."},
    {428, "If-Match is missing: the version that the edit is made from, or *."},
    {429, "It would wait longer than it may; Retry-After says when it would be taken."},
    {501, "This ingest's parking has no such lists."},
    {503, "Not now; the same request may be sent again, after Retry-After."},
};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

std::string reference(std::string_view schema) {
  return R"({"schema":{"$ref":"#/components/schemas/)" + std::string(schema) + "\"}}";
}

std::string what_of(int status) {
  for (const Word& word : kWords) {
    if (word.status == status) return word.what;
  }
  return "";
}

std::string header(std::string_view name, std::string_view what, std::string_view type) {
  return quoted(name) + ":{\"description\":" + quoted(what) +
         ",\"schema\":{\"type\":" + quoted(type) + "}}";
}

std::string headers_of(const Route& route, int status) {
  if (status == 401) {
    return header("WWW-Authenticate", "How to authenticate (RFC 6750).", "string");
  }
  if (status == 429 || status == 503) {
    return header("Retry-After", "Whole seconds.", "integer");
  }
  const bool limits = route.act == Act::kLimits || route.act == Act::kEditLimits;
  if (limits && (status == 200 || status == 412)) {
    return header("ETag", "The version that holds, for If-Match.", "string");
  }
  if (route.act == Act::kSubmit && status == 202) {
    return header("Location", "Where the message can be asked for.", "string");
  }
  return {};
}

std::string answer(const Route& route, const RouteAnswer& one) {
  std::string text = "{\"description\":" + quoted(what_of(one.status));
  if (const std::string headers = headers_of(route, one.status); !headers.empty()) {
    text += ",\"headers\":{" + headers + "}";
  }
  std::vector<std::string> kinds;
  if (!one.schema.empty()) kinds.push_back("\"application/json\":" + reference(one.schema));
  if (!one.lines.empty()) kinds.push_back("\"application/x-ndjson\":" + reference(one.lines));
  if (kinds.empty()) kinds.push_back("\"application/problem+json\":" + reference("Problem"));
  text += ",\"content\":{" + kinds.front();
  for (std::size_t n = 1; n < kinds.size(); ++n) text += "," + kinds[n];
  return text + "}}";
}

std::string answers(const Route& route) {
  std::string text;
  for (const RouteAnswer& one : route.answers) {
    if (one.status == 0) break;
    text +=
        (text.empty() ? "" : ",") + quoted(std::to_string(one.status)) + ":" + answer(route, one);
  }
  return "{" + text + "}";
}

std::string parameters(const Route& route) {
  std::string text;
  const std::size_t open = route.path.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = route.path.find('}');
    text = "{\"name\":" + quoted(route.path.substr(open + 1, close - open - 1)) +
           R"(,"in":"path","required":true,"description":"Percent-encoded: '/' is %2F.",)"
           R"("schema":{"type":"string","minLength":1,"maxLength":256}})";
  }
  std::string_view rest = route.parameters;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    text += (text.empty() ? "" : ",") + std::string(openapi_parameter(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return "[" + text + "]";
}

std::string operation(const Route& route) {
  std::string text =
      "{\"summary\":" + quoted(route.summary) + ",\"parameters\":" + parameters(route);
  if (!route.body.empty()) {
    const bool needed = route.act == Act::kSubmit || route.act == Act::kCost ||
                        route.act == Act::kConsumeKey || route.act == Act::kEditLimits;
    text += std::string(",\"requestBody\":{\"required\":") + (needed ? "true" : "false") +
            ",\"content\":{\"application/json\":" + reference(route.body);
    if (route.lines) {
      text += R"(,"application/x-ndjson":{"schema":{"type":"string"}})";
    }
    text += "}}";
  }
  // The empty one: without any API key whoever reaches a loopback address may ask.
  text += route.right == Right::kNone
              ? ",\"security\":[]"
              : ",\"security\":[{\"apiKey\":[]},{}],\"x-right\":" + quoted(word_of(route.right));
  return text + ",\"responses\":" + answers(route) + "}";
}

// What we POST to a message's reply_to.
constexpr std::string_view kWebhooks =
    R"("webhooks":{"messageSettled":{"post":{"operationId":"messageSettled",)"
    R"("summary":"A message with a reply_to has ended; at least once, webhook-id tells repeats.",)"
    R"("parameters":[{"name":"webhook-id","in":"header","required":true,"schema":{"type":"string"}},)"
    R"({"name":"webhook-timestamp","in":"header","required":true,"schema":{"type":"string"}},)"
    R"({"name":"webhook-signature","in":"header","schema":{"type":"string"}}],)"
    R"("requestBody":{"required":true,"content":{"application/json":{)"
    R"("schema":{"$ref":"#/components/schemas/Reply"}}}},)"
    R"("responses":{"2XX":{"description":"Taken."},"410":{"description":"Never again."}}}}},)";

std::string document() {
  std::map<std::string_view, std::string> paths;
  for (const Route& route : routes()) {
    std::string& path = paths[route.path];
    path += (path.empty() ? "" : ",") + quoted(lower_case(route.method)) + ":" + operation(route);
  }
  std::string text = R"({"openapi":"3.1.0","info":{"title":"Sluice","version":"1","description":)"
                     R"("Sends messages through an API that punishes over-sending."},"paths":{)";
  bool first = true;
  for (const auto& [path, operations] : paths) {
    text += (first ? "" : ",") + quoted(path) + ":{" + operations + "}";
    first = false;
  }
  text += "},";
  text += kWebhooks;
  text += R"("components":{"securitySchemes":{"apiKey":{"type":"http","scheme":"bearer"}},)";
  return text + "\"schemas\":{" + std::string(openapi_schemas()) + "}}}\n";
}

}  // namespace

const std::string& openapi_document() {
  static const std::string text = document();
  return text;
}

}  // namespace sluice::ingest
