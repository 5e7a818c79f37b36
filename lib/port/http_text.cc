// What of http_server.h needs no server.
#include "lib/port/http_server.h"

namespace sluice::port {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

const std::string* HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return &value;
  }
  return nullptr;
}

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
  std::string_view left = query;
  while (!left.empty()) {
    const std::string_view pair = left.substr(0, left.find('&'));
    left.remove_prefix(std::min(left.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (url_decoded(pair.substr(0, equals)) != name) continue;
    return url_decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
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

std::optional<std::string> url_decoded(std::string_view text) {
  std::string into;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      into += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    into += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return into;
}

}  // namespace sluice::port
