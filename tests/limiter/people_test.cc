// What persons do to keys and upstreams, and what they and the auditor are told of what waits.
#include <gtest/gtest.h>

#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

wire::Control control(wire::Verb verb, const std::string& key = "api:k") {
  wire::Control control;
  control.control_id = 7;
  control.verb = verb;
  control.upstream = "api";
  control.key = key;
  control.by = "ops";
  return control;
}

wire::Parked paused(const Bench& bench, const std::string& key, std::uint64_t count) {
  wire::Parked parked = bench.parked(count, 1);
  parked.key = key;
  parked.holds = {{wire::HoldKind::kPause, StoreTime{}, "ops"}};
  return parked;
}

TEST(People, APauseThatWasEndedDoesNotComeBackWithALateAnnouncement) {
  Started s;
  s.bench.say(s.ingest, control(wire::Verb::kPause));
  s.bench.say(s.ingest, paused(s.bench, "api:k", 1));
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  s.bench.say(s.ingest, control(wire::Verb::kResume));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  s.bench.say(s.dispatcher,
              s.bench.outcome(s.bench.said<wire::Dispatch>()[0], wire::Ended::kDelivered));
  s.bench.clear();
  s.bench.say(s.ingest, paused(s.bench, "api:k", 1));  // another ingest's, read before
  s.bench.say(s.ingest, s.bench.offer("2", 2));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  s.bench.pass(minutes(1));
  s.bench.say(s.ingest, paused(s.bench, "api:k", 1));  // however late it comes
  EXPECT_NE(s.bench.core->explain_key("api:k", s.bench.now)->key_why, wire::Wait::kPaused);
  wire::Parked later = paused(s.bench, "api:k", 1);
  later.holds[0].said_at = s.bench.store_now();
  s.bench.say(s.ingest, later);
  s.bench.clear();
  s.bench.say(s.ingest, s.bench.offer("3", 3));
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  EXPECT_EQ(s.bench.core->explain_key("api:k", s.bench.now)->key_why, wire::Wait::kPaused);
}

