// Any calls in any order, said to stores that must answer alike, to the last field: settings at
// their extremes and edited while it goes, callers whose bounds lie, clocks that step, outcomes of
// attempts that never were, stores that come back as they were before. Unlike StoreTrace nothing
// here keeps to the assumptions, so nothing is said of P1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/prng.h"
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {

class StoreMedley {
 public:
  // Of these kinds, each with the same random settings; said by so many limiters, each with
  // settings of its own.
  StoreMedley(const std::vector<StoreKind>& kinds, std::uint64_t seed, std::size_t limiters = 1);
  void step();
  enum class Kind : std::uint8_t {
    kGrant,
    kComplete,
    kEmptied,
    kForget,
    kPeek,
    kHold,
    kConsume,
    kRestore,
    kAskLimits,
    kClock,
    kEdit
  };
  // A call of this kind, and no time passes.
  void say_any(Kind kind);
  void pass_time();
  // Of who speaks.
  [[nodiscard]] const StoreConfig& config() const { return config_; }
  // Where two stores first said different things; empty: nowhere.
  [[nodiscard]] const std::string& difference() const { return difference_; }
  // How often messages were granted, and settled.
  [[nodiscard]] std::uint64_t granted() const { return granted_; }
  [[nodiscard]] std::uint64_t settled() const { return settled_; }

 private:
  struct Known {
    std::uint32_t serial = 0;
    std::vector<wire::Record> outbox;
  };
  void say(Call call);
  void hear(const Call& call, const StoreReply& reply);
  void trouble();
  Limit any_limit(const std::string& name);
  std::vector<Limit> any_limits();
  void edit();
  void any_spans(StoreConfig& config);
  void next_limiter();
  Caller caller();
  GrantAsk ask();
  Completion completion();
  Grant any_grant();
  Complete any_complete();
  Emptied any_emptied();
  Consume any_consume();
  SetHold any_hold();
  SetLimits any_edit();
  Restore any_restore();
  std::string any_key();
  // What closes shards; some medleys go without, so that much is granted.
  bool oddly() { return prng_.chance(odd_per_million_); }
  bool chance(std::uint32_t percent) { return prng_.chance(percent * 10'000); }
  std::uint32_t number(std::uint32_t low, std::uint32_t high) {
    return static_cast<std::uint32_t>(prng_.between(std::int64_t{low}, std::int64_t{high}));
  }

  Prng prng_;
  std::uint32_t odd_per_million_;
  bool back_ = false, forgets_ = false;
  StoreConfig config_;               // of who speaks
  std::vector<StoreConfig> others_;  // of the other limiters
  std::vector<std::string> names_;   // of rigs_
  std::vector<std::unique_ptr<StoreRig>> rigs_;
  StoreTime now_ = kStart;
  Duration skew_;  // of the store's clock
  std::uint64_t calls_ = 0;
  std::vector<Known> known_;
  std::vector<wire::Record> edits_;
  std::uint64_t limits_version_ = 0;  // as the first of them said last
  StoreTime closed_until_;            // the same
  std::string difference_;
  std::uint64_t granted_ = 0, settled_ = 0;
};

}  // namespace sluice::limiter
