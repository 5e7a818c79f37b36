#include "tests/conformance/redis_log.h"

#include <charconv>
#include <filesystem>
#include <fstream>

#include "lib/base/check.h"

namespace sluice::limiter {

namespace {

// The base is empty: all that was ever said is in the one file that follows it.
std::filesystem::path path_of(const RedisServer& server) {
  for (const auto& file :
       std::filesystem::directory_iterator(server.directory() + "/appendonlydir")) {
    if (file.path().string().ends_with(".incr.aof")) return file.path();
  }
  CHECK(false && "no append-only file");
}

// The number in the line at `at`, behind its first byte; `at` moves behind the line.
std::size_t number_in(std::string_view log, std::size_t& at) {
  const std::size_t end = log.find("\r\n", at);
  CHECK(end != std::string_view::npos);
  std::size_t n = 0;
  std::from_chars(log.data() + at + 1, log.data() + end, n);
  at = end + 2;
  return n;
}

}  // namespace

std::size_t size_of_log(const RedisServer& server) {
  return std::filesystem::file_size(path_of(server));
}

std::string log_of(const RedisServer& server) {
  std::ifstream file(path_of(server), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put_log(const RedisServer& server, std::string_view log) {
  std::ofstream file(path_of(server), std::ios::binary | std::ios::trunc);
  file.write(log.data(), static_cast<std::streamsize>(log.size()));
}

std::vector<std::size_t> ends_of_commands(std::string_view log) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < log.size();) {
    for (std::size_t words = number_in(log, at); words > 0; --words) {
      const std::size_t size = number_in(log, at);
      at += size + 2;
    }
    ends.push_back(at);
  }
  return ends;
}

}  // namespace sluice::limiter
