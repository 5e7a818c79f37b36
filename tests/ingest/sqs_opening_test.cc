#include "ingest/sqs_opening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::ingest {
namespace {

using testing::EndsWith;

// As docs/aws.md wants them.
struct Queues {
  aws::sqs::QueueAttributes queue;
  aws::sqs::QueueAttributes dead;
  Queues() {
    queue.receives_max = 10;
    queue.retention = hours(7 * 24);
    queue.bytes_max = 256 * 1024;
    dead.retention = hours(14 * 24);
  }
  [[nodiscard]] std::string said() const {
    std::string all;
    for (const SqsUnsafe& one : unsafe_of(queue, dead)) {
      all += std::string(one.what) + " " + std::to_string(one.is);
    }
    return all;
  }
};

TEST(SqsOpening, OfQueuesAsTheyShouldBeNothingIsUnsafe) { EXPECT_EQ(Queues().said(), ""); }

TEST(SqsOpening, SaysWhatIsUnsafe) {
  const auto said = [](const auto& change) {
    Queues two;
    change(two);
    return two.said();
  };
  EXPECT_THAT(said([](Queues& q) { q.queue.receives_max = 4; }), EndsWith("to 5 or more 4"));
  EXPECT_EQ(said([](Queues& q) { q.queue.receives_max = 0; }), "") << "it gives up nothing";
  EXPECT_THAT(said([](Queues& q) { q.queue.retention = hours(95); }),
              EndsWith("received: set it to 4 days or more 342000"));
  EXPECT_THAT(said([](Queues& q) { q.dead.retention = q.queue.retention; }),
              EndsWith("must be longer 604800"));
  EXPECT_THAT(said([](Queues& q) { q.queue.bytes_max = 1024 * 1024; }),
              EndsWith("set MaximumMessageSize to 262144 1048576"));
  EXPECT_THAT(said([](Queues& q) { q.dead.is_fifo = true; }),
              EndsWith("the dead-letter queue is FIFO and the queue is not 1"));
}

}  // namespace
}  // namespace sluice::ingest
