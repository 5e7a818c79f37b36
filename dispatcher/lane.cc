#include "dispatcher/lane.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace sluice::dispatcher {

namespace {

// Of the connection, of framing, and the key: not even the settings may set them.
constexpr std::string_view kFixed[] = {"connection",
                                       "keep-alive",
                                       "proxy-connection",
                                       "proxy-authenticate",
                                       "transfer-encoding",
                                       "te",
                                       "proxy-authorization",
                                       "idempotency-key",
                                       "http2-settings",
                                       "upgrade",
                                       "expect",
                                       "content-length",
                                       "alt-used",
                                       "trailer"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The path with '.', '/' and '\\' written out that stand there as %2e, %2f and %5c.
std::string decoded(std::string_view path) {
  std::string plain;
  for (; !path.empty(); path.remove_prefix(1)) {
    const char third = path.size() >= 3 && path[0] == '%' ? lower(path[2]) : '\0';
    const bool dot = third == 'e' && path[1] == '2';
    const bool slash = (third == 'f' && path[1] == '2') || (third == 'c' && path[1] == '5');
    plain += dot ? '.' : slash ? '/' : path[0];
    if (dot || slash) path.remove_prefix(2);
  }
  return plain;
}

// A segment "." or ".." that shows only where a dot or a slash is decoded: servers differ in
// whether they do that before they resolve dots. Plain ones are resolved by join_url().
bool hides_dots(std::string_view path) {
  const std::string plain = decoded(path);
  if (plain == path) return false;
  for (std::string_view rest = plain; !rest.empty();) {
    rest.remove_prefix(1);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, slash);
    if (segment == "." || segment == "..") return true;
    rest.remove_prefix(slash);
  }
  return false;
}

bool is_lane_path(std::string_view path) {
  if (!path.starts_with('/') || path.starts_with("//")) return false;
  for (const char c : path) {
    if (c < 0x21 || c > 0x7e || c == '#' || c == '\\') return false;
  }
  return !hides_dots(path.substr(0, path.find('?')));
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

bool is_fixed_header(std::string_view name) {
  return std::any_of(std::begin(kFixed), std::end(kFixed),
                     [name](std::string_view ours) { return equals_ignoring_case(name, ours); });
}

bool is_reserved_header(const Upstream& upstream, std::string_view name) {
  const auto same = [name](std::string_view ours) { return equals_ignoring_case(name, ours); };
  return is_fixed_header(name) || same("host") || same("authorization") ||
         same(upstream.credential_header);
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
