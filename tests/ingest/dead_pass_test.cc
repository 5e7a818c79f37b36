#include "ingest/dead_pass.h"

#include "dead_queue_world.h"

namespace sluice::ingest {
namespace {

using DeadPassTest = dead_queue_world::OnQueues;

constexpr const char* kSmall = R"({"userId":"u-1"})";

std::string of_bytes(std::size_t bytes) {
  return R"({"userId":"u-1","text":")" + std::string(bytes, 'x') + R"("})";
}

DeadAsked asked(const char* verb, const DeadChoice& choice = {}) {
  return {.verb = verb, .choice = choice};
}

TEST_F(DeadPassTest, AReplayOfLargeLettersIsCutByBytes) {
  queues_.put(10, of_bytes(150'000));
  const Status done = run(asked("replay"));
  ASSERT_TRUE(done.ok()) << done.error().what;
  EXPECT_EQ(said("replayed "), 10U);
  EXPECT_EQ(queues_.sent.size(), 10U);
  EXPECT_TRUE(queues_.letters.empty());
}

TEST_F(DeadPassTest, WhatItsQueueCannotHoldStaysAndTheOthersGo) {
  queues_.put(1, of_bytes(3000));
  queues_.put(12, kSmall);
  queues_.bytes_max = "2048";
  const Status done = run(asked("replay"));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().what, "1 of 13 could not be replayed");
  EXPECT_NE(err_.str().find("m-0 cannot be replayed, and stays: TooLarge"), std::string::npos);
  EXPECT_EQ(said("replayed "), 12U);
  EXPECT_EQ(queues_.visible(), 1);
}

TEST_F(DeadPassTest, AllOfItGoesHoweverFewAnAnswerBrings) {
  queues_.put(997, kSmall);
  queues_.put(2000, kSmall);
  queues_.per_receive = 7;
  ASSERT_TRUE(run({.verb = "purge", .most = 100'000}).ok());
  EXPECT_EQ(said("purged "), 2997U);
  EXPECT_EQ(err_.str(), "");
  EXPECT_TRUE(queues_.letters.empty());
}

TEST_F(DeadPassTest, NoMoreAreLookedAtThanIsSaid) {
  queues_.put(40, kSmall);
  queues_.per_receive = 9;
  ASSERT_TRUE(run({.verb = "purge", .most = 15}).ok());
  EXPECT_EQ(said("purged "), 15U);
  EXPECT_EQ(queues_.visible(), 25);
  EXPECT_EQ(queues_.asked_for, (std::vector<std::int64_t>{10, 6}));
  EXPECT_NE(err_.str().find("only 15 letters were looked at (--max)"), std::string::npos);
}

TEST_F(DeadPassTest, WhatIsNotMeantIsLookedAtOnceAndGivenBack) {
  queues_.put(30, kSmall);
  queues_.put(1, R"({"userId":"u-2"})");
  ASSERT_TRUE(run(asked("purge", {.key = "up:u-2"})).ok());
  EXPECT_EQ(said("purged m-30\n"), 1U);
  EXPECT_EQ(queues_.visible(), 30);
  for (const auto& letter : queues_.letters) EXPECT_EQ(letter.receives, 1) << letter.id;
}

TEST_F(DeadPassTest, WhatDiesAgainOfAReplayIsNotReplayedAgain) {
  queues_.put(3, kSmall);
  queues_.put(1, "{not JSON}");
  queues_.letters.back().body = "not JSON";
  queues_.dies_again = true;
  ASSERT_TRUE(run(asked("replay")).ok());
  EXPECT_EQ(said("replayed "), 4U);
  EXPECT_EQ(queues_.visible(), 4);
  EXPECT_NE(err_.str().find("4 letters are of what was replayed just now"), std::string::npos);
  ASSERT_TRUE(run(asked("purge")).ok());
  EXPECT_EQ(said("purged "), 4U);
}

TEST_F(DeadPassTest, WhatIsLeftOverOfAFailureIsThereAtOnce) {
  queues_.put(25, kSmall);
  queues_.on_call = [this](const std::string& operation) {
    if (operation == "SendMessageBatch") queues_.refused.insert(operation);
  };
  const Status done = run(asked("replay"));
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().what.find("SQS did not do it for 10 letters, m-10"), std::string::npos);
  EXPECT_NE(done.error().what.find("AccessDenied"), std::string::npos);
  EXPECT_EQ(said("replayed "), 10U);
  EXPECT_EQ(queues_.visible(), 15);
}

TEST_F(DeadPassTest, WhoStopsItFindsTheRestAtOnce) {
  queues_.put(30, kSmall);
  queues_.on_call = [this](const std::string& operation) {
    stopped_ = stopped_ || (operation == "DeleteMessageBatch" && queues_.sent.size() == 20);
  };
  const Status done = run({.verb = "replay", .rate = 1});
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().what.find("stopped by a signal"), std::string::npos);
  EXPECT_EQ(said("replayed "), 20U);
  EXPECT_EQ(queues_.visible(), 10);
}

TEST_F(DeadPassTest, WhatWasSentAndStaysIsNamed) {
  queues_.put(12, kSmall);
  queues_.not_deleted = {"m-3"};
  const Status done = run(asked("replay"));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(said("replayed "), 9U);
  EXPECT_EQ(said("replayed m-3\n"), 0U);
  EXPECT_NE(err_.str().find("m-3 was sent, and is still in the dead-letter queue"),
            std::string::npos);
}

TEST_F(DeadPassTest, ItsRateHoldsAndNothingOfItBecomesOthersMeanwhile) {
  queues_.put(400, kSmall);
  queues_.put(1, R"({"userId":"u-2"})");
  std::rotate(queues_.letters.begin(), queues_.letters.end() - 1, queues_.letters.end());
  const Instant before = queues_.time;
  ASSERT_TRUE(run({.verb = "replay", .choice = {.key = "up:u-1"}, .rate = 1}).ok());
  EXPECT_GE(queues_.time - before, seconds(390));
  EXPECT_LE(queues_.time - before, seconds(420));
  EXPECT_EQ(said("replayed "), 400U);
  EXPECT_EQ(queues_.visible(), 1);
  EXPECT_EQ(queues_.letters.front().receives, 1);  // hidden for longer than its first two minutes
  EXPECT_LE(queues_.asked["ChangeMessageVisibilityBatch"], 5);
}

TEST_F(DeadPassTest, AListSaysAllAndLeavesAll) {
  queues_.put(23, kSmall);
  ASSERT_TRUE(run(asked("list")).ok());
  EXPECT_EQ(said("\n"), 24U);
  EXPECT_EQ(queues_.visible(), 23);
  const Status done = run(asked("show", {.ids = {"nobody"}}));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, Trouble::kUsage);
}

TEST_F(DeadPassTest, IdsThatAreNotThereAreNamedAndTheOthersAreDone) {
  queues_.put(3, kSmall);
  const Status done = run(asked("purge", {.ids = {"m-1", "m-7", "m-9"}}));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, Trouble::kUsage);
  EXPECT_NE(done.error().what.find(R"(has the id "m-7", "m-9")"), std::string::npos);
  EXPECT_EQ(said("purged m-1\n"), 1U);
  EXPECT_EQ(queues_.visible(), 2);
  EXPECT_FALSE(run(asked("purge", {.ids = {"m-0"}, .reason = "refused"})).ok());
  EXPECT_TRUE(run(asked("purge", {.reason = "refused"})).ok());
}

TEST_F(DeadPassTest, AllOfNothingIsDone) {
  for (const char* verb : {"list", "show", "replay", "purge"}) {
    EXPECT_TRUE(run(asked(verb)).ok()) << verb;
  }
}

}  // namespace
}  // namespace sluice::ingest
