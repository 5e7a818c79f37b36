// Ingest's core: submissions, rows, announcements, settlements.
#include <gtest/gtest.h>

#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

// ---- submissions

TEST(IngestCore, Says202OnlyAfterTheCommit) {
  World w;
  w.parking_answers = false;
  w.accept(submission(1, "a"));
  ASSERT_EQ(w.unanswered.size(), 1U);  // the look-up
  EXPECT_TRUE(w.responds.empty());
  w.parking_answers = true;
  w.complete(ParkingReply{w.unanswered[0].call_id, w.parking.apply(w.unanswered[0].call)});
  ASSERT_NE(w.answer<Accepted>(1), nullptr);
  EXPECT_EQ(w.parking.rows().size(), 1U);
  EXPECT_FALSE(w.answer<Accepted>(1)->repeat);
}

TEST(IngestCore, NeedsNoLimiterForA202AndAnnouncesWhenOneComes) {
  World w;
  w.accept(submission(1, "a"));
  ASSERT_NE(w.answer<Accepted>(1), nullptr);
  EXPECT_FALSE(w.answer<Accepted>(1)->forecast);
  w.limiter_up(7);
  const auto parked = w.sent<wire::Parked>();
  ASSERT_EQ(parked.size(), 1U);
  EXPECT_EQ(parked[0].key, "k");
  EXPECT_EQ(parked[0].count, 1U);
  ASSERT_EQ(w.sent<wire::Announced>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Announced>()[0].keys, 1U);
}

TEST(IngestCore, AQuoteWithoutAnAnswerIsNotWaitedForLong) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  EXPECT_EQ(w.sent<wire::Quote>().size(), 1U);
  EXPECT_EQ(w.answer<Accepted>(1), nullptr);
  w.pass(milliseconds(100));
  ASSERT_NE(w.answer<Accepted>(1), nullptr);
  EXPECT_FALSE(w.answer<Accepted>(1)->forecast);
}

TEST(IngestCore, ElevenAtOnceAreEachBehindTheOnesBefore) {
  World w;
  w.limiter_up(7);
  for (std::uint64_t n = 0; n < 11; ++n) w.accept(submission(n, "m" + std::to_string(n)));
  const auto quotes = w.sent<wire::Quote>();
  ASSERT_EQ(quotes.size(), 11U);
  for (std::uint64_t n = 0; n < 11; ++n) EXPECT_EQ(quotes[n].ahead, n);
  for (const wire::Quote& quote : quotes) w.from(7, quoted(quote, seconds(0)));
  for (std::uint64_t n = 0; n < 11; ++n) EXPECT_NE(w.answer<Accepted>(n), nullptr);
  w.clear();
  w.accept(submission(20, "late"));
  EXPECT_EQ(w.sent<wire::Quote>().at(0).ahead, 11U);
}

TEST(IngestCore, WhatIsToGoLaterIsNotAhead) {
  World w;
  Submit later = submission(1, "later");
  later.message.not_before = later.at + hours(24);
  w.accept(later);
  w.limiter_up(7);
  w.accept(submission(2, "now"));
  EXPECT_EQ(w.sent<wire::Quote>().at(0).ahead, 0U);
}

TEST(IngestCore, KeepsTheOrderOfArrival) {
  World w;
  for (std::uint64_t n = 0; n < 20; ++n) w.accept(submission(n, "m" + std::to_string(n)));
  w.limiter_up(7);
  w.from(7, wire::Want{1, "ingest-1", "k", 20});
  const auto offers = w.sent<wire::Offer>();
  ASSERT_EQ(offers.size(), 20U);
  for (std::size_t n = 0; n < 20; ++n) EXPECT_EQ(offers[n].id, "m" + std::to_string(n));
}

struct WaitCase {
  Preference preference;
  Duration wait;
  std::int64_t retry_after_s;  // 0: taken
};

