// The meter alone, as a script: it must say what limiter/meter.cc says of the same logs, on its
// lean way and on the other one.
#include <cstring>

#include "lib/base/prng.h"
#include "limiter/meter.h"
#include "tests/conformance/redis_rig.h"

namespace sluice::limiter {
namespace {

const std::vector<std::string> kKeys = {"up:a", "up:b", "up:c"};

struct Decided {
  std::uint8_t why = 0;
  double until = 0;
  friend bool operator==(const Decided&, const Decided&) = default;
};
void PrintTo(const Decided& decided, std::ostream* out) {
  *out << int{decided.why} << " until " << static_cast<std::int64_t>(decided.until);
}

class RedisDecide {
 public:
  explicit RedisDecide(std::vector<Limit> limits)
      : config_(config_of(std::move(limits))), rig_(config_, kStart), teller_(rig_) {
    rig_.limits_version = StoreRig::version_of(config_);
    RedisExchange clock(config_, AskClock{"up", teller_.caller()});
    teller_.peek(kKeys[0]);
    EXPECT_EQ(rig_.exchange(clock, teller_.now), RedisHeard::kDone);
    life_ = clock.life();
  }

  // Something happens to one of the keys, a moment later.
  void step() {
    teller_.wait(milliseconds(prng_.between(std::int64_t{1}, std::int64_t{1'500})));
    const std::string& key = kKeys[prng_.below(kKeys.size())];
    const GrantAsk ask = ask_of(++messages_, key);
    if (teller_.grant(ask).granted != Granted::kYes || prng_.chance(50'000)) return;
    teller_.wait(milliseconds(prng_.between(std::int64_t{0}, std::int64_t{500})));
    Completion completion = completion_of(messages_, 1, wire::Ended::kDelivered);
    completion.outcome.key = key;
    teller_.complete(completion);
  }

  std::vector<Decided> said(const std::vector<std::string>& keys, bool with_life) {
    const port::RedisValue value =
        rig_.evaluate(say_decide("up", keys, {with_life ? life_ : std::string(), false}));
    std::vector<Decided> decided(keys.size());
    EXPECT_EQ(value.text.size(), 9 * keys.size());
    for (std::size_t i = 0; i < keys.size() && value.text.size() == 9 * keys.size(); ++i) {
      decided[i].why = static_cast<std::uint8_t>(value.text[9 * i]);
      std::memcpy(&decided[i].until, &value.text[9 * i + 1], sizeof(double));
    }
    return decided;
  }
  // Of all limits, the one that opens last.
  std::vector<Decided> due() {
    std::vector<Decided> due;
    const Upstream& upstream = config_.upstreams[0];
    for (const std::string& key : kKeys) {
      const KeyState state = teller_.peek(key);
      Verdict last{wire::Wait::kNone, teller_.now};
      for (std::size_t i = 0; i < upstream.limits.size(); ++i) {
        const Meter meter(upstream.limits[i], upstream.unknown_hold);
        const Verdict verdict = meter.decide(state.logs[i], 1, teller_.now);
        if (verdict.why == wire::Wait::kNone) continue;
        if (last.why == wire::Wait::kNone || verdict.until > last.until) last = verdict;
      }
      due.push_back({static_cast<std::uint8_t>(last.why), static_cast<double>(last.until.us)});
    }
    return due;
  }
  // How often the beginning or end of a record was enough.
  static int lean() {
    const std::string stats = RedisRig::server().command({"INFO", "commandstats"}).text;
    const std::size_t at = stats.find("cmdstat_getrange:calls=");
    return at == std::string::npos ? 0 : std::atoi(stats.c_str() + at + 23);
  }

 private:
  StoreConfig config_;
  RedisRig rig_;
  Teller teller_;
  Prng prng_{3};
  std::string life_;
  int messages_ = 0;
};

void decides_as_the_meter_does(std::vector<Limit> limits) {
  RedisDecide decide(std::move(limits));
  int waits = 0;
  for (int i = 0; i < 400; ++i) {
    decide.step();
    const std::vector<Decided> due = decide.due();
    for (const Decided& one : due) waits += one.why > 1;
    ASSERT_EQ(decide.said(kKeys, true), due) << "step " << i;
    ASSERT_EQ(decide.said(kKeys, false), due) << "step " << i;
    const std::vector<Decided> last{due.back()};
    ASSERT_EQ(decide.said({kKeys.back()}, true), last) << "step " << i;
  }
  EXPECT_GT(waits, 100);
}

const Limit kWindow{"window", LimitScope::kKey, 10, seconds(60), 3, seconds(1)};

TEST(RedisDecides, of_one_limit_the_lean_way) {
  const int before = RedisDecide::lean();
  decides_as_the_meter_does({kWindow});
  EXPECT_GT(RedisDecide::lean() - before, 800);
}

TEST(RedisDecides, of_one_limit_with_many_units) {
  decides_as_the_meter_does({{"window", LimitScope::kKey, 40, seconds(200), 5, seconds(1)}});
}

TEST(RedisDecides, of_several_limits) {
  decides_as_the_meter_does(
      {kWindow, {"all", LimitScope::kUpstream, 25, seconds(60), 10, seconds(1)}});
}

}  // namespace
}  // namespace sluice::limiter
