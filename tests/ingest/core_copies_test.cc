// Ingest's core: queue copies and costs.
#include <gtest/gtest.h>

#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

// ---- queue copies

TEST(IngestCore, OffersCopiesOnCreditAndAgainOnEachWelcome) {
  World w;
  w.limiter_up(7);
  w.complete(wire::PeerFacts{PeerId{7}, {wire::Credit{"", 2, wire::Wait::kNone}}, 0, 0, {}});
  for (const char* id : {"a", "b", "c"}) w.accept(queue_copy(id, "k", std::string("r") + id));
  EXPECT_EQ(w.sent<wire::Offer>().size(), 2U);
  EXPECT_FALSE(w.sent<wire::Offer>()[0].offered_before);
  w.from(7, settled(identity("sqs", "a", "k"), "k"));
  w.complete(wire::PeerFacts{PeerId{7}, {}, 1, wire::short_hash(identity("sqs", "b", "k")), {}});
  EXPECT_EQ(w.sent<wire::Offer>().size(), 3U);
  w.clear();
  w.complete(wire::PeerDown{PeerId{7}});
  w.limiter_up(8);
  ASSERT_EQ(w.sent<wire::Offer>().size(), 2U);
  EXPECT_TRUE(w.sent<wire::Offer>()[0].offered_before);
}

// Two copies, and the limiter takes one.
struct CreditForOne : World {
  CreditForOne() {
    limiter_up(7);
    complete(wire::PeerFacts{PeerId{7}, {wire::Credit{"", 1, wire::Wait::kNone}}, 0, 0, {}});
    accept(queue_copy("a", "noisy", "r1"));
    accept(queue_copy("b", "quiet", "r2"));
  }
};

TEST(IngestCore, ACopyThatFindsNoCreditBecomesARow) {
  CreditForOne w;
  w.pass(milliseconds(99));
  EXPECT_TRUE(w.parking.rows().empty());
  w.pass(milliseconds(1));
  ASSERT_EQ(w.asked<DeleteCopy>().size(), 1U);
  EXPECT_EQ(w.asked<DeleteCopy>()[0].receipt, "r2");
  ASSERT_EQ(w.sent<wire::Parked>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Parked>()[0].key, "quiet");
  EXPECT_EQ(w.core.copies(), 1U);
}

TEST(IngestCore, ACopyThatFindsCreditInTimeStaysOne) {
  CreditForOne w;
  w.pass(milliseconds(50));
  w.from(7, settled(identity("sqs", "a", "noisy"), "noisy"));
  w.complete(wire::PeerFacts{PeerId{7}, {wire::Credit{"", 1, wire::Wait::kNone}}, 0, 0, {}});
  EXPECT_EQ(w.sent<wire::Offer>().size(), 2U);
  w.pass(milliseconds(500));
  EXPECT_TRUE(w.parking.rows().empty());
}

TEST(IngestCore, TheNextCopyOfALineGoesAsSoonAsOneHasEnded) {
  CreditForOne w;
  w.accept(queue_copy("c", "quiet", "r3"));
  EXPECT_EQ(w.sent<wire::Offer>().size(), 1U);
  w.from(7, settled(identity("sqs", "a", "noisy"), "noisy"));
  ASSERT_EQ(w.sent<wire::Offer>().size(), 2U);
  EXPECT_EQ(w.sent<wire::Offer>()[1].id, "b");
}

TEST(IngestCore, WhoeverBecameARowIsInNoLine) {
  CreditForOne w;
  w.pass(milliseconds(100));
  w.accept(queue_copy("c", "quiet", "r3"));
  w.from(7, settled(identity("sqs", "a", "noisy"), "noisy"));
  ASSERT_EQ(w.sent<wire::Offer>().size(), 2U);
  EXPECT_EQ(w.sent<wire::Offer>()[1].id, "c");
}

