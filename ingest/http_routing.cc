// The front door's part between a request and what is to be done: the route, the API key, and the
// questions about lists and keys.
#include <utility>

#include "ingest/http_answers.h"
#include "ingest/http_door.h"
#include "ingest/limits_document.h"
#include "ingest/openapi.h"
#include "lib/base/ascii.h"
#include "lib/digest/seal.h"
#include "lib/stage/upstreams.h"
#include "lib/wire/valid.h"

namespace sluice::ingest {

using port::HttpRequest;
using port::HttpResponse;
using port::problem;

namespace {

constexpr std::string_view kChallenge = "Bearer realm=\"sluice\"";

HttpResponse unauthorized(bool tried) {
  HttpResponse response = problem(401, "Unauthorized",
                                  tried ? "this API key is not known, or was revoked"
                                        : "send an API key: Authorization: Bearer <token>");
  response.headers = {
      {"WWW-Authenticate", std::string(kChallenge) + (tried ? ", error=\"invalid_token\"" : "")}};
  return response;
}

// Who says it: the API key, for what a caller says of itself is only its word.
std::string who(const std::string& key, const std::string& said) {
  return key.empty() || said.empty() ? key + said : key + ": " + said;
}

wire::Verb verb_of(Act act) {
  switch (act) {
    case Act::kResumeKey:
    case Act::kResumeUpstream:
      return wire::Verb::kResume;
    case Act::kConsumeKey:
      return wire::Verb::kConsume;
    default:
      return wire::Verb::kPause;
  }
}

bool of_upstream(Act act) {
  return act == Act::kUpstream || act == Act::kPauseUpstream || act == Act::kResumeUpstream;
}

}  // namespace

void HttpDoor::set_keys(std::vector<ApiKey> keys, bool open) {
  keys_.set(std::move(keys));
  open_ = open;
}

void HttpDoor::refuse(std::uint64_t http_id, const Refusal& refusal) {
  reply(http_id, answer_of(refusal));
}

void HttpDoor::request(HttpRequest request) {
  const auto routed = route_of(request.method, request.path);
  if (!routed) {
    return reply(request.id, problem(404, "Not Found",
                                     "nothing is here; GET /openapi.json says what there is ('/' "
                                     "inside a key or an id is written %2F)"));
  }
  if (routed->route == nullptr) {
    HttpResponse response = problem(405, "Method Not Allowed", "allowed here: " + routed->allow);
    response.headers = {{"Allow", routed->allow}};
    return reply(request.id, std::move(response));
  }
  auto entry = let_in(request, *routed);
  if (!entry) return;
  if (routed->broken) {
    return reply(request.id, problem(400, "Bad Request",
                                     "target: '%' is not followed by two hex digits", "target"));
  }
  entry->name = routed->name;
  act(routed->route->act, std::move(request), std::move(*entry));
}

std::optional<HttpDoor::Entry> HttpDoor::let_in(const HttpRequest& request, const Routed& routed) {
  const Right right = routed.route->right;
  if (right == Right::kNone) return Entry{};
  if (!keys_.any() && open_) {
    if (foreign(request)) return {};
    return Entry{};
  }
  const std::string* said = request.header("Authorization");
  const std::string_view token = said != nullptr ? bearer_token(*said) : "";
  const ApiKey* key = token.empty() ? nullptr : keys_.find(token);
  if (key == nullptr) {
    reply(request.id, unauthorized(!token.empty()));
    return {};
  }
  if (key->right < right) {
    reply(request.id,
          problem(403, "Forbidden",
                  "this API key has the right \"" + std::string(word_of(key->right)) +
                      "\"; what is asked needs \"" + std::string(word_of(right)) + "\""));
    return {};
  }
  return Entry{key->scope, key->name, {}};
}

// Without API keys a browser on this machine would open the door to every page that it shows: a
// page may post to any address, and one whose name is bound to 127.0.0.1 may read, too. Its
// requests say where they come from; what no browser sends is let in.
bool HttpDoor::foreign(const HttpRequest& request) {
  const std::string* host = request.header("Host");
  const std::string* origin = request.header("Origin");
  const std::string* site = request.header("Sec-Fetch-Site");
  std::string why;
  if (world_.local && host != nullptr && !stage::is_loopback_url("http://" + lower_case(*host))) {
    why = "the Host is not this machine's loopback";
  } else if (origin != nullptr && !stage::is_loopback_url(lower_case(*origin))) {
    why = "the Origin is a web page of elsewhere";
  } else if (site != nullptr && *site == "cross-site") {
    why = "Sec-Fetch-Site says that a web page of elsewhere asks";
  }
  if (why.empty()) return false;
  reply(request.id, problem(403, "Forbidden",
                            why + ": without API keys only this machine is let in "
                                  "(sluice-ingest keys add)"));
  return true;
}

// A cursor names what was looked at last, whoever's it is. An API key that does not see everything
// gets its cursors sealed, and no others are taken from it: by one of its own making it could find
// out where the others' rows are.
std::optional<Parameters> HttpDoor::query_of(const HttpRequest& request, const Scope& scope) {
  auto after = request.parameter("after");
  if (after && !scope.whole()) {
    after = unsealed(seal_secret_, *after);
    if (!after) {
      refuse(request.id, {400, "after",
                          "must be the `next` of a page of this same list, by an ingest that has "
                          "not started again since"});
      return {};
    }
  }
  return [&request, after](std::string_view name) {
    return name == "after" ? after : request.parameter(name);
  };
}

void HttpDoor::act(Act act, HttpRequest request, Entry entry) {
  switch (act) {
    case Act::kSubmit:
      return post(std::move(request), What::kMessage, std::move(entry));
    case Act::kCost:
      if (!entry.scope.whole()) {
        return refuse(request.id, {403, "",
                                   "a cost belongs to no upstream or key: it needs an API "
                                   "key that is not restricted to some"});
      }
      return post(std::move(request), What::kCost, std::move(entry));
    case Act::kList:
      return list(request, std::move(entry));
    case Act::kLookup:
    case Act::kCancel: {
      if (entry.name.size() > wire::kIdMax) {
        return reply(request.id, problem(404, "Not Found", "no id is so long"));
      }
      const std::uint64_t request_id = asking(request);
      if (act == Act::kLookup) return world_.accept(Lookup{request_id, entry.name, entry.scope});
      return world_.accept(Cancel{request_id, entry.name, entry.scope});
    }
    case Act::kKeys:
      return key_page(request, std::move(entry));
    case Act::kKey:
    case Act::kUpstream:
      return look_key(request, entry, of_upstream(act));
    case Act::kPauseKey:
    case Act::kResumeKey:
    case Act::kConsumeKey:
    case Act::kPauseUpstream:
    case Act::kResumeUpstream:
      return control(request, act, entry);
    case Act::kLimits:
    case Act::kEditLimits:
      return limits(request, act == Act::kEditLimits, std::move(entry));
    case Act::kOpenApi:
      return reply(request.id, {200, openapi_document()});
  }
}

std::uint64_t HttpDoor::asking(const HttpRequest& request, Scope scope) {
  auto batch = std::make_shared<Batch>();
  batch->http_id = request.id;
  batch->scope = std::move(scope);
  batch->open = 1;
  const std::uint64_t request_id = ++last_id_;
  waiting_[request_id] = Waiting{std::move(batch), 0, {}};
  return request_id;
}

void HttpDoor::list(const HttpRequest& request, Entry entry) {
  const auto query = query_of(request, entry.scope);
  if (!query) return;
  auto read = read_list(*query);
  if (const auto* refusal = std::get_if<Refusal>(&read)) return refuse(request.id, *refusal);
  auto& ask = std::get<ListAsk>(read);
  if (!ask.key.empty() && !entry.scope.covers_key(ask.key)) {
    return refuse(request.id, {403, "key", "this API key does not cover it"});
  }
  ask.scope = std::move(entry.scope);
  world_.accept(ListMessages{asking(request, ask.scope), std::move(ask)});
}

void HttpDoor::key_page(const HttpRequest& request, Entry entry) {
  const auto query = query_of(request, entry.scope);
  if (!query) return;
  auto read = read_key_page(*query);
  if (const auto* refusal = std::get_if<Refusal>(&read)) return refuse(request.id, *refusal);
  auto& page = std::get<ListKeyPage>(read);
  page.scope = std::move(entry.scope);
  page.request_id = asking(request, page.scope);
  world_.accept(std::move(page));
}

const Upstream* HttpDoor::upstream_for(const HttpRequest& request, const Entry& entry, bool whole) {
  // What is written down of a key must be read again, and a limiter must take it.
  const char* trouble = wire::text_trouble(entry.name);
  if (trouble != nullptr) {
    reply(request.id, problem(400, "Bad Request", std::string("target: ") + trouble, "target"));
    return nullptr;
  }
  const Upstream* found = nullptr;
  if (!whole && entry.name.size() <= wire::kKeyMax) found = upstream_of_key(entry.name, upstreams_);
  for (const Upstream& one : upstreams_) {
    if (whole && one.name == entry.name) found = &one;
  }
  if (found == nullptr) {
    reply(request.id,
          problem(404, "Not Found",
                  whole ? "no upstream has this name"
                        : "a key is \"<upstream>:<field>\", and no upstream has that name"));
    return nullptr;
  }
  // What is said of a whole upstream concerns all of its keys.
  const bool covered = entry.scope.covers_upstream(found->name) &&
                       (whole ? entry.scope.keys.empty() : entry.scope.covers_key(entry.name));
  if (covered) return found;
  refuse(request.id, {403, "",
                      whole ? "this API key does not cover the whole upstream"
                            : "this API key does not cover this key"});
  return nullptr;
}

void HttpDoor::look_key(const HttpRequest& request, const Entry& entry, bool whole) {
  const Upstream* upstream = upstream_for(request, entry, whole);
  if (upstream == nullptr) return;
  world_.accept(LookKey{asking(request), upstream->name, whole ? "" : entry.name});
}

void HttpDoor::limits(const HttpRequest& request, bool edits, Entry entry) {
  const auto name = request.parameter("upstream");
  if (!name) {
    return refuse(request.id, {400, "upstream", "is missing: whose limits, ?upstream=NAME"});
  }
  entry.name = *name;
  const Upstream* upstream = upstream_for(request, entry, true);
  if (upstream == nullptr) return;
  if (!edits) return world_.accept(AskLimits{asking(request), upstream->name});
  const std::string* match = request.header("If-Match");
  if (match == nullptr) {
    return reply(request.id,
                 problem(428, "Precondition Required",
                         "If-Match is missing: the version that the edit is made from (GET "
                         "/v1/limits says it), or *",
                         "If-Match"));
  }
  const auto version = read_version_tag(*match);
  if (!version) {
    return refuse(request.id, {400, "If-Match", "must be one version, \"<16 hex digits>\", or *"});
  }
  auto read = read_limits_document(request.body, upstream->name, world_.scale_millionths);
  if (const auto* refusal = std::get_if<Refusal>(&read)) return refuse(request.id, *refusal);
  auto& ask = std::get<AskLimits>(read);
  ask.request_id = asking(request);
  ask.version = *version;
  ask.by = who(entry.by, ask.by);
  world_.accept(std::move(ask));
}

void HttpDoor::control(const HttpRequest& request, Act act, const Entry& entry) {
  const bool whole = of_upstream(act);
  const Upstream* upstream = upstream_for(request, entry, whole);
  if (upstream == nullptr) return;
  auto read = read_control(verb_of(act), request.body, world_.wall());
  if (const auto* refusal = std::get_if<Refusal>(&read)) return refuse(request.id, *refusal);
  auto& control = std::get<ControlKey>(read);
  control.request_id = asking(request);
  control.upstream = upstream->name;
  if (!whole) control.key = entry.name;
  control.by = who(entry.by, control.by);
  world_.accept(std::move(control));
}

}  // namespace sluice::ingest