// Each word brings a line. When no more of them may wait for the auditor, a pause holds all the
// same.
TEST(People, WordsThatFindNoRoomOnRecordAreToBeSaidAgain) {
  Config config = Bench::config();
  config.unrecorded_max = 3;
  config.words_max = 2;
  Started s(config);
  s.bench.down(s.auditor);
  for (int i = 0; i < 20; ++i) {
    for (const auto verb : {wire::Verb::kPause, wire::Verb::kResume}) {
      s.bench.say(s.ingest, control(verb));
    }
    wire::Control consume = control(wire::Verb::kConsume);
    consume.amount = 1;
    s.bench.say(s.ingest, consume);
    EXPECT_LE(s.bench.core->unrecorded(), 5U);
  }
  EXPECT_FALSE(s.bench.said<wire::Controlled>().back().done);
  EXPECT_EQ(s.bench.core->explain_key("api:k", s.bench.now)->key_why, wire::Wait::kPaused);
  const auto auditor = s.bench.up(wire::Role::kAuditor);
  for (const auto& line : s.bench.said<wire::Record>()) {
    s.bench.say(auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
  }
  s.bench.say(s.ingest, control(wire::Verb::kResume));
  EXPECT_TRUE(s.bench.said<wire::Controlled>().back().done);
}

TEST(People, AnAnnouncementOfAShorterPauseOpensNothing) {
  for (const std::string key : {"api:k", "api"}) {
    Started s;
    wire::Control pause = control(wire::Verb::kPause, key == "api" ? "" : key);
    pause.until = s.bench.store_now() + minutes(5);
    s.bench.say(s.ingest, pause);
    wire::Parked older = paused(s.bench, key, 0);  // of another ingest, said before that
    older.holds[0].until = s.bench.store_now() + seconds(1);
    s.bench.say(s.ingest, older);
    s.bench.store().wipe("another life");
    s.bench.say(s.ingest, s.bench.offer("1", 1));
    s.bench.pass(minutes(4));
    EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
    EXPECT_EQ(s.bench.core->explain_key("api:k", s.bench.now)->key_why, wire::Wait::kPaused);
    s.bench.pass(minutes(2));
    EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  }
}

TEST(People, AnUpstreamIsPausedAndResumedAsAWhole) {
  Started s;
  s.bench.say(s.ingest, control(wire::Verb::kPause, ""));
  ASSERT_EQ(s.bench.said<wire::Controlled>().size(), 1U);
  EXPECT_TRUE(s.bench.said<wire::Controlled>()[0].done);
  ASSERT_EQ(s.bench.said<wire::Recall>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Recall>()[0].key, "");
  ASSERT_EQ(s.bench.said<wire::Record>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Record>()[0].reason, "pause");
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  EXPECT_EQ(s.bench.core->explain_key("api:k", s.bench.now)->key_why, wire::Wait::kPaused);
  s.bench.say(s.ingest, control(wire::Verb::kResume, ""));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
}

// The limiter that comes next may hear of rows before it hears of what holds them.
TEST(People, AStoreThatForgotIsToldOfPausesAgain) {
  Started s;
  s.bench.say(s.ingest, control(wire::Verb::kPause));
  s.bench.say(s.ingest, paused(s.bench, "api:other", 1));
  s.bench.say(s.ingest, paused(s.bench, "api:third", 1));
  s.bench.say(s.ingest, control(wire::Verb::kResume, "api:third"));
  s.bench.store().wipe("another-life");
  s.bench.pass(seconds(5));
  s.bench.pass(seconds(5));  // announced since then
  MemoryShard& store = *s.bench.store().shard("api");
  for (const std::string key : {"api:k", "api:other"}) {
    ASSERT_NE(store.key(key), nullptr) << key;
    ASSERT_EQ(store.key(key)->holds.size(), 1U) << key;
    EXPECT_EQ(store.key(key)->holds[0].kind, wire::HoldKind::kPause);
  }
  EXPECT_TRUE(store.key("api:third") == nullptr || store.key("api:third")->holds.empty());
}

// A time that was foreseen a moment before is not stated any more.
TEST(People, AQuoteAfterAPauseKnowsOfIt) {
  for (const std::string key : {"api:k", ""}) {
    Started s;
    s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 0, 1, {}});
    s.bench.say(s.ingest, control(wire::Verb::kPause, key));
    s.bench.say(s.ingest, wire::Quote{2, "api", "api:k", "", 0, 1, {}});
    const auto quoted = s.bench.said<wire::Quoted>();
    ASSERT_EQ(quoted.size(), 2U);
    EXPECT_EQ(quoted[0].why, wire::Wait::kNone);
    EXPECT_EQ(quoted[1].why, wire::Wait::kPaused) << "paused: " << key;
    EXPECT_EQ(quoted[1].departs_at.us, 0);
  }
}

// A limiter that starts hears of pauses from parking: of keys without rows, and of the upstream
// under its own name.
TEST(People, HoldsComeBackWithoutRows) {
  Started s;
  s.bench.say(s.ingest, paused(s.bench, "api:k", 0));
  EXPECT_TRUE(s.bench.said<wire::Want>().empty());
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  s.bench.say(s.ingest, control(wire::Verb::kResume));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);

  Started other;
  other.bench.say(other.ingest, paused(other.bench, "api", 0));
  other.bench.say(other.ingest, other.bench.offer("1", 1));
  EXPECT_TRUE(other.bench.said<wire::Dispatch>().empty());
  other.bench.say(other.ingest, control(wire::Verb::kResume, ""));
  EXPECT_EQ(other.bench.said<wire::Dispatch>().size(), 1U);
}

