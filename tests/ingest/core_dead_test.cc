// Ingest's core: rows that have died.
#include <gtest/gtest.h>

#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

TEST(DeadRows, ADeadRowBecomesADeadLetter) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.pass(milliseconds(100));
  w.from(7, settled(identity("embedded", "a", "k"), "k", wire::Settlement::kDead));
  EXPECT_EQ(w.parking.dead().size(), 1U);
  EXPECT_EQ(w.core.counts().dead, 1U);
}

// Of a queue's message, in that queue's dead-letter queue, and not before its row goes.
TEST(DeadRows, ADeadRowOfAQueueIsBuriedThere) {
  Config config;
  config.queues = {"embedded"};
  World w(config);
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.pass(milliseconds(100));
  w.from(7, settled(identity("embedded", "a", "k"), "k", wire::Settlement::kDead));
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
  Config config;
  config.queues = {"embedded"};
  World w(config);
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.pass(milliseconds(100));
  w.parking_answers = false;
  w.from(7, settled(identity("embedded", "a", "k"), "k", wire::Settlement::kDead));
  w.pass(seconds(8));
  EXPECT_TRUE(w.asked<BuryRow>().empty());
  w.parking_answers = true;
  w.pass(seconds(8));
  EXPECT_EQ(w.asked<BuryRow>().size(), 1U);
}

}  // namespace
}  // namespace sluice::ingest
