#include "lib/port/redis_url.h"

#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "lib/base/ascii.h"

namespace sluice::port {

namespace {

constexpr std::size_t kHostMax = 253;
constexpr std::uint32_t kDatabaseMax = 1'000'000;

Error wrong(std::string_view why) { return {Trouble::kSettings, "Redis URL: " + std::string(why)}; }

// What the text begins with is cut off.
bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (lower_case(text.substr(0, prefix.size())) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

template <class Number>
std::optional<Number> whole_number(std::string_view text, Number max) {
  Number number = 0;
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc{} || read.ptr != end || number > max) return {};
  return number;
}

bool all_of_host(std::string_view host) {
  return !host.empty() && host.size() <= kHostMax &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
         });
}

Result<RedisUrl> unix_url(std::string_view path) {
  if (!path.starts_with('/')) return wrong("a unix socket needs a whole path: unix:///path");
  if (path.find_first_of("?#") != std::string_view::npos) {
    return wrong("has a query or a fragment");
  }
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return wrong("the socket's path is too long");
  RedisUrl url;
  url.socket = path;
  return url;
}

Status take_user(std::string_view& rest, RedisUrl& url) {
  const std::size_t at = rest.rfind('@');
  if (at == std::string_view::npos) return Done{};
  const std::string_view user = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  if (user.find(':') != std::string_view::npos) {
    return wrong("has a password: name a secret instead (secret://env/... or secret://file/...)");
  }
  const bool plain = !user.empty() && std::all_of(user.begin(), user.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '%' && c != '@' && c != '/';
  });
  if (!plain) return wrong("the user before '@' is empty or has blanks, '%' or '@'");
  url.user = user;
  return Done{};
}

Status take_host(std::string_view rest, RedisUrl& url) {
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return wrong("'[' without ']'");
    url.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
    if (!port.empty() && port.front() != ':') return wrong("something stands between ']' and ':'");
    if (url.host.find(':') == std::string::npos) return wrong("no IPv6 address in brackets");
  } else {
    const std::size_t colon = rest.find(':');
    url.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon);
    if (port.find(':', 1) != std::string_view::npos) {
      return wrong("an IPv6 address needs brackets: redis://[::1]:6379");
    }
  }
  if (!all_of_host(url.host)) return wrong("has no host, or one that can be none");
  if (port.empty()) return Done{};
  const auto number = whole_number<std::uint16_t>(port.substr(1), 65'535);
  if (!number || *number == 0) return wrong("the port must be a number from 1 to 65535");
  url.port = *number;
  return Done{};
}

Status take_database(std::string_view path, RedisUrl& url) {
  if (path.empty() || path == "/") return Done{};
  const auto number = whole_number<std::uint32_t>(path.substr(1), kDatabaseMax);
  if (!number) return wrong("after the host only a database's number may stand: /0");
  url.database = *number;
  return Done{};
}

}  // namespace

Result<RedisUrl> parse_redis_url(std::string_view text) {
  if (take_prefix(text, "unix://") || take_prefix(text, "redis+unix://")) return unix_url(text);
  RedisUrl url;
  url.tls = take_prefix(text, "rediss://");
  if (!url.tls && !take_prefix(text, "redis://")) {
    return wrong("must begin with redis://, rediss:// or unix://");
  }
  // A password may hold anything: the login ends at the last '@'.
  if (const Status done = take_user(text, url); !done) return done.error();
  if (text.find_first_of("?#") != std::string_view::npos) {
    return wrong("has a query or a fragment");
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  if (const Status done = take_host(text.substr(0, slash), url); !done) return done.error();
  if (const Status done = take_database(text.substr(slash), url); !done) return done.error();
  return url;
}

std::string redis_address(const RedisUrl& url) {
  if (!url.socket.empty()) return url.socket;
  const bool v6 = url.host.find(':') != std::string::npos;
  return (v6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
}

}  // namespace sluice::port