TEST(People, ALowerPriorityNumberGoesFirstAlsoWhenTheLineOverflows) {
  Config config = Bench::config();
  config.line_min = 3;
  Started s(config);
  s.bench.say(s.ingest, s.bench.offer("now", 5'000'000));
  s.bench.clear();
  s.bench.say(s.ingest, s.bench.parked(4, 10'000'000));
  for (int i = 1; i <= 3; ++i) {
    s.bench.say(s.ingest, s.bench.offer(std::to_string(i), 10'000'000 * i));
  }
  s.bench.say(s.ingest, s.bench.offer("urgent", 1'000));  // as priority -1 has it
  const auto parks = s.bench.said<wire::Park>();
  ASSERT_EQ(parks.size(), 1U);
  EXPECT_EQ(parks[0].identity, s.bench.offer("3", 1).identity);
  EXPECT_EQ(s.bench.core->explain_id("urgent", s.bench.now)->order, 0U);
  EXPECT_EQ(s.bench.core->explain_id("2", s.bench.now)->order, 2U);
}

// What was urgent stays it, though an attempt of it failed.
TEST(People, ARetryKeepsThePriorityThatItHad) {
  Config config = Bench::config();
  config.upstreams[0].in_flight_per_key = 1;
  Started s(config);
  wire::Offer urgent = s.bench.offer("urgent", 0);
  urgent.order = urgent.first_seen.us - minutes(10).us;
  s.bench.say(s.ingest, urgent);
  const auto first = s.bench.said<wire::Dispatch>().front();
  for (int i = 0; i < 3; ++i) {
    wire::Offer other = s.bench.offer(std::to_string(i), 0);
    other.order = other.first_seen.us + i;
    s.bench.say(s.ingest, other);
  }
  wire::Outcome failed = s.bench.outcome(first, wire::Ended::kNotStarted);
  failed.not_started = wire::NotStarted::kConnect;
  s.bench.clear();
  s.bench.say(s.dispatcher, failed);
  const auto second = s.bench.said<wire::Dispatch>();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(second[0].request.body, "urgent");  // it is backing off
  s.bench.pass(seconds(10));
  s.bench.clear();
  s.bench.say(s.dispatcher, s.bench.outcome(second[0], wire::Ended::kDelivered));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Dispatch>()[0].request.body, "urgent");
}

// Half open: one attempt, and no slot is spent while it is closed.
TEST(People, ABreakerThatIsHalfOpenLetsOneAttemptThrough) {
  Config config = Bench::config(100, seconds(10), 100);
  Started s(config);
  s.bench.credit(s.dispatcher, 0, wire::Wait::kBreaker);
  for (int i = 0; i < 20; ++i) {
    wire::Offer offer = s.bench.offer(std::to_string(i), i + 1);
    offer.key = "api:" + std::to_string(i);
    s.bench.say(s.ingest, offer);
  }
  s.bench.pass(seconds(30));
  EXPECT_EQ(s.bench.core->counts().granted, 0U);
  EXPECT_EQ(s.bench.core->explain_key("api:3", s.bench.now)->upstream_why, wire::Wait::kBreaker);
  s.bench.credit(s.dispatcher, 1, wire::Wait::kBreaker);
  s.bench.pass(seconds(30));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  EXPECT_EQ(s.bench.core->counts().granted, 1U);
  wire::Outcome failed =
      s.bench.outcome(s.bench.said<wire::Dispatch>()[0], wire::Ended::kNotStarted);
  failed.not_started = wire::NotStarted::kConnect;
  s.bench.credit(s.dispatcher, 0, wire::Wait::kBreaker);
  s.bench.say(s.dispatcher, failed);
  s.bench.pass(seconds(30));
  EXPECT_EQ(s.bench.core->counts().granted, 1U);
  s.bench.credit(s.dispatcher, 16);
  EXPECT_EQ(s.bench.core->counts().granted, 17U);
}

TEST(People, EditedLimitsHoldAtOnceAndWhatWasRefusedIsAskedForAnew) {
  Started s(Bench::config(1, seconds(60), 1));
  for (int i = 0; i < 4; ++i) s.bench.say(s.ingest, s.bench.offer(std::to_string(i), i + 1));
  const auto deliver = [&] {
    s.bench.say(s.dispatcher,
                s.bench.outcome(s.bench.said<wire::Dispatch>().back(), wire::Ended::kDelivered));
  };
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  deliver();
  s.bench.pass(seconds(5));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  Config looser = Bench::config(3, seconds(60), 3);
  s.bench.edit(looser);
  s.bench.pass(seconds(16));  // the bucket forgets nothing: two of three tokens came back by then
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);
  EXPECT_EQ(s.bench.said<wire::Dispatch>().back().limits_version,
            limits_version("api", looser.upstreams[0].limits));
  Config tighter = Bench::config(2, seconds(60), 2);
  s.bench.edit(tighter);
  deliver();
  s.bench.pass(seconds(30));  // two of two are spent: nothing more
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);
  s.bench.pass(seconds(40));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 3U);
}