TEST(IngestCore, ALimiterWithoutCreditHoldsUpNoOther) {
  World w;
  w.limiter_up(7, "limiter-1");
  w.limiter_up(8, "limiter-2");
  for (const int peer : {7, 8}) {
    w.complete(wire::PeerFacts{PeerId{static_cast<std::uint32_t>(peer)},
                               {wire::Credit{"", peer == 7 ? 0U : 100U, wire::Wait::kNone}},
                               0,
                               0,
                               {}});
  }
  for (int n = 0; n < 20; ++n) {
    const std::string id = std::to_string(n);
    w.accept(queue_copy(id, "key-" + id, "r" + id));
  }
  const std::size_t offered = w.sent<wire::Offer>().size();
  EXPECT_GT(offered, 0U);
  EXPECT_LT(offered, 20U);
  EXPECT_EQ(w.core.queue_room(), 256 - (20 - offered));
}

TEST(IngestCore, NoCopiesAreAskedForWhileALineIsFull) {
  Config config;
  config.line_max = 2;
  World w(config);
  EXPECT_EQ(w.core.queue_room(), 2U);
  w.accept(queue_copy("a", "k", "r1"));
  w.accept(queue_copy("b", "k", "r2"));
  EXPECT_EQ(w.core.queue_room(), 0U) << "no limiter is there";
  EXPECT_GT(w.core.room(), 0U);
  w.limiter_up(7);
  EXPECT_EQ(w.core.queue_room(), 2U);
}

TEST(IngestCore, ParkPutsThenDeletesThenAnnounces) {
  World w;
  w.limiter_up(7);
  w.accept(queue_copy("a", "k", "r1"));
  w.parking_answers = false;
  w.from(7, wire::Park{
                identity("sqs", "a", "k"), "k", wire::Origin::kQueueCopy, wire::Wait::kBehind, {}});
  EXPECT_TRUE(w.asked<DeleteCopy>().empty());
  EXPECT_TRUE(w.sent<wire::Parked>().empty());
  const ParkingCall call = w.unanswered.at(0);
  w.complete(ParkingReply{call.call_id, w.parking.apply(call.call)});
  ASSERT_EQ(w.asked<DeleteCopy>().size(), 1U);
  EXPECT_EQ(w.asked<DeleteCopy>()[0].receipt, "r1");
  EXPECT_EQ(w.sent<wire::Parked>().size(), 1U);
  EXPECT_EQ(w.parking.rows().size(), 1U);
  EXPECT_EQ(w.core.copies(), 0U);
}

TEST(IngestCore, ACopyIsNotDeletedWhenParkingFails) {
  World w;
  w.limiter_up(7);
  w.accept(queue_copy("a", "k", "r1"));
  w.parking_answers = false;
  w.from(7, wire::Park{
                identity("sqs", "a", "k"), "k", wire::Origin::kQueueCopy, wire::Wait::kBehind, {}});
  w.pass(seconds(5));
  EXPECT_TRUE(w.asked<DeleteCopy>().empty());
  ASSERT_EQ(w.asked<SetVisibility>().size(), 1U);
  EXPECT_EQ(w.asked<SetVisibility>()[0].visibility, minutes(5));
}

// Parking says that no row can hold it.
TEST(IngestCore, ACopyThatIsTooLargeForARowIsDead) {
  World w;
  w.limiter_up(7);
  w.accept(queue_copy("a", "k", "r1"));
  w.parking_answers = false;
  w.from(7, wire::Park{
                identity("sqs", "a", "k"), "k", wire::Origin::kQueueCopy, wire::Wait::kBehind, {}});
  PutAnswer answer;
  answer.end = PutEnd::kTooLarge;
  w.complete(ParkingReply{w.unanswered.at(0).call_id, answer});
  ASSERT_EQ(w.asked<DeadLetter>().size(), 1U);
  EXPECT_EQ(w.asked<DeadLetter>()[0].why.reason, "too_large");
  EXPECT_TRUE(w.asked<DeleteCopy>().empty());
  EXPECT_EQ(w.core.copies(), 0U);
  w.complete(QueueReply{w.queue.back().call_id, true});
  EXPECT_EQ(w.asked<DeleteCopy>().size(), 1U);
}

