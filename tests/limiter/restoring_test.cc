// What a trail's listing says, and what is made of it for the store.
#include <gtest/gtest.h>

#include "limiter/listing.h"
#include "limiter/restoring.h"

namespace sluice::limiter {
namespace {

constexpr StoreTime kNow{1'790'000'000'000'000};
const std::string kBegin =
    R"({"t":"attempts","version":1,"upstream":"up","since":0,"begins":0,"until":1790000000000000})";
const std::string kEnd = R"({"t":"end","attempts":1})";

std::string attempt(const std::string& name, const std::string& key, StoreTime at,
                    const std::string& more = R"("units":1,"unknown":0)") {
  const std::string time = std::to_string(at.us);
  return R"({"t":"attempt","name":")" + name + "\"" +
         (key.empty() ? "" : ",\"key\":\"" + key + "\"") + ",\"granted_at\":" + time +
         ",\"completed_at\":" + time + "," + more + "}";
}

Result<Listed> read(const std::vector<std::string>& lines) {
  ListingReader reader("in");
  for (const std::string& line : lines) {
    if (auto read = reader.line(line); !read) return read.error();
  }
  return reader.end();
}
std::string wrong_of(const std::vector<std::string>& lines) {
  const auto read_it = read(lines);
  return read_it ? "" : read_it.error().what;
}

TEST(Listing, is_read_and_keys_are_put_together_over_trails) {
  const auto listed = read({kBegin, attempt("n1", "up:\\\"a\\u0009", kNow), kEnd, kBegin,
                            attempt("n2", "up:\\\"a\\t", kNow, R"("units":3,"unknown":1)"), kEnd});
  ASSERT_TRUE(listed.ok()) << listed.error().what;
  EXPECT_EQ(listed->upstream, "up");
  EXPECT_EQ(listed->listings.size(), 2u);
  ASSERT_EQ(listed->whose.size(), 1u);
  EXPECT_EQ(listed->whose[0].key, "up:\"a\t");
  ASSERT_EQ(listed->sent.size(), 2u);
  EXPECT_EQ(listed->sent[1].units, 3u);
  EXPECT_TRUE(listed->sent[1].unknown);
}

TEST(Listing, what_does_not_parse_is_named_by_line_and_field) {
  const std::string good = attempt("n", "k", kNow);
  EXPECT_EQ(wrong_of({"x"}), "in:1: no flat JSON object on one line");
  EXPECT_NE(wrong_of({good}).find("in:1: field \"t\": a listing begins with"), std::string::npos);
  EXPECT_NE(wrong_of({kBegin, attempt("n", "k", kNow, R"("units":0,"unknown":0)")})
                .find("in:2: field \"units\": \"0\" is no whole number from 1"),
            std::string::npos);
  EXPECT_EQ(wrong_of({kBegin, attempt("n", "k", kNow, R"("units":1)")}),
            "in:2: field \"unknown\": is missing");
  EXPECT_EQ(wrong_of({kBegin, R"({"t":"attempt","name":"n","granted_at":5,"completed_at":4,)"
                              R"("units":1,"unknown":0})"}),
            "in:2: field \"completed_at\": it is before granted_at");
  EXPECT_EQ(wrong_of({kBegin, good}), "in:3: the listing breaks off before its last line");
  EXPECT_EQ(wrong_of({kBegin, good, good, kEnd}),
            "in:4: field \"attempts\": 1 were listed, but 2 lines came");
  EXPECT_NE(wrong_of({}).find("nothing was listed"), std::string::npos);
  std::string other = kBegin;
  other.replace(other.find("\"up\""), 4, "\"down\"");
  EXPECT_NE(wrong_of({kBegin, good, kEnd, other}).find("one upstream at a time"),
            std::string::npos);
}

class Restoring : public testing::Test {
 protected:
  Restoring() {
    shard_.upstream.name = "up";
    shard_.upstream.limits = {
        Limit{"day", LimitScope::kKey, 500, hours(24), 3, seconds(1)},
        Limit{"all", LimitScope::kUpstream, 20, hours(1), 3, seconds(1)},
        Limit{"open", LimitScope::kKey, 5, {}, 1, {}, LimitKind::kConcurrency},
    };
    shard_.version = 7;
    shard_.closed_until = kNow - minutes(1);
    shard_.now = kNow;
    const Tightened held{0, 0, {}, 0xffffffffU, kNow + hours(24)};
    shard_.held = {held, held, {}};
    listed_.upstream = "up";
    listed_.listings = {{kNow - hours(100), kNow - hours(100), kNow}};
    listed_.whose = {{"n1", "up:a"}, {"n2", "up:b"}, {"n3", ""}};
  }
  void sent(std::size_t whose, Duration ago, int count = 1, bool unknown = false) {
    for (int n = 0; n < count; ++n) listed_.sent.push_back({whose, kNow - ago, 1, unknown});
  }
  std::string refused(const Vouched& vouched = {}) {
    const auto call = lifting(listed_, shard_, vouched);
    return call ? "" : call.error().what;
  }

