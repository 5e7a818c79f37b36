// Which closures of shards are news to those who watch this limiter. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "limiter/store.h"

namespace sluice::limiter {

// A shard that is closed now.
struct Closure {
  std::string upstream;
  ClosedBy why = ClosedBy::kNothing;
  StoreTime until;
  Duration left;
};

class ClosureNews {
 public:
  // Those that are closed now: which of them were not before, or not for this reason. That one
  // becomes longer is no news.
  std::vector<Closure> look(const std::vector<Closure>& closed) {
    std::vector<Closure> news;
    std::map<std::string, ClosedBy> now;
    for (const Closure& one : closed) {
      now[one.upstream] = one.why;
      const auto before = known_.find(one.upstream);
      if (before != known_.end() && before->second == one.why) continue;
      ++counts_[{one.upstream, one.why}];
      news.push_back(one);
    }
    known_ = std::move(now);
    return news;
  }
  // How many there were of each upstream and reason.
  [[nodiscard]] const std::map<std::pair<std::string, ClosedBy>, std::uint64_t>& counts() const {
    return counts_;
  }

 private:
  std::map<std::string, ClosedBy> known_;
  std::map<std::pair<std::string, ClosedBy>, std::uint64_t> counts_;
};

}  // namespace sluice::limiter
