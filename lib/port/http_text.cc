// What of http_server.h needs no server.
#include <algorithm>

#include "lib/base/ascii.h"
#include "lib/port/http_server.h"

namespace sluice::port {

const std::string* HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return &value;
  }
  return nullptr;
}

namespace {

struct Parameter {
  std::string_view name;
  std::string_view value;
};

// The next one, taken off.
Parameter next_parameter(std::string_view& query) {
  const std::string_view pair = query.substr(0, query.find('&'));
  query.remove_prefix(std::min(query.size(), pair.size() + 1));
  const std::size_t equals = pair.find('=');
  return {pair.substr(0, equals),
          equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1)};
}

}  // namespace

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
  for (std::string_view left = query; !left.empty();) {
    const Parameter one = next_parameter(left);
    if (percent_decoded(one.name) == name) return percent_decoded(one.value);
  }
  return std::nullopt;
}

std::optional<std::string> broken_parameter(std::string_view query) {
  while (!query.empty()) {
    const Parameter one = next_parameter(query);
    const auto name = percent_decoded(one.name);
    if (!name || !percent_decoded(one.value)) return name.value_or(std::string(one.name));
  }
  return std::nullopt;
}

HttpResponse problem(int status, std::string_view title, std::string_view detail,
                     std::string_view field) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = "{\"status\":" + std::to_string(status) + ",\"title\":" + json_quoted(title);
  if (!detail.empty()) response.body += ",\"detail\":" + json_quoted(detail);
  if (!field.empty()) response.body += ",\"field\":" + json_quoted(field);
  response.body += "}\n";
  return response;
}

}  // namespace sluice::port
