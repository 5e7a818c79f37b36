// What the trail proves is counted again in a store that forgot: every arrival once, whatever of it
// the store knows; a person ends the closure of a long window, and nobody by mistake.
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Ended;
using wire::Wait;

constexpr std::uint32_t kPlenty = 1'000;

class StoreRestore : public StoreTest {
 protected:
  void SetUp() override { use_day(20); }
  void use_day(std::uint32_t n) {
    use(config_of({Limit{"day", LimitScope::kKey, n, hours(24), n, seconds(1)}}));
    rig_->come_back_forgetting(teller().now);
    teller().peek();
  }
  LimitsReply ask() { return std::get<LimitsReply>(teller().say(AskLimits{"up"}).answer); }
  Restore call() {
    const LimitsReply known = ask();
    return {"up", known.limits.version, known.shard.closed_until, {}, {}, "ann"};
  }
  LimitsReply restore(const Restore& call) {
    return std::get<LimitsReply>(teller().say(call).answer);
  }
  // So many arrivals of the key, one each minute, the last at `last`.
  static std::vector<Arrived> each_minute(StoreTime last, int count) {
    std::vector<Arrived> arrived;
    for (int n = 0; n < count; ++n) arrived.push_back({last - minutes(n), 1});
    return arrived;
  }
  LimitsReply count_again(const std::vector<Arrived>& arrived, const std::string& key = "up:user") {
    Restore said = call();
    said.logs.push_back({key, 0, arrived});
    return restore(said);
  }
  void lift(std::uint32_t held) {
    Restore said = call();
    said.held = {held};
    EXPECT_FALSE(restore(said).stale);
  }
  std::uint64_t units() {
    std::uint64_t units = 0;
    const KeyState known = teller().peek();
    for (const Slot& slot : known.logs.at(0).slots) units += slot.units;
    return units;
  }
  // Until the shard is open for windows up to close_max.
  void wait_for_closure() { teller().now = ask().shard.closed_until + minutes(10); }
  // How many more go until the window is full.
  int send(int from) {
    int sent = 0;
    while (sent < 2'000 && teller().grant(from + sent).granted == Granted::kYes) {
      teller().complete(from + sent, 1'000'000'000, Ended::kDelivered);
      ++sent;
      teller().wait(seconds(1));
    }
    return sent;
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreRestore, testing::ValuesIn(store_kinds()),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(StoreRestore, a_long_window_counts_as_full_until_a_person_lifts_that) {
  wait_for_closure();
  EXPECT_EQ(teller().grant(1).why, Wait::kWindowFull);
  count_again(each_minute(kStart - minutes(1), 15));
  EXPECT_EQ(teller().grant(1).why, Wait::kWindowFull);
  EXPECT_EQ(units(), 15u);
  lift(0);
  for (int n = 1; n <= 5; ++n) EXPECT_EQ(teller().grant(n).granted, Granted::kYes) << n;
  const auto full = teller().grant(6);
  EXPECT_EQ(full.why, Wait::kWindowFull);
  // The first that arrived leaves the window first.
  EXPECT_EQ(full.until, kStart - minutes(15) + hours(24) + seconds(1));
}

TEST_P(StoreRestore, said_again_it_counts_once) {
  const auto arrived = each_minute(kStart - minutes(1), 15);
  count_again(arrived);
  count_again({arrived.begin(), arrived.begin() + 7});
  count_again(arrived);
  EXPECT_EQ(units(), 15u);
  count_again(each_minute(kStart - minutes(1), 18));
  EXPECT_EQ(units(), 18u);
}

// 300 an hour are counted in sub-windows, which have no names of what is in them.
TEST_P(StoreRestore, said_again_it_counts_once_in_sub_windows_too) {
  use_day(500);
  const auto arrived = each_minute(kStart - minutes(1), 300);
  count_again(arrived);
  EXPECT_EQ(units(), 300u);
  count_again(arrived);
  count_again({arrived.begin(), arrived.begin() + 100});
  EXPECT_EQ(units(), 300u);
}

TEST_P(StoreRestore, what_the_store_knows_already_is_not_counted_twice_and_never_freed) {
  use(config_of({Limit{"day", LimitScope::kKey, 20, hours(24), 20, seconds(1)}}));
  std::vector<Arrived> arrived;
  for (int n = 1; n <= 6; ++n) {
    ASSERT_EQ(teller().grant(n).granted, Granted::kYes);
    teller().complete(n, 1, Ended::kDelivered);
    arrived.insert(arrived.begin(), {teller().peek().logs.at(0).slots.back().at, 1});
    teller().wait(minutes(1));
  }
  ASSERT_EQ(teller().grant(7).granted, Granted::kYes);  // under way: in no trail
  count_again(arrived);
  EXPECT_EQ(units(), 7u);
  count_again({});
  EXPECT_EQ(units(), 7u);
  arrived.erase(arrived.begin() + 2);
  arrived.push_back({kStart - minutes(5), 2});
  count_again(arrived);  // it knows one that the store has not, twice as heavy, but not the fourth
  EXPECT_EQ(units(), 8u);
}

TEST_P(StoreRestore, what_may_have_been_forgotten_besides_is_held) {
  wait_for_closure();
  count_again(each_minute(kStart, 10));
  lift(3);
  EXPECT_EQ(send(1), 7);
  lift(kPlenty);  // nothing is held tighter again, nor looser
  EXPECT_EQ(teller().grant(100).why, Wait::kWindowFull);
  lift(1);
  EXPECT_EQ(send(101), 2);
}

TEST_P(StoreRestore, what_was_computed_for_another_closure_or_other_limits_is_refused) {
  Restore said = call();
  said.logs.push_back({"up:user", 0, each_minute(kStart, 10)});
  said.held = {0};
  rig_->come_back_forgetting(teller().now + seconds(1));
  teller().wait(seconds(1));
  EXPECT_TRUE(restore(said).stale);
  said.closed_until = ask().shard.closed_until;
  said.limits_version = 7;
  EXPECT_TRUE(restore(said).stale);
  EXPECT_EQ(units(), 0u);
  wait_for_closure();
  EXPECT_EQ(teller().grant(1).why, Wait::kWindowFull);
}

TEST_P(StoreRestore, the_lift_is_a_line_of_the_shard_with_who_did_it) {
  wait_for_closure();
  lift(2);
  const auto lines = ask().shard.outbox;
  ASSERT_EQ(lines.size(), 2u);  // behind that of the closure
  EXPECT_EQ(lines[0].reason, "closure: first");
  EXPECT_EQ(lines[1].kind, wire::RecordKind::kLimits);
  EXPECT_EQ(lines[1].limits_version, lines[1].limits_before);
  EXPECT_EQ(lines[1].reason, "by ann; restored from the trail, held by 2");
  lift(2);
  EXPECT_EQ(ask().shard.outbox.size(), 2u);  // it changed nothing
}

TEST_P(StoreRestore, what_is_over_and_limits_of_the_upstream_as_a_whole) {
  use(config_of({Limit{"all", LimitScope::kUpstream, 5, hours(1), 5, seconds(1)}}));
  rig_->come_back_forgetting(teller().now);
  teller().peek();
  wait_for_closure();
  count_again({{teller().now - minutes(1), 3}, {teller().now - hours(2), 100}}, "");
  lift(0);
  EXPECT_EQ(send(1), 2);
}

}  // namespace
}  // namespace sluice::limiter
