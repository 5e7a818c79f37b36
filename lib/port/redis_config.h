// What a Redis client is told, and what its calls end with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/instant.h"
#include "lib/port/redis_value.h"
#include "lib/port/secrets.h"

namespace sluice::port {

// For rediss://. The server's certificate and name are always verified; TLS 1.2 at least. The files
// are read at each connection, so that new ones need no restart.
struct RedisTls {
  std::string ca_file;           // empty: the system's authorities
  std::string certificate_file;  // the client's, where the server asks for one
  std::string key_file;
  std::string server_name;  // in the certificate, if it is not the host
};

struct RedisConfig {
  std::vector<std::string> urls;  // one; of a cluster, nodes to ask first
  bool cluster = false;
  std::string password;  // a secret's reference (secrets.h); empty: none is sent
  ReadSecret read_secret = resolve_secret;
  // What was read is not the server's password, or is it no longer.
  std::function<void(const std::string& reference)> secret_refused = [](const std::string&) {};
  RedisTls tls;
  // Of the name's resolution; and again of connection, TLS, login and preamble together.
  Duration connect_timeout = seconds(3);
  Duration call_timeout = seconds(2);
  Duration back_off_min = milliseconds(50);
  Duration back_off_max = seconds(5);
  Duration password_every = seconds(10);  // how often the secret is looked at
  Duration topology_every = seconds(30);  // how often a cluster is asked who has which slots
  // Of one connection, not yet answered: a call beyond them is refused.
  std::size_t calls_max = 100'000;
  std::size_t bytes_max = 64 * 1024 * 1024;
  std::size_t answer_bytes_max = 64 * 1024 * 1024;  // one longer breaks off its connection
  // Commands that each connection sends before anything else, and again when a call is answered
  // NOSCRIPT: SCRIPT LOAD of what EVALSHA names.
  std::vector<std::vector<std::string>> preamble;
  std::uint64_t seed = 1;  // of the back-off's jitter
};

// How a call ended. Whoever gets it may take the value out of it.
struct RedisAnswer {
  enum class End : std::uint8_t {
    kAnswered,     // the server's word, an error too (kind kError)
    kNotExecuted,  // not sent, or refused unread; `why` says it
    kUnknown,      // sent, and no answer came: it may have been executed, or still be
  };
  End end = End::kAnswered;
  RedisValue value;
  std::string why;
};

using RedisAnswered = std::function<void(RedisAnswer& answer)>;

}  // namespace sluice::port