TEST(People, UpstreamsThatAreGoneFromTheFileStay) {
  Upstream before, after, gone;
  before.name = after.name = "api";
  gone.name = "gone";
  before.timeout = seconds(20);
  after.timeout = seconds(5);  // the shard knows until when what was granted before counts
  const auto made = edited({before, gone}, {after});
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[0].timeout, seconds(5));
  EXPECT_EQ(made[1].name, "gone");
}

TEST(People, TheAuditorHearsEachTenSecondsHowMuchWaitsAndSinceWhenForUs) {
  Started s(Bench::config(1, seconds(60), 1));
  s.bench.clear();
  s.bench.pass(seconds(31));
  ASSERT_EQ(s.bench.said<wire::Backlog>().size(), 3U);
  EXPECT_EQ(s.bench.said<wire::Backlog>()[0].held_since, StoreTime{});
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  s.bench.say(s.ingest, s.bench.offer("2", 2));  // waits for the limit: not for us
  EXPECT_EQ(s.bench.core->backlog(s.bench.now).held_since, StoreTime{});
  s.bench.down(s.dispatcher);
  const StoreTime since = s.bench.store_now();
  wire::Offer other = s.bench.offer("3", 3);
  other.key = "api:other";
  s.bench.say(s.ingest, other);
  s.bench.pass(seconds(20));
  EXPECT_EQ(s.bench.said<wire::Backlog>().back().waiting, 0U);  // ingest has counted them
  EXPECT_EQ(s.bench.said<wire::Backlog>().back().held_since, since);
}

// A row that was read before its message was settled is not ahead of anybody.
TEST(People, WhatWasSettledAMomentAgoDoesNotStandInTheLineAgain) {
  Started s(Bench::config(1, seconds(60), 1));
  const auto first = s.dispatch_one("1");
  s.bench.say(s.ingest, s.bench.offer("2", 2));
  s.bench.say(s.dispatcher, s.bench.outcome(first, wire::Ended::kDelivered));
  const auto lines = s.bench.said<wire::Record>();
  ASSERT_EQ(lines.size(), 1U);
  s.bench.say(s.auditor, wire::Recorded{lines[0].record_id, "", wire::Written::kNow, "", ""});
  ASSERT_EQ(s.bench.said<wire::Settled>().size(), 1U);
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  EXPECT_EQ(s.bench.said<wire::Settled>().size(), 2U);
  EXPECT_EQ(s.bench.core->explain_id("2", s.bench.now)->before, 0U);
}

// Who asks has counted a row that has settled; it is forgotten before the store answers.
TEST(People, WhatIsForgottenWhileTheStoreIsAskedIsAheadOfNobody) {
  Started s(Bench::config(1, seconds(60), 1));
  const auto first = s.dispatch_one("1");
  s.bench.say(s.dispatcher, s.bench.outcome(first, wire::Ended::kDelivered));
  s.bench.keep_answers = true;
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 2, 1, {}});
  s.bench.say(s.auditor, wire::Recorded{s.bench.said<wire::Record>().at(0).record_id, "",
                                        wire::Written::kNow, "", ""});
  ASSERT_EQ(s.bench.said<wire::Settled>().size(), 1U);
  s.bench.say(s.ingest, wire::Forgotten{first.attempt.identity, "api"});
  s.bench.keep_answers = false;
  for (const StoreReply& reply : std::exchange(s.bench.kept, {})) s.bench.reply(reply);
  ASSERT_EQ(s.bench.said<wire::Quoted>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Quoted>()[0].position, 1U);
}

