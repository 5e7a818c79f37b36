// The core, one input at a time: what arrives, and what it says.
#include <gtest/gtest.h>

#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

TEST(CoreTable, TheWayOfAMessage) {
  Started s;
  const wire::Dispatch dispatch = s.dispatch_one();
  EXPECT_EQ(dispatch.attempt_number, 1U);
  EXPECT_EQ(dispatch.idempotency_key.size(), 32U);
  s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  EXPECT_EQ(s.bench.said<wire::Completed>().size(), 1U);
  EXPECT_TRUE(s.bench.said<wire::Settled>().empty());
  const auto records = s.bench.said<wire::Record>();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].settlement, static_cast<std::uint32_t>(wire::Settlement::kDelivered));
  s.bench.say(s.auditor, wire::Recorded{records[0].record_id, "", wire::Written::kNow, "", ""});
  ASSERT_EQ(s.bench.said<wire::Settled>().size(), 1U);
  EXPECT_EQ(s.bench.core->messages(), 0U);
  s.bench.clear();
  s.bench.say(s.ingest, s.bench.offer("1", 1));  // as after a lost Settled
  EXPECT_EQ(s.bench.said<wire::Settled>().size(), 1U);
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
}

TEST(CoreTable, TheLastAnswerGoesWithTheSettlementOfAReplyToAlone) {
  for (const std::string url : {"https://h.example/", ""}) {
    Started s;
    wire::Offer offer = s.bench.offer("1", 1);
    offer.reply_to = url;
    s.bench.say(s.ingest, offer);
    const auto dispatches = s.bench.said<wire::Dispatch>();
    ASSERT_EQ(dispatches.size(), 1U);
    wire::Outcome outcome = s.bench.outcome(dispatches[0], wire::Ended::kDelivered);
    outcome.answer = "{\"sent\":true}";
    s.bench.say(s.dispatcher, outcome);
    const auto records = s.bench.said<wire::Record>();
    ASSERT_EQ(records.size(), 1U);
    s.bench.say(s.auditor, wire::Recorded{records[0].record_id, "", wire::Written::kNow, "", ""});
    const auto settled = s.bench.said<wire::Settled>();
    ASSERT_EQ(settled.size(), 1U);
    EXPECT_EQ(settled[0].answer, url.empty() ? "" : outcome.answer);
  }
}

TEST(CoreTable, OneAtATimeByTheHeadOfTheLine) {
  Started s;
  s.bench.say(s.ingest, s.bench.offer("b", 2));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  s.bench.say(s.ingest, s.bench.offer("d", 4));
  s.bench.say(s.ingest, s.bench.offer("c", 3));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);  // in flight: one
  const auto first = s.bench.said<wire::Dispatch>().front();
  s.bench.say(s.dispatcher, s.bench.outcome(first, wire::Ended::kDelivered));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);
  EXPECT_EQ(s.bench.said<wire::Dispatch>()[1].request.body, "c");
}

// Two questions on their way could be answered in either order, and order would be lost.
TEST(CoreTable, OneQuestionOfAKeyAtATime) {
  Config config = Bench::config();
  config.upstreams[0].in_flight_per_key = 4;
  Started s(config);
  const std::size_t before = s.bench.asked;
  s.bench.store_answers = false;
  for (int i = 0; i < 4; ++i) s.bench.say(s.ingest, s.bench.offer(std::to_string(i), i + 1));
  EXPECT_EQ(s.bench.asked, before + 1);
  s.bench.store_answers = true;
  s.bench.pass(seconds(6));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 3U);
}

TEST(CoreTable, NoDispatcherNoGrant) {
  Bench bench(Bench::config());
  const auto ingest = bench.up(wire::Role::kIngest);
  const auto offer = bench.offer("1", 1);
  bench.say(ingest, offer);
  EXPECT_EQ(bench.core->explain(offer.identity, bench.now)->why, wire::Wait::kNoDispatcher);
  const auto dispatcher = bench.dispatcher(0);
  bench.credit(dispatcher, 0, wire::Wait::kBreaker);
  EXPECT_EQ(bench.core->explain(offer.identity, bench.now)->why, wire::Wait::kBreaker);
  EXPECT_EQ(bench.core->counts().granted, 0U);
  bench.credit(dispatcher, 1);
  EXPECT_EQ(bench.said<wire::Dispatch>().size(), 1U);
}

