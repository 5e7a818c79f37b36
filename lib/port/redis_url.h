// Where a Redis server is: "redis://[user@]host[:port][/db]", the same with rediss:// for TLS, or
// "unix:///path" (also redis+unix://).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sluice::port {

struct RedisUrl {
  bool tls = false;
  std::string socket;  // a unix socket's path; then there is no host
  std::string host;    // a name or an address, IPv6 without brackets
  std::uint16_t port = 6379;
  std::string user;  // of the server's ACL; empty: its default user
  std::uint32_t database = 0;
};

// kSettings with what is wrong. The text itself is never repeated: it may hold a password, which is
// refused here, as secrets come from the environment or files.
Result<RedisUrl> parse_redis_url(std::string_view text);

// "host:port", "[::1]:port", or the socket's path: what a person reads.
std::string redis_address(const RedisUrl& url);

}  // namespace sluice::port
