#include "lib/port/redis_scripts.h"

#include "lib/base/check.h"
#include "lib/digest/digest.h"

namespace sluice::port {

std::size_t RedisScripts::add(std::string_view source) {
  const auto digest = ::sluice::sha1(source);
  all_.push_back({std::string(source), to_hex(std::string(digest.begin(), digest.end()))});
  return all_.size() - 1;
}

std::vector<std::vector<std::string>> RedisScripts::preamble() const {
  std::vector<std::vector<std::string>> commands;
  for (const Script& script : all_) commands.push_back({"SCRIPT", "LOAD", script.source});
  return commands;
}

void RedisScripts::call(std::size_t script, std::span<const std::string_view> keys,
                        std::span<const std::string_view> values, Words& words) const {
  CHECK(script < all_.size());
  words.keys_ = std::to_string(keys.size());
  words.args_.assign({"EVALSHA", all_[script].sha1, words.keys_});
  words.args_.insert(words.args_.end(), keys.begin(), keys.end());
  words.args_.insert(words.args_.end(), values.begin(), values.end());
}

}  // namespace sluice::port