TEST(CoreTable, AGrantForADispatcherThatIsGoneIsGivenBack) {
  Started s;
  s.bench.store_answers = false;
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  s.bench.down(s.dispatcher);
  const auto other = s.bench.dispatcher();
  s.bench.store_answers = true;
  s.bench.pass(seconds(6));  // the Grant is said again, and answered
  const auto dispatches = s.bench.said<wire::Dispatch>();
  ASSERT_EQ(dispatches.size(), 1U);
  EXPECT_EQ(dispatches[0].attempt_number, 1U);
  EXPECT_EQ(s.bench.sent.back().peer, other);
}

TEST(CoreTable, ADispatchersReturnIsAskedWhatBecameOfTheAttempt) {
  Started s;
  const auto dispatch = s.dispatch_one();
  s.bench.down(s.dispatcher);
  s.bench.pass(seconds(3));
  s.bench.clear();
  const auto again = s.bench.dispatcher(16, 55);
  ASSERT_EQ(s.bench.said<wire::Asked>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Asked>()[0].attempt, dispatch.attempt);
  s.bench.pass(seconds(3));
  EXPECT_EQ(s.bench.said<wire::Asked>().size(), 4U);  // each second
  auto never = s.bench.outcome(dispatch, wire::Ended::kNotStarted);
  never.not_started = wire::NotStarted::kNeverSeen;
  s.bench.say(again, never);
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Dispatch>()[0].attempt.serial, dispatch.attempt.serial + 1);
}

TEST(CoreTable, AtTheLeasesEndTheStoreGivesTheAttemptUp) {
  Started s;
  const auto dispatch = s.dispatch_one();
  s.bench.down(s.dispatcher);
  s.bench.dispatcher();
  s.bench.clear();
  s.bench.pass(dispatch.lease_end - s.bench.store_now() + seconds(1));
  const auto records = s.bench.said<wire::Record>();
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records[0].ended, static_cast<std::uint32_t>(wire::Ended::kUnknown));
  s.bench.pass(seconds(30));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Dispatch>()[0].attempt_number, 2U);
}

TEST(CoreTable, AnHeirAsksTheDispatcherAndCompletesItsOutcome) {
  Started s;
  const auto dispatch = s.dispatch_one();
  Config heir = Bench::config();
  heir.life = 2;
  s.bench.core = std::make_unique<LimiterCore>(heir, 8);
  s.bench.clear();
  const auto ingest = s.bench.up(wire::Role::kIngest);
  const auto dispatcher = s.bench.dispatcher(16, 55);
  s.bench.say(ingest, s.bench.offer("1", 1));
  ASSERT_EQ(s.bench.said<wire::Asked>().size(), 1U);
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  s.bench.say(dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  EXPECT_EQ(s.bench.said<wire::Completed>().size(), 1U);
  const auto auditor = s.bench.up(wire::Role::kAuditor);
  const auto records = s.bench.said<wire::Record>();
  ASSERT_EQ(records.size(), 1U);
  s.bench.say(auditor, wire::Recorded{records[0].record_id, "", wire::Written::kNow, "", ""});
  EXPECT_EQ(s.bench.said<wire::Settled>().size(), 1U);
}

TEST(CoreTable, AnOrphanOutcomeIsWrittenAndCompleted) {
  Started s;
  const auto dispatch = s.dispatch_one();
  Config heir = Bench::config();
  heir.life = 2;
  s.bench.core = std::make_unique<LimiterCore>(heir, 8);
  s.bench.clear();
  s.bench.pass(seconds(1));
  const auto dispatcher = s.bench.dispatcher(16, 55);
  s.bench.say(dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  EXPECT_EQ(s.bench.said<wire::Completed>().size(), 1U);
  s.bench.say(dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  EXPECT_EQ(s.bench.said<wire::Completed>().size(), 2U);  // the first was lost: said again
}

TEST(CoreTable, AFailedAttemptIsParkedWithTheTimeOfTheNext) {
  Started s;
  const auto dispatch = s.dispatch_one();
  s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kFailed));
  const auto parks = s.bench.said<wire::Park>();
  ASSERT_EQ(parks.size(), 1U);
  EXPECT_EQ(parks[0].why, wire::Wait::kBackoff);
  EXPECT_GE(parks[0].due, s.bench.store_now() + seconds(5));
  EXPECT_LE(parks[0].due, s.bench.store_now() + seconds(11));
  // Offered again with that order it stays, and goes when it is due: no circle of Park and Offer.
  auto row = s.bench.offer("1", parks[0].due.us);
  s.bench.say(s.ingest, row);
  EXPECT_EQ(s.bench.said<wire::Park>().size(), 1U);
  EXPECT_EQ(s.bench.core->explain(row.identity, s.bench.now)->why, wire::Wait::kBackoff);
  s.bench.pass(seconds(11));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);
}

