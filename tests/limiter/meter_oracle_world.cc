#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "lib/base/prng.h"
#include "limiter/meter.h"
#include "tests/limiter/meter_oracle.h"

namespace sluice::limiter {

namespace {

enum class Told { kAnswer, kUnknown, kNotStarted, kNever, kLateAnswer };

struct Ending {
  Told told;
  wire::Attempt attempt;
  std::uint32_t units;
};

class Oracle {
 public:
  Oracle(std::uint64_t seed, const BrokenMeter& broken) : prng_(seed), broken_(broken) {
    limit_.n = static_cast<std::uint32_t>(prng_.between(1, 12));
    limit_.window = seconds(prng_.between(2, 60));
    limit_.burst = static_cast<std::uint32_t>(prng_.between(1, limit_.n));
    error_ = milliseconds(prng_.between(0, 250));
    limit_.guard = error_ * 2 + milliseconds(1);
    counted_ = limit_;
    if (broken.no_guard) counted_.guard = {};
    if (broken.one_too_many) ++counted_.n;
    hold_ = seconds(prng_.between(0, 60));
  }

  OracleResult run() {
    const Instant end{limit_.window.us * 60};
    while (real_ < end) step();
    OracleResult result{0, limit_.n, arrivals_.size(), exact_};
    std::sort(arrivals_.begin(), arrivals_.end());
    std::uint64_t units = 0;
    std::size_t from = 0;
    for (const auto& [at, cost] : arrivals_) {
      units += cost;
      while (at - arrivals_[from].first > limit_.window) units -= arrivals_[from++].second;
      result.fullest = std::max(result.fullest, units);
    }
    return result;
  }

