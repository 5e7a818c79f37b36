// Limits that a person says while it runs: which hold, the shard knows, whatever the settings say.
#include "lib/wire/limits.h"
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Wait;

class StoreSaid : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    file_version_ = rig_->limits_version;
    teller().peek();
  }
  std::vector<Limit> limits_of(std::uint32_t n) {
    std::vector<Limit> limits = config_.upstreams[0].limits;
    limits[0].n = n;
    return limits;
  }
  static std::uint64_t version_of(const std::vector<Limit>& limits) {
    return limits_version("up", limits);
  }
  LimitsReply say(std::vector<Limit> limits, std::uint64_t instead_of = 0) {
    SetLimits edit{"up", "ann", std::move(limits), instead_of};
    return std::get<LimitsReply>(teller().say(edit).answer);
  }
  LimitsReply look() { return std::get<LimitsReply>(teller().say(AskLimits{"up"}).answer); }
  // The process comes back with settings that say `n`; the caller knows what it knew.
  void restart(std::uint32_t n) {
    const std::uint64_t known = rig_->limits_version;
    config_.upstreams[0].limits = limits_of(n);
    rig_->restart_with(config_, teller().now);
    rig_->limits_version = known;
    teller().peek();
  }
  std::uint64_t file_version_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreSaid, testing::ValuesIn(all_store_kinds()),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(StoreSaid, what_holds_is_told_with_who_said_it) {
  const LimitsReply before = look();
  EXPECT_EQ(before.limits.version, file_version_);
  EXPECT_EQ(before.limits.limits, config_.upstreams[0].limits);
  EXPECT_EQ(before.limits.by, "settings");
  teller().wait(seconds(5));
  const LimitsReply edited = say(limits_of(4), file_version_);
  EXPECT_FALSE(edited.stale);
  EXPECT_EQ(edited.limits.version, version_of(limits_of(4)));
  EXPECT_EQ(edited.limits.limits, limits_of(4));
  EXPECT_EQ(edited.limits.by, "ann");
  EXPECT_EQ(edited.limits.at, teller().now);
  ASSERT_EQ(edited.shard.outbox.size(), 1u);
  EXPECT_EQ(edited.shard.outbox[0].limits_before, file_version_);
  EXPECT_EQ(edited.shard.outbox[0].limits_version, edited.limits.version);
  EXPECT_EQ(edited.shard.outbox[0].limit_rows, wire::rows_of(limits_of(4)));
  EXPECT_EQ(look().limits.version, edited.limits.version);
}

TEST_P(StoreSaid, they_hold_at_once_for_whoever_asks) {
  for (int n = 1; n <= 3; ++n) teller().grant(n);
  say(limits_of(3));
  const auto stale = teller().grant(4);
  EXPECT_EQ(stale.limit, "stale_settings");
  rig_->limits_version = version_of(limits_of(3));
  EXPECT_EQ(teller().grant(4).why, Wait::kWindowFull);
  EXPECT_EQ(teller().peek().limits.at(0).n, 3u);
  say(limits_of(20));
  rig_->limits_version = version_of(limits_of(20));
  teller().wait(seconds(15));
  EXPECT_EQ(teller().grant(4).granted, Granted::kYes);
}

TEST_P(StoreSaid, each_reply_says_which_version_holds) {
  EXPECT_EQ(teller().say(AskClock{"up", teller().caller()}).limits_version, file_version_);
  say(limits_of(3));
  const std::uint64_t version = version_of(limits_of(3));
  EXPECT_EQ(teller().say(Grant{teller().caller(), {ask_of(1)}}).limits_version, version);
  EXPECT_EQ(teller().say(Peek{"up", {"up:user"}}).limits_version, version);
}

TEST_P(StoreSaid, of_two_edits_of_one_version_the_first_holds) {
  EXPECT_FALSE(say(limits_of(4), file_version_).stale);
  const LimitsReply late = say(limits_of(5), file_version_);
  EXPECT_TRUE(late.stale);
  EXPECT_EQ(late.limits.version, version_of(limits_of(4)));
  EXPECT_EQ(look().limits.limits, limits_of(4));
  EXPECT_FALSE(say(limits_of(4), file_version_).stale) << "said again, as its answer was lost";
  EXPECT_FALSE(say(limits_of(5), version_of(limits_of(4))).stale);
  EXPECT_FALSE(say(limits_of(6)).stale) << "instead of any";
  EXPECT_EQ(look().shard.outbox.size(), 3u);
}

TEST_P(StoreSaid, a_restart_undoes_nothing_and_edited_settings_do) {
  say(limits_of(4));
  restart(10);
  EXPECT_EQ(look().limits.limits, limits_of(4));
  EXPECT_EQ(look().limits.by, "ann");
  restart(7);
  EXPECT_EQ(look().limits.limits, limits_of(7));
  EXPECT_EQ(look().limits.by, "settings");
  say(limits_of(4));
  restart(10);  // back again: that is an edit, too
  EXPECT_EQ(look().limits.limits, limits_of(10));
}

// The window of P1 spans the edits: what was counted stays counted.
TEST_P(StoreSaid, edits_to_and_fro_let_nothing_more_through) {
  for (int n = 1; n <= 3; ++n) teller().grant(n);
  for (const std::uint32_t most : {3U, 10U, 3U}) {
    say(limits_of(most));
    rig_->limits_version = version_of(limits_of(most));
  }
  teller().wait(seconds(30));
  EXPECT_EQ(teller().grant(4).why, Wait::kWindowFull);
}

TEST_P(StoreSaid, limits_come_and_go) {
  std::vector<Limit> two = limits_of(10);
  Limit open{"open", LimitScope::kUpstream, 1};
  open.kind = LimitKind::kConcurrency;
  two.push_back(open);
  say(two);
  rig_->limits_version = version_of(two);
  EXPECT_EQ(teller().peek().limits.size(), 2u);
  EXPECT_EQ(teller().grant(1).granted, Granted::kWait);  // what is open nobody knows
  teller().wait(minutes(5));
  EXPECT_EQ(teller().grant(1).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(2).limit, "open");
  say(limits_of(10));
  rig_->limits_version = file_version_;
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  EXPECT_EQ(teller().peek().limits.size(), 1u);
}

}  // namespace
}  // namespace sluice::limiter