TEST(CoreTable, CancelledAndExpiredEndOutOfTurn) {
  Started s;
  s.dispatch_one("0");
  s.bench.say(s.ingest, s.bench.offer("1", 2));
  auto brief = s.bench.offer("2", 3);
  brief.expires_at = s.bench.store_now() + seconds(3);
  s.bench.say(s.ingest, brief);
  s.bench.clear();
  auto cancelled = s.bench.offer("1", 2);
  cancelled.cancelled = true;
  s.bench.say(s.ingest, cancelled);
  auto records = s.bench.said<wire::Record>();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].settlement, static_cast<std::uint32_t>(wire::Settlement::kCancelled));
  s.bench.pass(seconds(4));
  records = s.bench.said<wire::Record>();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[1].settlement, static_cast<std::uint32_t>(wire::Settlement::kExpired));
}

TEST(CoreTable, UnrecordedLinesStopGrantsAtTheirLimit) {
  Config config = Bench::config(100, seconds(60), 100);
  config.unrecorded_max = 3;
  Bench bench(config);
  const auto ingest = bench.up(wire::Role::kIngest);
  const auto dispatcher = bench.dispatcher();
  for (int i = 0; i < 10; ++i) bench.say(ingest, bench.offer(std::to_string(i), i + 1));
  for (std::size_t done = 0; done < bench.said<wire::Dispatch>().size(); ++done) {
    bench.say(dispatcher,
              bench.outcome(bench.said<wire::Dispatch>()[done], wire::Ended::kDelivered));
  }
  EXPECT_EQ(bench.said<wire::Dispatch>().size(), 3U);
  EXPECT_EQ(bench.core->unrecorded(), 3U);
  EXPECT_EQ(bench.core->explain(bench.offer("3", 4).identity, bench.now)->why,
            wire::Wait::kAuditorAway);
  const auto auditor = bench.up(wire::Role::kAuditor);
  for (const auto& line : bench.said<wire::Record>()) {
    bench.say(auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
  }
  EXPECT_GT(bench.said<wire::Dispatch>().size(), 3U);
}

TEST(CoreTable, DrainFinishesWhatIsUnderWayAndStartsNothing) {
  Started s;
  const auto dispatch = s.dispatch_one();
  s.bench.core->drain();
  EXPECT_FALSE(s.bench.core->idle());
  s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  s.bench.say(s.ingest, s.bench.offer("2", 2));
  for (const auto& line : s.bench.said<wire::Record>()) {
    s.bench.say(s.auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
  }
  s.bench.pass(milliseconds(1));
  EXPECT_TRUE(s.bench.core->idle());
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Settled>().size(), 1U);
}

TEST(CoreTable, PauseIsInTheStoreBeforeItIsAnsweredAndResumeOpens) {
  Started s;
  wire::Control control;
  control.control_id = 9;
  control.verb = wire::Verb::kPause;
  control.upstream = "api";
  control.key = "api:k";
  control.by = "ann";
  s.bench.store_answers = false;
  s.bench.say(s.ingest, control);
  EXPECT_TRUE(s.bench.said<wire::Controlled>().empty());
  s.bench.store_answers = true;
  s.bench.pass(seconds(6));
  ASSERT_EQ(s.bench.said<wire::Controlled>().size(), 1U);
  EXPECT_TRUE(s.bench.said<wire::Controlled>()[0].done);
  const auto offer = s.bench.offer("1", 1);
  s.bench.say(s.ingest, offer);
  EXPECT_EQ(s.bench.core->explain(offer.identity, s.bench.now)->why, wire::Wait::kPaused);
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  control.control_id = 10;
  control.verb = wire::Verb::kResume;
  s.bench.say(s.ingest, control);
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Controlled>().size(), 2U);
}