TEST(People, WhoIsAheadIsNamed) {
  Started s(Bench::config(1, seconds(60), 1));
  for (int i = 0; i < 4; ++i) s.bench.say(s.ingest, s.bench.offer(std::to_string(i), i + 1));
  const auto third = s.bench.core->explain_id("3", s.bench.now);
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(third->ahead, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(third->before, 3U);
  EXPECT_EQ(third->message.why, wire::Wait::kBehind);
  EXPECT_EQ(s.bench.core->explain_id("0", s.bench.now)->message.state, State::kUnderway);
  const auto key = s.bench.core->explain_key("api:k", s.bench.now);
  EXPECT_EQ(key->id, "1");
  EXPECT_EQ(key->in_line, 3U);
  EXPECT_EQ(key->under_way, 1U);
  EXPECT_FALSE(s.bench.core->explain_key("api:nobody", s.bench.now).has_value());
  EXPECT_FALSE(s.bench.core->explain_id("nobody", s.bench.now).has_value());
}

wire::Control sent_elsewhere(std::uint32_t amount) {
  wire::Control told = control(wire::Verb::kConsume);
  told.amount = amount;
  return told;
}

TEST(People, SendsMadeElsewhereAreChargedAndOnRecord) {
  Started s;
  s.bench.say(s.ingest, sent_elsewhere(9));
  ASSERT_EQ(s.bench.said<wire::Controlled>().size(), 1U);
  EXPECT_TRUE(s.bench.said<wire::Controlled>()[0].done);
  EXPECT_EQ(s.bench.said<wire::Controlled>()[0].control_id, 7U);
  const auto lines = s.bench.said<wire::Record>();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].kind, wire::RecordKind::kConsume);
  EXPECT_EQ(lines[0].key, "api:k");
  EXPECT_EQ(lines[0].units, 9U);
  EXPECT_EQ(lines[0].reason, "by ops");
  s.bench.say(s.auditor, wire::Recorded{lines[0].record_id, "", wire::Written::kNow, "", ""});
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 1, 1, {}});
  const auto quoted = s.bench.said<wire::Quoted>();
  ASSERT_EQ(quoted.size(), 1U);
  EXPECT_GE(quoted[0].departs_at, s.bench.store_now() + seconds(61));
  s.bench.clear();
  s.bench.pass(seconds(10));
  EXPECT_TRUE(s.bench.said<wire::Record>().empty());
}

// The answer of the store is lost: what is said again is charged once.
TEST(People, WhatWasSentElsewhereIsSaidUntilTheStoreAnswersAndChargedOnce) {
  Started s;
  s.bench.pass(seconds(1));
  s.bench.keep_answers = true;  // applied, and not told
  s.bench.say(s.ingest, sent_elsewhere(4));
  EXPECT_TRUE(s.bench.said<wire::Controlled>().empty());
  s.bench.keep_answers = false;
  s.bench.pass(seconds(9));
  ASSERT_EQ(s.bench.said<wire::Controlled>().size(), 1U);
  EXPECT_TRUE(s.bench.said<wire::Controlled>()[0].done);
  s.bench.pass(seconds(9));
  EXPECT_EQ(s.bench.said<wire::Controlled>().size(), 1U);
  s.bench.pass(seconds(30));
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 5, 1, {}});
  const auto quoted = s.bench.said<wire::Quoted>();
  ASSERT_EQ(quoted.size(), 1U);
  EXPECT_LT(quoted[0].departs_at, s.bench.store_now() + seconds(20));  // 4 and 6 are 10
}

TEST(People, WhatWasSentElsewhereIsRefusedWhenNothingCountsIt) {
  Started s;
  s.bench.say(s.ingest, sent_elsewhere(0));
  wire::Control whole = sent_elsewhere(3);
  whole.key.clear();
  s.bench.say(s.ingest, whole);  // its limits are all of keys
  const auto controlled = s.bench.said<wire::Controlled>();
  ASSERT_EQ(controlled.size(), 2U);
  EXPECT_NE(controlled[0].error.find("amount"), std::string::npos);
  EXPECT_NE(controlled[1].error.find("no limit"), std::string::npos);
  EXPECT_TRUE(s.bench.said<wire::Record>().empty());
}

TEST(People, WhoAskedIsToldThatTheStoreIsAway) {
  Started s;
  s.bench.store_answers = false;
  s.bench.say(s.ingest, sent_elsewhere(3));
  s.bench.pass(seconds(11));
  const auto controlled = s.bench.said<wire::Controlled>();
  ASSERT_EQ(controlled.size(), 1U);
  EXPECT_FALSE(controlled[0].done);
  s.bench.store_answers = true;
  s.bench.pass(seconds(6));
  EXPECT_EQ(s.bench.said<wire::Record>().size(), 1U);
}

}  // namespace
}  // namespace sluice::limiter
