// Ingest's core: rows that have died.
#include <gtest/gtest.h>

#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

// What comes by the front door is taken for a queue's.
Config of_a_queue() {
  Config config;
  config.queues = {"embedded"};
  return config;
}

void accept(World& w, const std::string& envelope = "{}") {
  w.limiter_up(7);
  Submit one = submission(1, "a");
  one.message.envelope = envelope;
  w.accept(one);
  w.pass(milliseconds(100));
}

void die(World& w) {
  w.from(7, settled(identity("embedded", "a", "k"), "k", wire::Settlement::kDead));
}

TEST(DeadRows, ADeadRowBecomesADeadLetter) {
  World w;
  accept(w);
  die(w);
  EXPECT_EQ(w.parking.dead().size(), 1U);
  EXPECT_EQ(w.core.counts().dead, 1U);
}

// Of a queue's message, in that queue's dead-letter queue, and not before its row goes.
TEST(DeadRows, ADeadRowOfAQueueIsBuriedThere) {
  World w(of_a_queue());
  accept(w);
  die(w);
  ASSERT_EQ(w.asked<BuryRow>().size(), 1U);
  EXPECT_EQ(w.asked<BuryRow>()[0].row.id, "a");
  EXPECT_EQ(w.parking.rows().size(), 1U);
  w.complete(QueueReply{w.queue.back().call_id, false});
  w.pass(seconds(2));
  ASSERT_EQ(w.asked<BuryRow>().size(), 2U);
  EXPECT_EQ(w.parking.rows().size(), 1U);
  EXPECT_TRUE(w.sent<wire::Forgotten>().empty());
  w.complete(QueueReply{w.queue.back().call_id, true});
  EXPECT_TRUE(w.parking.rows().empty());
  EXPECT_TRUE(w.parking.dead().empty());
  EXPECT_EQ(w.sent<wire::Forgotten>().size(), 1U);
}

TEST(DeadRows, ADeadRowThatCannotBeReadNowIsReadAgain) {
  World w(of_a_queue());
  accept(w);
  w.parking_answers = false;
  die(w);
  w.pass(seconds(8));
  EXPECT_TRUE(w.asked<BuryRow>().empty());
  w.parking_answers = true;
  w.pass(seconds(8));
  EXPECT_EQ(w.asked<BuryRow>().size(), 1U);
}

// What a queue cannot hold, and what is not known as it came.
TEST(DeadRows, OneThatItsQueueRefusesIsADeadLetterHere) {
  World w(of_a_queue());
  accept(w);
  die(w);
  w.complete(QueueReply{w.queue.back().call_id, false, true});
  EXPECT_TRUE(w.parking.rows().empty());
  EXPECT_EQ(w.parking.dead().size(), 1U);
  EXPECT_EQ(w.sent<wire::Forgotten>().size(), 1U);
}

TEST(DeadRows, OneWithoutAnEnvelopeIsADeadLetterHere) {
  World w(of_a_queue());
  accept(w, "");
  die(w);
  EXPECT_TRUE(w.asked<BuryRow>().empty());
  EXPECT_EQ(w.parking.dead().size(), 1U);
}

TEST(DeadRows, OneThatIsNotTakenIsSaidLessAndLessOften) {
  World w(of_a_queue());
  accept(w);
  die(w);
  for (std::size_t said = 1; said < 8; ++said) {
    ASSERT_EQ(w.asked<BuryRow>().size(), said);
    w.complete(QueueReply{w.queue.back().call_id, false});
    const Duration wait = seconds(std::int64_t{1} << (said - 1));
    if (said < 7) w.pass(wait - milliseconds(500));
    EXPECT_EQ(w.asked<BuryRow>().size(), said);
    w.pass(said < 7 ? seconds(1) : minutes(1));
  }
}

TEST(DeadRows, AQueueThatDoesNotAnswerIsAskedForFewAtATime) {
  World w(of_a_queue());
  w.limiter_up(7);
  for (std::uint64_t n = 1; n <= 100; ++n) {
    Submit one = submission(n, "m" + std::to_string(n), "k" + std::to_string(n));
    one.message.envelope = "{}";
    w.accept(one);
  }
  w.pass(milliseconds(100));
  for (std::uint64_t n = 1; n <= 100; ++n) {
    const std::string key = "k" + std::to_string(n);
    w.from(7, settled(identity("embedded", "m" + std::to_string(n), key), key,
                      wire::Settlement::kDead));
  }
  w.pass(seconds(60));
  const std::size_t asked = w.asked<BuryRow>().size();
  EXPECT_LT(asked, 100U);
  EXPECT_GT(asked, 10U);
  for (const QueueCall& call : std::vector<QueueCall>(w.queue)) {
    w.complete(QueueReply{call.call_id, true});
  }
  w.pass(minutes(2));
  EXPECT_EQ(w.asked<BuryRow>().size(), 100U);
}

TEST(DeadRows, WhoStopsDoesNotWaitForTheDeadLetters) {
  World w(of_a_queue());
  accept(w);
  die(w);
  w.complete(QueueReply{w.queue.back().call_id, false});
  EXPECT_FALSE(w.core.idle());
  w.accept(Drain{});
  EXPECT_TRUE(w.core.idle());
  EXPECT_EQ(w.parking.rows().size(), 1U);
}

// A second copy of it is here when it dies: one letter is enough.
TEST(DeadRows, ARowWhoseCopyWasBuriedIsNotBuriedAgain) {
  World w(of_a_queue());
  accept(w);
  QueueCopy copy = queue_copy("a", "k", "r2");
  copy.message.source = "embedded";
  copy.message.request = w.parking.rows().begin()->second.request;
  w.accept(copy);
  die(w);
  ASSERT_EQ(w.asked<DeadLetter>().size(), 1U);
  w.complete(QueueReply{w.queue.back().call_id, true});
  EXPECT_TRUE(w.asked<BuryRow>().empty());
  EXPECT_TRUE(w.parking.dead().empty());
  EXPECT_TRUE(w.parking.rows().empty());
}

}  // namespace
}  // namespace sluice::ingest