// A clock's answer that comes after a newer one teaches nothing; the next is asked for all the
// same.
TEST(CoreTable, ALateAnswerOfTheClockIsNotTheLast) {
  Started s;
  s.bench.pass(milliseconds(1'900));
  s.bench.keep_answers = true;
  s.bench.pass(milliseconds(200));  // AskClock is on its way
  ASSERT_EQ(s.bench.kept.size(), 1U);
  StoreReply late = s.bench.kept[0];
  s.bench.keep_answers = false;
  s.bench.pass(milliseconds(100));
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 0, 1, {}});
  s.dispatch_one();  // its Grant's answer is newer
  s.bench.pass(milliseconds(2'500));
  late.received = s.bench.now;
  s.bench.reply(late);
  const std::size_t before = s.bench.asked;
  s.bench.pass(seconds(4));
  EXPECT_GT(s.bench.asked, before);
}

TEST(CoreTable, QuotesSayWhenAndWhy) {
  Started s;
  for (std::uint64_t ahead = 0; ahead < 11; ++ahead) {
    s.bench.say(s.ingest, wire::Quote{ahead + 1, "api", "api:k", "", ahead, 1, {}});
  }
  const auto quoted = s.bench.said<wire::Quoted>();
  ASSERT_EQ(quoted.size(), 11U);
  const auto wait = [&](std::size_t i) {
    return static_cast<double>((quoted[i].departs_at - quoted[i].now).us) / 1e6;
  };
  EXPECT_EQ(quoted[0].why, wire::Wait::kNone);
  EXPECT_EQ(quoted[0].remaining, 2U);
  EXPECT_NEAR(wait(2), 0, 0.01);
  EXPECT_NEAR(wait(3), 6, 0.01);
  EXPECT_EQ(quoted[3].why, wire::Wait::kPacing);
  EXPECT_EQ(quoted[3].quota, 10U);
  EXPECT_EQ(quoted[3].window, seconds(60));
  EXPECT_NEAR(wait(9), 42, 0.01);
  EXPECT_NEAR(wait(10), 61, 0.01);
  EXPECT_EQ(quoted[10].why, wire::Wait::kWindowFull);
}

// One at a time, and an answer took two seconds: so the second of a key goes two seconds later.
// For who watches: the first look asks for the forecast, the second one has it.
TEST(CoreTable, WhoWatchesIsToldTheNextDepartureAndTheLast) {
  Started s;
  EXPECT_EQ(s.bench.core->departures(s.bench.now).last.us, 0);
  s.bench.say(s.ingest, s.bench.parked(11, 1));
  s.bench.core->departures(s.bench.now);
  s.bench.pass(milliseconds(10));
  const auto found = s.bench.core->departures(s.bench.now);
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 10, 1, {}});
  ASSERT_EQ(s.bench.said<wire::Quoted>().size(), 1U);
  EXPECT_EQ(found.last, s.bench.said<wire::Quoted>()[0].departs_at);
  EXPECT_EQ(found.next.us, 0);  // not one of them is here yet
}

TEST(CoreTable, AQuoteKnowsHowLongAnswersTake) {
  Started s;
  const auto dispatch = s.dispatch_one();
  s.bench.pass(seconds(2));
  s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  for (std::uint64_t ahead = 0; ahead < 2; ++ahead) {
    s.bench.say(s.ingest, wire::Quote{ahead + 1, "api", "api:other", "", ahead, 1, {}});
  }
  const auto quoted = s.bench.said<wire::Quoted>();
  ASSERT_EQ(quoted.size(), 2U);
  EXPECT_EQ(quoted[0].departs_at, quoted[0].now);
  // Sooner by 1/64 of the window, so that it leaves no earlier than it was said to.
  EXPECT_EQ(quoted[1].departs_at, quoted[1].now + seconds(2) - microseconds(60'000'000 / 64));
}

TEST(CoreTable, AQuoteSubtractsWhatIsUnderWay) {
  Started s;
  const auto dispatch = s.dispatch_one();
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 1, 1, {}});
  ASSERT_EQ(s.bench.said<wire::Quoted>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Quoted>()[0].position, 0U);
  EXPECT_EQ(s.bench.said<wire::Quoted>()[0].remaining, 1U);
  // Delivered and told, but its row is still counted by ingest until it says Forgotten.
  s.settle(dispatch);
  s.bench.say(s.ingest, wire::Quote{2, "api", "api:k", "", 1, 1, {}});
  EXPECT_EQ(s.bench.said<wire::Quoted>()[1].position, 0U);
  s.bench.say(s.ingest, wire::Forgotten{dispatch.attempt.identity, "api"});
  s.bench.say(s.ingest, wire::Quote{3, "api", "api:k", "", 1, 1, {}});
  EXPECT_EQ(s.bench.said<wire::Quoted>()[2].position, 1U);
}