 private:
  // The store's clock: real time, off by at most error_, never back.
  StoreTime store_time() {
    if (prng_.chance(100'000)) off_ = prng_.between(-error_, error_);
    last_ = std::max(last_, StoreTime{real_.us} + off_);
    return last_;
  }
  // Extremes are where the mistakes are.
  Instant between(Instant low, Instant high) {
    const auto where = prng_.below(4);
    if (where == 0 || high <= low) return low;
    return where == 1 ? high : low + prng_.between(Duration{}, high - low);
  }

  void step() {
    while (!endings_.empty() && endings_.begin()->first <= real_) {
      end(endings_.begin()->second);
      endings_.erase(endings_.begin());
    }
    const Meter meter(counted_, hold_);
    const StoreTime now = store_time();
    if (prng_.chance(300'000)) meter.prune(log_, now);
    if (broken_.lease_end_frees) {
      std::erase_if(log_.slots, [&](const Slot& slot) { return slot.open && slot.at <= now; });
    }
    const auto units = static_cast<std::uint32_t>(
        prng_.chance(200'000) ? prng_.between(1, std::min(3U, limit_.n)) : 1);
    const Verdict verdict = meter.decide(log_, units, now);
    if (verdict.why != wire::Wait::kNone) return sleep(meter, verdict, units, now);
    grant(meter, units, now);
    if (prng_.chance(100'000)) real_ = real_ + prng_.between(Duration{}, limit_.window);
  }

  // Nothing but an ending can change the answer before `until`, and it does change then.
  void sleep(const Meter& meter, const Verdict& verdict, std::uint32_t units, StoreTime now) {
    const bool open = std::any_of(log_.slots.begin(), log_.slots.end(),
                                  [](const Slot& slot) { return slot.open; });
    const StoreTime before = std::max(now, verdict.until - microseconds(1));
    exact_ = exact_ && meter.decide(log_, units, before).why != wire::Wait::kNone;
    exact_ = exact_ && (open || meter.decide(log_, units, verdict.until).why == wire::Wait::kNone);
    Instant next = real_ + std::max(microseconds(1), verdict.until - now);
    if (!endings_.empty()) next = std::min(next, endings_.begin()->first);
    real_ = std::max(next, real_ + microseconds(1));
  }

  void grant(const Meter& meter, std::uint32_t units, StoreTime now) {
    const wire::Attempt attempt{"m", ++serial_};
    const Duration lease = seconds(prng_.between(1, 20));
    meter.take(log_, {attempt, true, units, now + lease, now});
    const Instant lease_end = real_ + lease - error_;  // what the sender can be sure of
    const bool alone = endings_.empty() && open_slots() == 1;
    if (alone && prng_.chance(30'000)) return get_stuck(attempt, units, lease_end);
    const auto told = static_cast<Told>(std::min<std::uint64_t>(4, prng_.below(12)));
    switch (prng_.chance(700'000) ? Told::kAnswer : told) {
      case Told::kAnswer: {
        const Instant answer = between(real_, lease_end);
        arrive(between(real_, answer), units);
        endings_.emplace(answer, Ending{Told::kAnswer, attempt, units});
        return;
      }
      case Told::kUnknown: {
        const Instant gave_up = between(real_, lease_end);
        if (prng_.chance(800'000)) arrive(between(real_, gave_up + hold_), units);
        endings_.emplace(gave_up, Ending{Told::kUnknown, attempt, units});
        return;
      }
      case Told::kNotStarted:
        endings_.emplace(between(real_, lease_end), Ending{Told::kNotStarted, attempt, units});
        return;
      case Told::kNever:
        if (prng_.chance(800'000)) arrive(between(real_, lease_end + hold_), units);
        return;
      case Told::kLateAnswer: {
        const Instant answer = between(lease_end, lease_end + hold_);
        arrive(between(real_, answer), units);
        endings_.emplace(answer + seconds(prng_.between(0, 5)),
                         Ending{Told::kLateAnswer, attempt, units});
        return;
      }
    }
  }

  // Beyond assumption A5: its bytes come when its slot is long gone. No meter can foresee that; it
  // must learn of it from the answer. Nothing else is sent meanwhile.
  void get_stuck(const wire::Attempt& attempt, std::uint32_t units, Instant lease_end) {
    real_ = lease_end + error_ * 2 + hold_ + limit_.window * 2 + limit_.guard + seconds(1);
    Meter(counted_, hold_).prune(log_, store_time());
    arrive(real_, units);
    end({Told::kLateAnswer, attempt, units});
  }

  void end(const Ending& ending) {
    const Meter meter(counted_, hold_);
    const StoreTime at = store_time();
    const auto slot = std::find_if(log_.slots.begin(), log_.slots.end(),
                                   [&](const Slot& one) { return one.attempt == ending.attempt; });
    if (ending.told == Told::kNotStarted) return meter.free(log_, ending.attempt);
    if (slot == log_.slots.end() && broken_.no_reinsert) return;
    const bool unknown = ending.told == Told::kUnknown && !broken_.unknown_is_answer;
    if (broken_.completion_dropped && slot != log_.slots.end()) {
      slot->open = false;
      slot->at = slot->granted_at;
      return;
    }
    meter.complete(log_, ending.attempt, ending.units, unknown ? at + hold_ : at);
  }

  void arrive(Instant at, std::uint32_t units) { arrivals_.emplace_back(at, units); }
  [[nodiscard]] std::ptrdiff_t open_slots() const {
    return std::count_if(log_.slots.begin(), log_.slots.end(),
                         [](const Slot& slot) { return slot.open; });
  }

  Prng prng_;
  BrokenMeter broken_;
  Limit limit_, counted_;
  Duration error_, hold_, off_;
  LimitLog log_;
  Instant real_;
  StoreTime last_;
  std::uint32_t serial_ = 0;
  bool exact_ = true;
  std::multimap<Instant, Ending> endings_;
  std::vector<std::pair<Instant, std::uint32_t>> arrivals_;
};

}  // namespace

OracleResult run_oracle(std::uint64_t seed, const BrokenMeter& broken) {
  return Oracle(seed, broken).run();
}

}  // namespace sluice::limiter