TEST(IngestCore, AMessageThatIsTooLargeForARowIsRefused) {
  World w;
  w.parking_answers = false;
  w.accept(submission(1, "a"));
  w.complete(ParkingReply{w.unanswered.at(0).call_id, LookupAnswer{}});
  ASSERT_EQ(w.unanswered.size(), 2U);
  PutAnswer answer;
  answer.end = PutEnd::kTooLarge;
  w.complete(ParkingReply{w.unanswered.at(1).call_id, answer});
  EXPECT_NE(w.answer<TooLarge>(1), nullptr);
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestCore, ASettledCopyIsDeletedThenForgotten) {
  World w;
  w.limiter_up(7);
  w.accept(queue_copy("a", "k", "r1"));
  w.from(7, settled(identity("sqs", "a", "k"), "k"));
  ASSERT_EQ(w.asked<DeleteCopy>().size(), 1U);
  EXPECT_TRUE(w.sent<wire::Forgotten>().empty());
  w.complete(QueueReply{w.queue.back().call_id, true});
  EXPECT_EQ(w.sent<wire::Forgotten>().size(), 1U);
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestCore, ADeadCopyGoesToTheDeadLettersFirst) {
  World w;
  w.limiter_up(7);
  w.accept(queue_copy("a", "k", "r1"));
  w.from(7, settled(identity("sqs", "a", "k"), "k", wire::Settlement::kDead));
  ASSERT_EQ(w.asked<DeadLetter>().size(), 1U);
  EXPECT_TRUE(w.asked<DeleteCopy>().empty());
  w.complete(QueueReply{w.queue.back().call_id, true});
  ASSERT_EQ(w.asked<DeleteCopy>().size(), 1U);
  w.complete(QueueReply{w.queue.back().call_id, true});
  EXPECT_EQ(w.sent<wire::Forgotten>().size(), 1U);
}

TEST(IngestCore, ADeadCopyWithoutItsDeadLetterStaysInTheQueue) {
  World w;
  w.limiter_up(7);
  w.accept(queue_copy("a", "k", "r1"));
  w.from(7, settled(identity("sqs", "a", "k"), "k", wire::Settlement::kDead));
  w.complete(QueueReply{w.queue.back().call_id, false});
  EXPECT_TRUE(w.asked<DeleteCopy>().empty());
  EXPECT_TRUE(w.sent<wire::Forgotten>().empty());
  EXPECT_TRUE(w.core.idle());
}

// ---- two messages of one identity

wire::Park park(const std::string& id, wire::Origin origin = wire::Origin::kQueueCopy) {
  return {identity("sqs", id, "k"), "k", origin, wire::Wait::kBehind, {}};
}

// The end of the message with these bytes.
wire::Settled end_of(const std::string& id, const std::string& body,
                     wire::Settlement how = wire::Settlement::kDelivered) {
  wire::Settled end = settled(identity("sqs", id, "k"), "k", how);
  end.content_hash = wire::content_hash_of(message(id, "k", body).request);
  return end;
}

TEST(IngestCore, ACopyWithOtherBytesWaitsInTheQueueForTheOneThatIsHere) {
  World w;
  w.limiter_up(7);
  w.accept(queue_copy("a", "k", "r1"));
  w.accept(queue_copy("a", "k", "r2", "other"));
  EXPECT_TRUE(w.asked<DeadLetter>().empty());
  ASSERT_EQ(w.asked<SetVisibility>().size(), 1U);
  EXPECT_EQ(w.asked<SetVisibility>()[0].receipt, "r2");
  EXPECT_EQ(w.core.copies(), 1U);
  w.from(7, end_of("a", "{}"));
  ASSERT_EQ(w.asked<DeleteCopy>().size(), 1U);
  EXPECT_EQ(w.asked<DeleteCopy>()[0].receipt, "r1");
}

// One message is a row, another one of its identity a copy.
struct RowAndOtherCopy : World {
  RowAndOtherCopy() {
    limiter_up(7);
    accept(queue_copy("a", "k", "r1"));
    from(7, park("a"));
    accept(queue_copy("a", "k", "r2", "other"));
  }
};

TEST(IngestCore, ACopyOutlivesTheEndOfAnotherMessageOfItsIdentity) {
  RowAndOtherCopy w;
  w.queue.clear();
  w.from(7, end_of("a", "{}"));
  EXPECT_EQ(w.parking.rows().size(), 0U);
  EXPECT_EQ(w.sent<wire::Forgotten>().size(), 1U);
  EXPECT_TRUE(w.queue.empty());
  EXPECT_EQ(w.core.copies(), 1U);
}