TEST(IngestCore, RefusesWhatWouldWaitTooLong) {
  const Preference async{Preference::Kind::kAsync, {}};
  const std::vector<WaitCase> cases = {{{}, seconds(120), 0},
                                       {{}, milliseconds(120'001), 1},
                                       {{}, seconds(300), 180},
                                       {async, hours(50), 0},
                                       {within(0), seconds(0), 0},
                                       {within(0), milliseconds(1), 1},
                                       {within(0), milliseconds(6'100), 7},
                                       {within(10), seconds(10), 0},
                                       {within(10), seconds(15), 5}};
  for (const WaitCase& c : cases) {
    World w;
    w.limiter_up(7);
    w.accept(submission(1, "a", "k", c.preference));
    w.from(7, quoted(w.sent<wire::Quote>().at(0), c.wait));
    if (c.retry_after_s == 0) {
      EXPECT_NE(w.answer<Accepted>(1), nullptr) << c.wait.us;
    } else {
      ASSERT_NE(w.answer<TooMany>(1), nullptr) << c.wait.us;
      EXPECT_EQ(w.answer<TooMany>(1)->retry_after, seconds(c.retry_after_s));
      EXPECT_TRUE(w.parking.rows().empty());
    }
  }
}

TEST(IngestCore, AnAnswerThatIsAwaitedAnyMomentIsNoWait) {
  for (const auto& [wait, taken] : {std::pair(milliseconds(999), true), {seconds(1), false}}) {
    World w;
    w.limiter_up(7);
    w.accept(submission(1, "a", "k", within(0)));
    wire::Quoted answer = quoted(w.sent<wire::Quote>().at(0), wait);
    answer.why = wire::Wait::kInFlight;
    w.from(7, answer);
    EXPECT_EQ(w.answer<Accepted>(1) != nullptr, taken) << wait.us;
    EXPECT_EQ(w.answer<TooMany>(1) != nullptr, !taken) << wait.us;
  }
}

TEST(IngestCore, AWaitThatItsProducerAskedForIsNotTooLong) {
  for (const auto& [wait, taken] :
       {std::pair(hours(5) + seconds(120), true), {hours(5) + milliseconds(120'001), false}}) {
    World w;
    w.limiter_up(7);
    auto later = submission(1, "a", "k");
    wire::Quoted answer = quoted(wire::Quote{}, wait);
    later.message.not_before = answer.now + hours(5);
    w.accept(later);
    answer.quote_id = w.sent<wire::Quote>().at(0).quote_id;
    w.from(7, answer);
    EXPECT_EQ(w.answer<Accepted>(1) != nullptr, taken) << wait.us;
    EXPECT_EQ(w.answer<TooMany>(1) != nullptr, !taken) << wait.us;
  }
}

TEST(IngestCore, ARepeatGetsTheSameAnswerWhateverTheWait) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.from(7, quoted(w.sent<wire::Quote>().at(0), seconds(0)));
  w.clear();
  w.accept(submission(2, "a", "k", within(0)));
  ASSERT_EQ(w.sent<wire::Quote>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Parked>().size(), 1U);  // the answer to the put may have been lost
  EXPECT_EQ(w.sent<wire::Quote>()[0].identity, identity("embedded", "a", "k"));
  w.from(7, quoted(w.sent<wire::Quote>()[0], hours(1)));
  ASSERT_NE(w.answer<Accepted>(2), nullptr);
  EXPECT_TRUE(w.answer<Accepted>(2)->repeat);
  EXPECT_EQ(w.parking.rows().size(), 1U);
}

TEST(IngestCore, TheSameIdWithOtherBytesOrKeyIsAConflict) {
  World w;
  w.accept(submission(1, "a"));
  Submit other = submission(2, "a");
  other.message.request.body = "other";
  w.accept(other);
  ASSERT_NE(w.answer<Conflict>(2), nullptr);
  EXPECT_FALSE(w.answer<Conflict>(2)->key);
  w.accept(submission(3, "a", "k2"));
  ASSERT_NE(w.answer<Conflict>(3), nullptr);
  EXPECT_TRUE(w.answer<Conflict>(3)->key);
}

TEST(IngestCore, TwoOfOneIdAtTheSameTimeMakeOneRow) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.accept(submission(2, "a"));
  for (const wire::Quote& quote : w.sent<wire::Quote>()) w.from(7, quoted(quote, seconds(0)));
  ASSERT_NE(w.answer<Accepted>(1), nullptr);
  ASSERT_NE(w.answer<Accepted>(2), nullptr);
  EXPECT_TRUE(w.answer<Accepted>(2)->repeat);
  EXPECT_EQ(w.parking.rows().size(), 1U);
}

TEST(IngestCore, ParkingAwayIs503AndAPutThatWasWrittenIsStillAnnounced) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.parking_answers = false;
  w.from(7, quoted(w.sent<wire::Quote>().at(0), seconds(0)));
  const ParkingCall put = w.unanswered.at(0);
  w.clear();
  w.pass(seconds(5));
  ASSERT_NE(w.answer<Unavailable>(1), nullptr);
  w.parking_answers = true;
  w.complete(ParkingReply{put.call_id, w.parking.apply(put.call)});
  EXPECT_EQ(w.sent<wire::Parked>().size(), 1U);
  EXPECT_EQ(w.core.counts().accepted, 0U);
}

// ---- rows

TEST(IngestCore, AnswersAWantWithOffersThenRows) {
  World w;
  w.limiter_up(7);
  for (std::uint64_t n = 0; n < 3; ++n) {
    w.accept(submission(n, "m" + std::to_string(n)));
    w.pass(milliseconds(100));
  }
  w.clear();
  w.from(7, wire::Want{9, "ingest-1", "k", 2});
  ASSERT_EQ(w.sends.size(), 3U);
  const auto offers = w.sent<wire::Offer>();
  ASSERT_EQ(offers.size(), 2U);
  EXPECT_EQ(offers[0].want_id, 9U);
  EXPECT_FALSE(offers[0].offered_before);
  const auto& rows = std::get<wire::Rows>(w.sends[2].item);
  EXPECT_EQ(rows.want_id, 9U);
  EXPECT_EQ(rows.count, 2U);
  EXPECT_TRUE(rows.more);
  w.clear();
  w.from(7, wire::Want{10, "ingest-1", "k", 5});
  EXPECT_TRUE(w.sent<wire::Offer>().at(0).offered_before);
  EXPECT_FALSE(w.sent<wire::Rows>().at(0).more);
}

// Behind a head that is under way lies what may go next: a Want is answered to its end.
TEST(IngestCore, AWantForMoreThanAPageIsAnsweredPageByPage) {
  Config config;
  config.read_max = 2;
  World w(config);
  w.limiter_up(7);
  for (std::uint64_t n = 0; n < 6; ++n) {
    w.accept(submission(n, "m" + std::to_string(n)));
    w.pass(milliseconds(100));
  }
  w.clear();
  w.from(7, wire::Want{9, "ingest-1", "k", 5});
  EXPECT_EQ(w.sent<wire::Offer>().size(), 5U);
  ASSERT_EQ(w.sent<wire::Rows>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Rows>()[0].count, 5U);
  EXPECT_TRUE(w.sent<wire::Rows>()[0].more);
  w.clear();
  w.from(7, wire::Want{10, "ingest-1", "k", 9});
  EXPECT_EQ(w.sent<wire::Offer>().size(), 6U);
  ASSERT_EQ(w.sent<wire::Rows>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Rows>()[0].count, 6U);
  EXPECT_FALSE(w.sent<wire::Rows>()[0].more);
}

TEST(IngestCore, AWantForNothingIsAnsweredEmpty) {
  World w;
  w.limiter_up(7);
  w.from(7, wire::Want{9, "ingest-1", "k", 2});
  ASSERT_EQ(w.sent<wire::Rows>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Rows>()[0].count, 0U);
}

TEST(IngestCore, SettledTakesTheRowThenSaysForgotten) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.pass(milliseconds(100));
  const std::string id = identity("embedded", "a", "k");
  w.parking_answers = false;
  w.from(7, settled(id, "k"));
  EXPECT_TRUE(w.sent<wire::Forgotten>().empty());
  const ParkingCall call = w.unanswered.at(0);
  w.complete(ParkingReply{call.call_id, w.parking.apply(call.call)});
  ASSERT_EQ(w.sent<wire::Forgotten>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Forgotten>()[0].identity, id);
  EXPECT_TRUE(w.parking.rows().empty());
  EXPECT_EQ(w.parking.names().at(id).state, NameState::kDelivered);
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestCore, ALostSettlementIsSaidAgain) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.pass(milliseconds(100));
  w.parking_answers = false;
  w.from(7, settled(identity("embedded", "a", "k"), "k"));
  w.pass(seconds(5));
  w.parking_answers = true;
  w.pass(seconds(1));
  EXPECT_EQ(w.sent<wire::Forgotten>().size(), 1U);
  EXPECT_TRUE(w.parking.rows().empty());
}

TEST(IngestCore, ARowThatIsDueLateIsReorderedAndAnnounced) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.pass(milliseconds(100));
  w.accept(submission(2, "b"));
  w.pass(milliseconds(100));
  w.clear();
  const StoreTime due{1'700'000'600'000'000};
  w.from(7, wire::Park{identity("embedded", "a", "k"), "k", wire::Origin::kRow,
                       wire::Wait::kBackoff, due});
  ASSERT_EQ(w.sent<wire::Parked>().size(), 1U);
  w.from(7, wire::Want{1, "ingest-1", "k", 9});
  EXPECT_EQ(w.sent<wire::Offer>().at(0).id, "b");
  EXPECT_EQ(w.sent<wire::Offer>().at(1).order, due.us);
}

TEST(IngestCore, AnnouncesAllKeysOnEachWelcomeAndEachMinute) {
  Config config;
  config.read_max = 2;
  World w(config);
  for (std::uint64_t n = 0; n < 5; ++n)
    w.accept(submission(n, std::to_string(n), "k" + std::to_string(n)));
  w.limiter_up(7);
  EXPECT_EQ(w.sent<wire::Parked>().size(), 2U);  // a page: others have their turn before the next
  w.pass(milliseconds(100));
  EXPECT_EQ(w.sent<wire::Parked>().size(), 5U);
  EXPECT_EQ(w.sent<wire::Announced>().at(0).keys, 5U);
  w.clear();
  w.pass(seconds(60));
  EXPECT_EQ(w.sent<wire::Parked>().size(), 5U);
  EXPECT_EQ(w.sent<wire::Announced>().size(), 1U);
  w.clear();
  w.complete(wire::PeerDown{PeerId{7}});
  w.limiter_up(8);
  w.pass(milliseconds(100));
  EXPECT_EQ(w.sent<wire::Parked>().size(), 5U);
  EXPECT_EQ(w.sends.at(0).peer, PeerId{8});
}

TEST(IngestCore, AnAnnouncementSurvivesParkingsAbsence) {
  World w;
  w.accept(submission(1, "a"));
  w.parking_answers = false;
  w.limiter_up(7);
  w.pass(seconds(5));
  w.parking_answers = true;
  w.pass(seconds(1));
  EXPECT_EQ(w.sent<wire::Parked>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Announced>().size(), 1U);
}

TEST(IngestCore, KeysAreSpreadAndMoveWithTheirLimiter) {
  World w;
  for (std::uint64_t n = 0; n < 40; ++n)
    w.accept(submission(n, std::to_string(n), "k" + std::to_string(n)));
  w.limiter_up(1, "limiter-1");
  w.clear();
  w.limiter_up(2, "limiter-2");
  const std::size_t second = w.sent<wire::Parked>().size();
  EXPECT_GT(second, 5U);
  EXPECT_LT(second, 35U);
  const std::string moved = w.sent<wire::Parked>()[0].key;
  w.clear();
  w.from(1, wire::Want{3, "ingest-1", moved, 4});
  EXPECT_TRUE(w.sent<wire::Offer>().empty());
  EXPECT_EQ(w.sent<wire::Rows>().at(0).count, 0U);
  w.clear();
  w.complete(wire::PeerDown{PeerId{2}});
  EXPECT_EQ(w.sent<wire::Parked>().size(), 40U);
}

TEST(IngestCore, ADifferenceThreeTimesInARowSaysEverythingAgain) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.pass(milliseconds(100));
  w.from(7, wire::Want{1, "ingest-1", "k", 5});
  const std::uint64_t hash = wire::short_hash(identity("embedded", "a", "k"));
  w.clear();
  w.complete(wire::PeerFacts{PeerId{7}, {}, 0, 0, {}});
  w.complete(wire::PeerFacts{PeerId{7}, {}, 1, hash, {}});
  w.complete(wire::PeerFacts{PeerId{7}, {}, 0, 0, {}});
  w.complete(wire::PeerFacts{PeerId{7}, {}, 0, 0, {}});
  EXPECT_TRUE(w.sends.empty());
  w.complete(wire::PeerFacts{PeerId{7}, {}, 0, 0, {}});
  EXPECT_EQ(w.sent<wire::Parked>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Offer>().size(), 1U);
  EXPECT_EQ(w.core.counts().reannounced, 1U);
}

// A limiter may hold rows of a hundred thousand keys: they are read a few at a time.
TEST(IngestCore, AfterADifferenceHeadsAreReadAFewAtATime) {
  constexpr std::uint64_t kKeys = 2 * kAgainMax;
  World w;
  w.limiter_up(7);
  for (std::uint64_t n = 1; n <= kKeys; ++n) {
    w.accept(submission(n, std::to_string(n), "k" + std::to_string(n)));
    w.pass(milliseconds(100));
    w.from(7, wire::Want{n, "ingest-1", "k" + std::to_string(n), 5});
  }
  w.clear();
  w.parking_answers = false;
  for (int i = 0; i < 3; ++i) w.complete(wire::PeerFacts{PeerId{7}, {}, 0, 0, {}});
  const auto reads = [&] {
    return std::count_if(w.unanswered.begin(), w.unanswered.end(), [](const ParkingCall& call) {
      return std::holds_alternative<ReadHead>(call.call);
    });
  };
  EXPECT_EQ(reads(), kAgainMax);
  w.parking_answers = true;
  while (!w.unanswered.empty()) {
    const ParkingCall call = w.unanswered.front();
    w.unanswered.erase(w.unanswered.begin());
    w.complete(ParkingReply{call.call_id, w.parking.apply(call.call)});
  }
  EXPECT_EQ(w.sent<wire::Offer>().size(), kKeys);
}

TEST(IngestCore, CancelMarksAndOffersOutOfTurn) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.pass(milliseconds(100));
  w.clear();
  w.accept(Cancel{2, "a"});
  ASSERT_NE(w.answer<CancelTaken>(2), nullptr);
  EXPECT_TRUE(w.answer<CancelTaken>(2)->name.cancelled);
  ASSERT_EQ(w.sent<wire::Offer>().size(), 1U);
  EXPECT_TRUE(w.sent<wire::Offer>()[0].cancelled);
  w.accept(Cancel{3, "nobody"});
  EXPECT_NE(w.answer<NotFound>(3), nullptr);
}

