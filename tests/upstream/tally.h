// Who came, when, and what became of it: the upstream's own account of the promises. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tests/upstream/arrivals.h"

namespace sluice::upstream {

struct TallyRules {
  std::size_t n = 10;
  Nanos window = 60'000'000'000;
  bool ban = true;
  std::size_t names_max = 2'000'000;  // Idempotency-Keys remembered; the oldest leave
};

struct KeyTally {
  explicit KeyTally(const TallyRules& rules)
      : window(rules.window), pace(rules.window / static_cast<Nanos>(rules.n)) {}
  std::uint64_t arrivals = 0;
  std::uint64_t over = 0;       // arrivals that made a closed window hold more than n
  std::uint64_t after_ban = 0;  // arrivals answered 403 because of an earlier ban
  bool banned = false;
  Arrivals window;  // in every closed W
  Arrivals pace;    // in every closed W / N: bursts
};

// What a repeat of an Idempotency-Key followed.
enum class Before : std::uint8_t {
  kFirst,      // no repeat
  kDelivered,  // it was accepted and the answer was sent: a repeat by choice
  kLost,       // it was accepted, but the answer did not get out
  kRefused,    // the answer was an error
  kNothing,    // it was not accepted and there was no answer
  kRunning,    // it is being answered
};
inline constexpr std::size_t kBefores = 6;

struct Named {
  Before state = Before::kFirst;
  std::uint32_t arrivals = 0;
  std::size_t bytes_hash = 0;
};

struct Arrival {
  std::string key;
  std::string name;  // Idempotency-Key; empty: none
  std::size_t bytes_hash = 0;
  Nanos first_byte = 0;
};

struct Verdict {
  bool banned = false;
  Before before = Before::kFirst;
  std::uint32_t nth = 1;  // of its Idempotency-Key
};

class Tally {
 public:
  explicit Tally(TallyRules rules) : rules_(rules) {}

  Verdict arrived(const Arrival& arrival);
  // What became of the last request with this Idempotency-Key.
  void ended(const std::string& name, Before how);
  void answered(unsigned status) { ++answers_[status]; }
  void incomplete() { ++incomplete_; }
  void bad() { ++bad_; }
  void connected() { ++connections_; }
  void expected_continue() { ++expects_; }

  [[nodiscard]] std::string report(bool with_keys) const;  // JSON; report.cc
  [[nodiscard]] const KeyTally* find(const std::string& key) const;

 private:
  [[nodiscard]] Verdict name_arrived(const Arrival& arrival);
  [[nodiscard]] bool key_arrived(const Arrival& arrival);

  TallyRules rules_;
  std::map<std::string, KeyTally> keys_;
  std::unordered_map<std::string, Named> names_;
  std::deque<std::string> name_order_;
  std::map<unsigned, std::uint64_t> answers_;
  std::array<std::uint64_t, kBefores> repeats_{};
  std::uint64_t arrivals_ = 0;
  std::uint64_t altered_ = 0;     // repeats of an Idempotency-Key with other bytes
  std::uint64_t nameless_ = 0;    // requests without an Idempotency-Key
  std::uint64_t incomplete_ = 0;  // requests that began and never became whole
  std::uint64_t bad_ = 0;
  std::uint64_t connections_ = 0;
  std::uint64_t expects_ = 0;
  std::uint64_t delivered_ = 0;  // distinct Idempotency-Keys that were accepted
};

}  // namespace sluice::upstream