TEST(IngestCore, ARowOutlivesTheEndOfACopyThatLostItsIdentityToIt) {
  RowAndOtherCopy w;
  w.clear();
  wire::Settled lost = end_of("a", "other", wire::Settlement::kDead);
  lost.reason = wire::kIdConflict;
  w.from(7, lost);
  ASSERT_EQ(w.asked<DeadLetter>().size(), 1U);
  EXPECT_EQ(w.asked<DeadLetter>()[0].receipt, "r2");
  w.complete(QueueReply{w.queue.back().call_id, true});
  EXPECT_EQ(w.parking.rows().size(), 1U);
  ASSERT_EQ(w.asked<DeleteCopy>().size(), 1U);
  w.complete(QueueReply{w.queue.back().call_id, true});
  EXPECT_TRUE(w.sent<wire::Forgotten>().empty());  // the row's record stays
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestCore, WhileARowOfOtherBytesWaitsACopyGoesBackToTheQueue) {
  RowAndOtherCopy w;
  w.clear();
  w.from(7, park("a"));
  EXPECT_TRUE(w.asked<DeadLetter>().empty());
  ASSERT_EQ(w.asked<SetVisibility>().size(), 1U);
  EXPECT_EQ(w.asked<SetVisibility>()[0].receipt, "r2");
}

TEST(IngestCore, AfterAMessageHasEndedACopyWithOtherBytesIsDead) {
  World w;
  w.limiter_up(7);
  w.accept(queue_copy("a", "k", "r1"));
  w.from(7, park("a"));
  w.from(7, end_of("a", "{}"));
  w.accept(queue_copy("a", "k", "r2", "other"));
  w.clear();
  w.from(7, park("a"));
  ASSERT_EQ(w.asked<DeadLetter>().size(), 1U);
  EXPECT_EQ(w.asked<DeadLetter>()[0].receipt, "r2");
  EXPECT_EQ(w.asked<DeadLetter>()[0].why.reason, wire::kIdConflict);
  w.complete(QueueReply{w.queue.back().call_id, true});
  EXPECT_EQ(w.asked<DeleteCopy>().at(0).receipt, "r2");
  EXPECT_EQ(w.core.copies(), 0U);
}

TEST(IngestCore, AtMostKeyMaxCopiesWaitForParking) {
  Config config;
  config.key_max = 2;
  World w(config);
  w.limiter_up(7);
  w.parking_answers = false;
  for (const char* id : {"a", "b", "c"}) {
    w.accept(queue_copy(id, "k", std::string("r") + id));
    w.from(7,
           wire::Park{
               identity("sqs", id, "k"), "k", wire::Origin::kQueueCopy, wire::Wait::kBehind, {}});
  }
  ASSERT_EQ(w.asked<SetVisibility>().size(), 1U);
  EXPECT_EQ(w.asked<SetVisibility>()[0].receipt, "rc");
  EXPECT_EQ(w.asked<SetVisibility>()[0].visibility, seconds(60));
}

TEST(IngestCore, RenewsWhatItHoldsAndGivesItBackOnDrain) {
  World w;
  w.limiter_up(7);
  w.accept(queue_copy("a", "k", "r1"));
  w.pass(seconds(60));
  ASSERT_EQ(w.asked<SetVisibility>().size(), 1U);
  EXPECT_EQ(w.asked<SetVisibility>()[0].visibility, seconds(120));
  w.clear();
  w.accept(Drain{});
  ASSERT_EQ(w.asked<SetVisibility>().size(), 1U);
  EXPECT_EQ(w.asked<SetVisibility>()[0].visibility.us, 0);
  EXPECT_EQ(w.core.room(), 0U);
  EXPECT_TRUE(w.core.idle());
  w.accept(submission(1, "b"));
  EXPECT_NE(w.answer<Unavailable>(1), nullptr);
}

// ---- costs

wire::Cost cost(const std::string& event, const std::string& hash = std::string(32, 'h')) {
  wire::Cost c;
  c.event_id = event;
  c.content_hash = hash;
  return c;
}