TEST(IngestCore, TheSweepOffersExpiredRows) {
  World w;
  Submit one = submission(1, "a");
  one.message.expires_at = StoreTime{1'700'000'100'000'000};
  w.accept(one);
  w.limiter_up(7);
  w.pass(seconds(30));
  EXPECT_TRUE(w.sent<wire::Offer>().empty());
  const StoreBounds bounds{StoreTime{1'700'000'200'000'000}, StoreTime{1'700'000'200'000'100}};
  w.complete(wire::PeerFacts{PeerId{7}, {}, 0, 0, RoundTrip{w.now - seconds(1), w.now, bounds}});
  w.pass(minutes(10));
  EXPECT_GE(w.sent<wire::Offer>().size(), 1U);
}

TEST(IngestCore, LooksUpWithTheLimitersWord) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.pass(milliseconds(100));
  w.clear();
  w.accept(Lookup{2, "a"});
  ASSERT_EQ(w.sent<wire::Quote>().size(), 1U);
  w.from(7, quoted(w.sent<wire::Quote>()[0], seconds(6)));
  ASSERT_NE(w.answer<Found>(2), nullptr);
  EXPECT_TRUE(w.answer<Found>(2)->forecast);
  w.accept(Lookup{3, "x"});
  EXPECT_NE(w.answer<NotFound>(3), nullptr);
}