  ShardSeen shard_;
  Listed listed_;
};

TEST_F(Restoring, each_log_gets_what_counts_in_it_the_latest_first) {
  sent(0, minutes(30));
  sent(0, minutes(10));
  sent(1, hours(2));                         // over, for the hour
  sent(1, hours(1) + seconds(30), 1, true);  // not over: it counts unknown_hold longer
  sent(2, minutes(5));
  const auto calls = restoring(listed_, shard_);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].limits_version, 7u);
  EXPECT_EQ(calls[0].closed_until, shard_.closed_until);
  EXPECT_TRUE(calls[0].held.empty());
  ASSERT_EQ(calls[0].logs.size(), 3u);
  EXPECT_EQ(calls[0].logs[0].key, "up:a");
  EXPECT_EQ(calls[0].logs[0].arrived,
            (std::vector<Arrived>{{kNow - minutes(10), 1}, {kNow - minutes(30), 1}}));
  EXPECT_EQ(calls[0].logs[1].key, "up:b");
  EXPECT_EQ(calls[0].logs[1].arrived.size(), 2u);
  EXPECT_EQ(calls[0].logs[2].limit, 1u);
  EXPECT_EQ(calls[0].logs[2].arrived, (std::vector<Arrived>{{kNow - minutes(5), 1},
                                                            {kNow - minutes(10), 1},
                                                            {kNow - minutes(30), 1},
                                                            {kNow - hours(1) + seconds(30), 1}}));
}

TEST_F(Restoring, no_call_has_more_than_it_may_and_nothing_is_left_out) {
  for (int n = 0; n < 3'000; ++n) sent(static_cast<std::size_t>(n % 2), seconds(10 * n));
  std::map<std::uint32_t, std::uint64_t> units;
  for (const Restore& call : restoring(listed_, shard_)) {
    std::size_t arrivals = 0;
    for (const Restore::Log& log : call.logs) {
      arrivals += log.arrived.size();
      for (const Arrived& one : log.arrived) units[log.limit] += one.units;
    }
    EXPECT_LE(arrivals, kRestoreMax);
  }
  EXPECT_EQ(units[0], 3'000u);
  EXPECT_EQ(units[1], 361u);
}

TEST_F(Restoring, a_lift_holds_what_may_be_in_no_trail_and_what_nobody_knows_whose_it_is) {
  sent(2, minutes(5), 40);
  sent(0, minutes(5), 90);
  const auto call = lifting(listed_, shard_, {{}, false, "ann"});
  ASSERT_TRUE(call.ok()) << call.error().what;
  EXPECT_EQ(call->by, "ann");
  // Two: one under way, one whose line was; with the forty of a key that was erased.
  EXPECT_EQ(call->held, (std::vector<std::uint32_t>{42, 20, 0}));
  const auto none = lifting(listed_, shard_, {0, false, "ann"});
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->held, (std::vector<std::uint32_t>{40, 0, 0}));
}

TEST_F(Restoring, what_the_listing_does_not_prove_is_not_lifted) {
  Listing& listing = listed_.listings[0];
  listing.since = kNow - hours(23);
  EXPECT_NE(refused().find("limit \"day\" cannot be lifted: the listing has what ended since"),
            std::string::npos);
  listing.since = listing.begins = kNow - hours(23);
  listing.since = kNow - hours(48);
  EXPECT_NE(refused().find("--nothing-before"), std::string::npos);
  EXPECT_EQ(refused({{}, true, {}}), "");
  listing.begins = kNow - hours(48);
  EXPECT_EQ(refused(), "");
  listing.until = shard_.closed_until - seconds(1);
  EXPECT_NE(refused().find("list attempts again after that"), std::string::npos);
  listing.until = kNow;
  listed_.listings.push_back({kNow - hours(1), {}, kNow});  // of another auditor
  EXPECT_NE(refused().find("cannot be lifted"), std::string::npos);
}

TEST_F(Restoring, a_limit_that_nothing_holds_needs_no_proof) {
  shard_.held = {{}, {}, {}};
  listed_.listings = {{kNow, kNow, kNow}};
  EXPECT_EQ(refused(), "");
}

TEST_F(Restoring, until_when_a_key_is_full) {
  shard_.upstream.limits.resize(1);
  shard_.upstream.limits[0].n = 2;
  shard_.held = {{2, 0, {}, 1, kNow + hours(24)}};
  KeyState state;
  state.limits = shard_.held;
  state.logs = {{{Slot{{}, false, 1, kNow - hours(10), {}}}, {}}};
  EXPECT_EQ(full_until(shard_, 0, state), kNow + hours(14) + seconds(1));
  state.limits[0].held_until = kNow + hours(1);
  EXPECT_EQ(full_until(shard_, 0, state), kNow + hours(1));
  state.limits[0].held = 0;
  EXPECT_EQ(full_until(shard_, 0, state), kNow);
}

}  // namespace
}  // namespace sluice::limiter