wire::Recorded of(const wire::Cost& cost, wire::Written written) {
  return {{}, cost.event_id, written, {}, cost.content_hash};
}

TEST(IngestCore, BooksACostWhenItIsDurable) {
  World w;
  w.accept(SubmitCost{1, cost("e")});
  EXPECT_NE(w.answer<Unavailable>(1), nullptr);
  w.auditor_up(5);
  w.accept(SubmitCost{2, cost("e")});
  w.accept(SubmitCost{3, cost("e")});
  ASSERT_EQ(w.sent<wire::Cost>().size(), 1U);
  w.from(5, of(cost("e"), wire::Written::kNow));
  EXPECT_NE(w.answer<CostBooked>(2), nullptr);
  EXPECT_NE(w.answer<CostBooked>(3), nullptr);
  const wire::Cost other = cost("e", std::string(32, 'x'));
  w.accept(SubmitCost{4, other});
  w.from(5, of(other, wire::Written::kRefused));
  ASSERT_NE(w.answer<CostRefused>(4), nullptr);
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestCore, ACostThatIsNotAnsweredIs503AndMayBeSaidAgain) {
  World w;
  w.auditor_up(5);
  w.accept(SubmitCost{1, cost("e")});
  w.pass(seconds(5));
  ASSERT_NE(w.answer<Unavailable>(1), nullptr);
  EXPECT_TRUE(w.core.idle());
  w.accept(SubmitCost{3, cost("e")});
  EXPECT_EQ(w.sent<wire::Cost>().size(), 2U);
  w.complete(wire::PeerDown{PeerId{5}});
  w.auditor_up(6);
  EXPECT_EQ(w.sent<wire::Cost>().size(), 3U);
  w.from(6, of(cost("e"), wire::Written::kBefore));
  ASSERT_NE(w.answer<CostBooked>(3), nullptr);
  EXPECT_TRUE(w.answer<CostBooked>(3)->before);
}

// An auditor without room answers nothing: who asks before the first one is late is not left
// waiting with it.
TEST(IngestCore, ACostThatIsAskedForAgainIsSaidAgainAfterASecond) {
  World w;
  w.auditor_up(5);
  w.accept(SubmitCost{1, cost("e")});
  w.pass(milliseconds(900));
  w.accept(SubmitCost{2, cost("e")});
  EXPECT_EQ(w.sent<wire::Cost>().size(), 1U);
  w.pass(milliseconds(100));
  w.accept(SubmitCost{3, cost("e")});
  EXPECT_EQ(w.sent<wire::Cost>().size(), 2U);
}

TEST(IngestCore, AnAnswerIsTakenOnlyForTheContentThatItNames) {
  World w;
  w.auditor_up(5);
  const wire::Cost first = cost("e");
  const wire::Cost other = cost("e", std::string(32, 'x'));
  w.accept(SubmitCost{1, first});
  w.accept(SubmitCost{2, other});
  EXPECT_EQ(w.sent<wire::Cost>().size(), 2U);
  w.from(5, wire::Recorded{{}, "e", wire::Written::kNow, {}, {}});  // names neither
  EXPECT_EQ(w.answer<CostBooked>(1), nullptr);
  w.from(5, of(other, wire::Written::kNow));
  EXPECT_NE(w.answer<CostBooked>(2), nullptr);
  EXPECT_EQ(w.answer<CostBooked>(1), nullptr);
  w.from(5, of(first, wire::Written::kRefused));
  EXPECT_NE(w.answer<CostRefused>(1), nullptr);
  // Late, after the one that asked has given up: not for the newer content.
  w.accept(SubmitCost{3, first});
  w.pass(seconds(30));
  w.accept(SubmitCost{4, other});
  w.from(5, of(first, wire::Written::kRefused));
  EXPECT_EQ(w.answer<CostRefused>(4), nullptr);
  w.from(5, of(other, wire::Written::kBefore));
  EXPECT_NE(w.answer<CostBooked>(4), nullptr);
  EXPECT_TRUE(w.core.idle());
}

}  // namespace
}  // namespace sluice::ingest
