// What a limiter has told one shard of its settings: when they are to be said, and what the shard
// rules by since. Pure.
#pragma once

#include <cstdint>

#include "lib/base/instant.h"

namespace sluice::limiter {

class Telling {
 public:
  // Said again so often: settings of limiters that are not heard of any more are to be forgotten.
  static constexpr Duration kEvery = minutes(5);

  [[nodiscard]] bool due(std::int64_t now_us) const {
    return spans_version_ == 0 || now_us - heard_us_ >= kEvery.us;
  }
  void heard(std::uint64_t spans_version, std::int64_t now_us) {
    spans_version_ = spans_version;
    heard_us_ = now_us;
    told_ = true;
  }
  // The shard is another than it was, or may be.
  void tell_again() { spans_version_ = 0; }

  [[nodiscard]] std::uint64_t spans_version() const { return spans_version_; }
  // These settings were said before.
  [[nodiscard]] bool told() const { return told_; }

 private:
  std::uint64_t spans_version_ = 0;
  std::int64_t heard_us_ = 0;
  bool told_ = false;
};

}  // namespace sluice::limiter
