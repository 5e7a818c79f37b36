// Lua scripts of a Redis server, each called by the SHA-1 of its source (EVALSHA). A client says
// preamble() on every connection, and again after a SCRIPT FLUSH.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::port {

class RedisScripts {
 public:
  // The words of one call: views of the script's name, of the caller's arguments, and of itself.
  // One can serve every call, one after the other.
  class Words {
   public:
    Words() = default;
    Words(const Words&) = delete;
    Words& operator=(const Words&) = delete;
    [[nodiscard]] std::span<const std::string_view> args() const { return args_; }

   private:
    friend class RedisScripts;
    std::string keys_;  // how many
    std::vector<std::string_view> args_;
  };

  // Its number, to call it by.
  std::size_t add(std::string_view source);

  // SCRIPT LOAD of each: RedisConfig::preamble.
  [[nodiscard]] std::vector<std::vector<std::string>> preamble() const;

  // EVALSHA of that script, for RedisClient::command().
  void call(std::size_t script, std::span<const std::string_view> keys,
            std::span<const std::string_view> values, Words& words) const;

  [[nodiscard]] const std::string& sha1(std::size_t script) const { return all_[script].sha1; }

 private:
  struct Script {
    std::string source;
    std::string sha1;  // 40 lower-case hex digits
  };
  std::vector<Script> all_;
};

}  // namespace sluice::port
