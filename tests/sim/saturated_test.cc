// A key with more than it may send, three limiters, nothing fails: what the meter alone dictates is
// what happens.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/sim/system.h"

namespace sluice::sim {
namespace {

constexpr std::uint32_t kN = 10;
constexpr Duration kWindow = seconds(60);
constexpr Duration kGuard = seconds(1);
constexpr Duration kLatency = milliseconds(200);

struct Times {
  std::vector<Instant> starts;
  int under_way = 0;
  int most_under_way = 0;
};

class Watch : public Witness {
 public:
  Watch(World& world, Times& times) : world_(world), times_(times) {}
  void started(const StartedAttempt&) override {
    times_.starts.push_back(world_.now());
    times_.most_under_way = std::max(times_.most_under_way, ++times_.under_way);
  }
  void answered(const AnsweredAttempt&) override { --times_.under_way; }

 private:
  World& world_;
  Times& times_;
};

Settings saturated(int messages) {
  Prng prng(1);
  Settings settings = Settings::drawn(prng);
  settings.limiters = 3;
  settings.ingests = settings.dispatchers = settings.keys = 1;
  settings.messages = messages;
  settings.costs = 0;
  settings.queued = settings.otherwise = settings.impatient = settings.cancelled = 0;
  settings.pressing = settings.scheduled = 0;
  settings.sending = seconds(30);
  Upstream upstream = settings.upstreams.front();
  upstream.limits = {Limit{"per-key", LimitScope::kKey, kN, kWindow, 3, kGuard}};
  upstream.in_flight = 40;
  upstream.in_flight_per_key = 0;  // auto
  upstream.timeout = seconds(4);
  upstream.expires_after = hours(96);
  settings.upstreams = {upstream};
  settings.limiter = {};
  settings.ingest = {};
  settings.dispatcher = {};
  settings.share_upstreams();
  return settings;
}

// Every start of the run, in order.
Times run(int messages, Duration span) {
  Faults faults = Faults::none();
  faults.upstream.answer_max = kLatency;
  World world(7, faults);
  Times times;
  System system(world, saturated(messages));
  system.witnesses().add(std::make_unique<Watch>(world, times));
  system.begin();
  const auto done = [&] {
    return !world.holds() || times.starts.size() >= static_cast<std::size_t>(messages);
  };
  world.agenda.run_until(Instant{} + span, done);
  EXPECT_TRUE(world.holds());
  return times;
}

TEST(Saturated, TenThousandFinishWithinOnePercentOfWhatTheMeterDictates) {
  constexpr int kMessages = 10'000;
  const Duration meter = (kWindow + kGuard + kLatency) * (kMessages / static_cast<int>(kN));
  const Times times = run(kMessages, meter * 2);
  ASSERT_EQ(times.starts.size(), static_cast<std::size_t>(kMessages));
  EXPECT_LE(times.starts.back() - times.starts.front(), meter + meter / 100);
}

TEST(Saturated, AnHourSendsFiveHundredEightyFiveThreeASecondNeverTwoAtOnce) {
  const Times times = run(800, minutes(65));
  const Instant from = times.starts.front() + minutes(1);
  const auto sent = std::count_if(times.starts.begin(), times.starts.end(),
                                  [&](Instant at) { return at >= from && at < from + hours(1); });
  EXPECT_GE(sent, 585);
  EXPECT_EQ(times.most_under_way, 1);
  for (std::size_t i = 3; i < times.starts.size(); ++i)
    EXPECT_GT(times.starts[i] - times.starts[i - 3], seconds(1)) << i;
}

}  // namespace
}  // namespace sluice::sim
