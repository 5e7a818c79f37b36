#include "dispatcher/lane.h"

#include <algorithm>
#include <iterator>

namespace sluice::dispatcher {

namespace {

constexpr std::string_view kOurs[] = {
    "connection",        "keep-alive", "proxy-connection", "proxy-authenticate",
    "transfer-encoding", "te",         "trailer",          "proxy-authorization",
    "http2-settings",    "upgrade",    "expect",           "host",
    "content-length",    "alt-used",   "authorization",    "idempotency-key"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// "." or ".." with at least one dot written as %2e: servers differ in what that means.
bool is_hidden_dots(std::string_view segment) {
  std::size_t dots = 0;
  bool hidden = false;
  while (!segment.empty()) {
    const bool coded = segment.size() >= 3 && segment.starts_with("%2") && lower(segment[2]) == 'e';
    if (!coded && segment[0] != '.') return false;
    hidden = hidden || coded;
    segment.remove_prefix(coded ? 3 : 1);
    ++dots;
  }
  return hidden && dots <= 2;
}

bool is_lane_path(std::string_view path) {
  if (!path.starts_with('/') || path.starts_with("//")) return false;
  for (const char c : path) {
    if (c < 0x21 || c > 0x7e || c == '#' || c == '\\') return false;
  }
  std::string_view rest = path.substr(0, path.find('?'));
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::size_t slash = rest.find('/');
    if (is_hidden_dots(rest.substr(0, slash))) return false;
    rest.remove_prefix(std::min(slash, rest.size()));
  }
  return true;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!text.empty() && (blank(text.front()) || blank(text.back()))) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool is_reserved_header(const Upstream& upstream, std::string_view name) {
  const auto same = [name](std::string_view ours) { return equals_ignoring_case(name, ours); };
  return std::any_of(std::begin(kOurs), std::end(kOurs), same) || same(upstream.credential_header);
}

std::optional<std::string_view> lane_fault(const Upstream& upstream, const wire::Request& request) {
  const auto& methods = upstream.methods;
  if (!is_token(request.method) ||
      std::find(methods.begin(), methods.end(), request.method) == methods.end()) {
    return "method";
  }
  if (!is_lane_path(request.path)) return "path";
  for (const wire::Header& header : request.headers) {
    if (!is_token(header.name)) return "header name";
    if (!is_field_value(header.value)) return "header value";
    if (is_reserved_header(upstream, header.name)) return "header reserved";
  }
  return std::nullopt;
}

}  // namespace sluice::dispatcher
