// The append-only file of a redis-server of the tests, cut wherever a death could cut it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/redis/redis_server.h"

namespace sluice::limiter {

// Each command is in the file before it is answered, and nothing rewrites it.
inline const std::vector<std::string> kKeepsALog = {
    "appendonly yes", "appendfsync always", "aof-use-rdb-preamble no",
    "auto-aof-rewrite-percentage 0", "repl-backlog-ttl 0"};

std::size_t size_of_log(const RedisServer& server);
std::string log_of(const RedisServer& server);
// Of a server that is down.
void put_log(const RedisServer& server, std::string_view log);

// Where each command ends. Redis says what a script writes as MULTI, its writes, and EXEC.
std::vector<std::size_t> ends_of_commands(std::string_view log);

}  // namespace sluice::limiter
