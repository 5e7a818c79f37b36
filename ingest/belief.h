// What this ingest believes a limiter holds of its messages (in a line, or under way), as count and
// hash, to be compared with what the limiter's heartbeats say. A single difference is normal:
// offers and settlements are under way both ways. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <unordered_map>

#include "lib/base/instant.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {

class Belief {
 public:
  static constexpr int kDifferencesMax = 3;
  // After everything was said again, so long at least until the next time; doubles up to the last.
  static constexpr Duration kPatienceFirst = seconds(10);
  static constexpr Duration kPatienceLast = seconds(60);

  void holds(const std::string& identity, const std::string& key) {
    if (keys_.insert_or_assign(identity, key).second) hash_ ^= wire::short_hash(identity);
  }
  void lets_go(const std::string& identity) {
    if (keys_.erase(identity) > 0) hash_ ^= wire::short_hash(identity);
  }
  void let_go_of(const std::set<std::string>& keys) {
    for (auto at = keys_.begin(); !keys.empty() && at != keys_.end();) {
      const bool gone = keys.contains(at->second);
      if (gone) hash_ ^= wire::short_hash(at->first);
      at = gone ? keys_.erase(at) : std::next(at);
    }
  }
  void forget_all() {
    keys_.clear();
    hash_ = 0;
  }
  [[nodiscard]] const std::unordered_map<std::string, std::string>& keys() const { return keys_; }
  [[nodiscard]] std::uint64_t count() const { return keys_.size(); }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

  // True when everything is to be said again.
  bool differs(std::uint64_t count, std::uint64_t hash, Instant now) {
    if (count == keys_.size() && hash == hash_) {
      differences_ = 0;
      patience_ = kPatienceFirst;
      return false;
    }
    if (++differences_ < kDifferencesMax || now < not_before_) return false;
    differences_ = 0;
    not_before_ = now + patience_;
    patience_ = std::min(patience_ * 2, kPatienceLast);
    return true;
  }

 private:
  std::unordered_map<std::string, std::string> keys_;  // identity -> key
  std::uint64_t hash_ = 0;
  int differences_ = 0;
  Instant not_before_;
  Duration patience_ = kPatienceFirst;
};

}  // namespace sluice::ingest
