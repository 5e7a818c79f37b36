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

void accept(World& w) {
  w.limiter_up(7);
  w.accept(submission(1, "a"));
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

}  // namespace
}  // namespace sluice::ingest