// What is not counted is not asked about: the limiter would be told a wrong place.
TEST(IngestCore, AMessageWithTooManyBeforeItIsFoundWithoutAPlace) {
  World w;
  w.limiter_up(7);
  w.parking_answers = false;
  w.clear();
  w.accept(Lookup{1, "m", {}});
  LookupAnswer there;
  there.name = Name{};
  there.name->key = "k";
  w.complete(ParkingReply{w.unanswered.back().call_id, there});
  EXPECT_TRUE(w.sent<wire::Quote>().empty());
  ASSERT_NE(w.answer<Found>(1), nullptr);
  EXPECT_FALSE(w.answer<Found>(1)->ahead);
}

// Names end as fast as messages are sent: each is forgotten when its time is over, however many.
TEST(IngestCore, AllNamesWhoseTimeIsOverAreForgottenInOneSweep) {
  Config config;
  config.remember = seconds(60);
  World w(config);
  const StoreTime began{1'700'000'000'000'000};
  for (int n = 0; n < 25'000; ++n) {
    wire::Offer m = message("m" + std::to_string(n), "k");
    m.identity = identity(m.source, m.id, m.key);
    w.parking.apply(Put{m, false, began});
    w.parking.apply(SettleRow{settled(m.identity, m.key), began + seconds(60)});
  }
  w.limiter_up(7);
  w.accept(submission(1, "last"));  // tells the wall clock
  w.pass(config.sweep_every + seconds(70));
  EXPECT_EQ(w.parking.names().size(), 1U);
}

}  // namespace
}  // namespace sluice::ingest