// Ingest has forgotten a row that was read before and is here again meanwhile: it counts it no
// more, whatever is said of it yet.
TEST(CoreTable, AQuoteSubtractsARowNoMoreThatIsForgotten) {
  Started s;
  s.settle(s.dispatch_one());
  s.bench.keep_answers = true;
  const wire::Offer row = s.bench.offer("1", 1);
  s.bench.say(s.ingest, row);
  s.bench.say(s.ingest, wire::Forgotten{row.identity, "api"});
  s.bench.keep_answers = false;
  s.bench.clear();
  for (const StoreReply& reply : std::exchange(s.bench.kept, {})) s.bench.reply(reply);
  ASSERT_EQ(s.bench.said<wire::Settled>().size(), 1U);
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 1, 1, {}});
  ASSERT_EQ(s.bench.said<wire::Quoted>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Quoted>()[0].position, 1U);
}

// Each ingest knows the rows of its own store alone; in the key's line stand those of all.
TEST(CoreTable, AQuoteCountsTheRowsOfOtherStores) {
  Started s;
  const auto other = s.bench.up(wire::Role::kIngest);
  const auto position = [&](wire::PeerId asker, std::uint64_t ahead) {
    s.bench.clear();
    s.bench.say(asker, wire::Quote{1, "api", "api:k", "", ahead, 1, {}});
    const auto quoted = s.bench.said<wire::Quoted>();
    return quoted.empty() ? 1'000 : quoted[0].position;
  };
  s.bench.say(s.ingest, s.bench.parked(3, 1));
  EXPECT_EQ(position(other, 0), 3U);
  s.bench.say(other, wire::Parked{"q", "api:k", "api", 8, 2, {}});
  EXPECT_EQ(position(s.ingest, 3), 11U);
  EXPECT_EQ(position(other, 8), 11U);
  EXPECT_EQ(position(other, 4), 5U);  // in the middle of its own: of the three the first
  const auto dispatch = s.dispatch_one();
  EXPECT_EQ(position(s.ingest, 3), 10U);  // the store's log has it
  s.settle(dispatch);
  EXPECT_EQ(position(s.ingest, 3), 10U);
  s.bench.say(s.ingest, wire::Forgotten{dispatch.attempt.identity, "api"});
  EXPECT_EQ(position(s.ingest, 2), 10U);
  EXPECT_EQ(position(other, 8), 10U);
  s.bench.say(s.ingest, wire::Moved{"p", "api", "api:k"});
  EXPECT_EQ(position(other, 8), 8U);
}

TEST(CoreTable, ManyQuotesOfAKeyAskTheStoreOnce) {
  Started s;
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 0, 1, {}});
  const std::size_t before = s.bench.asked;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    s.bench.say(s.ingest, wire::Quote{i + 2, "api", "api:k", "", i, 1, {}});
  }
  EXPECT_EQ(s.bench.asked, before);
  EXPECT_EQ(s.bench.said<wire::Quoted>().size(), 20'001U);
}

TEST(CoreTable, QuotesOfAClosedUpstreamNameTheReasonAndNoTime) {
  Bench bench(Bench::config());
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, wire::Quote{1, "api", "api:k", "", 0, 1, {}});
  ASSERT_EQ(bench.said<wire::Quoted>().size(), 1U);
  EXPECT_EQ(bench.said<wire::Quoted>()[0].why, wire::Wait::kNoDispatcher);
  EXPECT_EQ(bench.said<wire::Quoted>()[0].departs_at.us, 0);
}

TEST(CoreTable, HeartbeatsCountWhatIsHeldOfAnIngest) {
  Started s;
  const auto other = s.bench.up(wire::Role::kIngest);
  s.dispatch_one("1");
  s.bench.say(s.ingest, s.bench.offer("2", 2));
  s.bench.say(other, s.bench.offer("2", 2));
  EXPECT_EQ(s.bench.core->heartbeat(s.ingest, s.bench.now).held_count, 2U);
  EXPECT_EQ(s.bench.core->heartbeat(other, s.bench.now).held_count, 1U);
  EXPECT_EQ(s.bench.core->heartbeat(other, s.bench.now).held_hash,
            wire::short_hash(s.bench.offer("2", 2).identity));
  EXPECT_TRUE(s.bench.core->heartbeat(s.dispatcher, s.bench.now).store.has_value());
}

TEST(CoreTable, ADispatcherWhoseTableDiffersThriceIsAskedAboutEverything) {
  Started s;
  const auto dispatch = s.dispatch_one();
  s.bench.clear();
  for (int i = 0; i < 2; ++i) s.bench.credit(s.dispatcher, 16);
  EXPECT_TRUE(s.bench.said<wire::Asked>().empty());
  s.bench.credit(s.dispatcher, 16);
  EXPECT_EQ(s.bench.said<wire::Asked>().size(), 1U);
}

}  // namespace
}  // namespace sluice::limiter
