// A queue's source sends what the front door has taken.
#include "tests/ingest/sqs_world.h"

namespace sluice::ingest::sqs_world {
namespace {

QueueCall posted(std::uint64_t call_id, const std::string& id) {
  SendPosted send;
  send.message.id = id;
  send.message.key = "up:u";
  send.message.source = "q";
  send.message.first_seen = {1'795'000'000'000'000};
  send.document = R"({"messageId":")" + id + R"(","userId":"u"})";
  return {call_id, send};
}

TEST_F(Sqs, WhatIsPostedFillsABatchForALittle) {
  open();
  for (std::uint64_t n = 1; n <= 3; ++n) source_->perform(posted(n, "m" + std::to_string(n)));
  source_->end_turn();
  EXPECT_EQ(open_calls("SendMessageBatch"), 0);
  EXPECT_FALSE(source_->idle());
  world_.time = world_.time + milliseconds(10);
  run_later();
  const json sent = succeed("SendMessageBatch");
  EXPECT_EQ(sent["QueueUrl"], kUrl);
  ASSERT_EQ(sent["Entries"].size(), 3U);
  EXPECT_EQ(sent["Entries"][0]["MessageBody"], R"({"messageId":"m1","userId":"u"})");
  EXPECT_EQ(sent["Entries"][0]["MessageGroupId"].get<std::string>().size(), 64U);
  EXPECT_FALSE(sent["Entries"][0].contains("MessageDeduplicationId"));
  const json ours = json::parse(
      sent["Entries"][0]["MessageAttributes"]["sluice"]["StringValue"].get<std::string>());
  EXPECT_EQ(ours["id"], "m1");
  EXPECT_EQ(ours["posted"], 1);
  EXPECT_EQ(replies_.size(), 3U);
  EXPECT_EQ(source_->counts().sent, 3U);
}

TEST_F(Sqs, AFullBatchOfPostedOnesGoesAtOnce) {
  open();
  for (std::uint64_t n = 1; n <= 10; ++n) source_->perform(posted(n, "m" + std::to_string(n)));
  EXPECT_EQ(succeed("SendMessageBatch")["Entries"].size(), 10U);
}

TEST_F(Sqs, OfPostedOnesEachIsAnsweredForItself) {
  open();
  for (std::uint64_t n = 1; n <= 3; ++n) source_->perform(posted(n, "m" + std::to_string(n)));
  world_.time = world_.time + milliseconds(10);
  run_later();
  answer("SendMessageBatch",
         {{"Successful", {{{"Id", "1"}, {"MessageId", "x"}}}},
          {"Failed", {{{"Id", "0"}, {"Code", "InternalError"}, {"SenderFault", false}}}}});
  ASSERT_EQ(replies_.size(), 3U);
  EXPECT_FALSE(replies_[0].done);
  EXPECT_TRUE(replies_[1].done);
  EXPECT_FALSE(replies_[2].done) << "the answer does not name it";
  EXPECT_EQ(source_->counts().sent, 1U);
  EXPECT_EQ(source_->counts().unsent, 2U);
}

TEST_F(Sqs, WhatIsPostedBeforeItIsFoundIsRefused) {
  source_->perform(posted(1, "a"));
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_FALSE(replies_[0].done);
  EXPECT_EQ(source_->counts().unsent, 1U);
}

TEST_F(Sqs, WhatWasPostedSaysSoWhenItComes) {
  open();
  json one = message("x", R"({"userId":"u"})");
  one["MessageAttributes"]["sluice"] = {
      {"DataType", "String"},
      {"StringValue", R"({"posted":1,"id":"m1","first_seen":"2026-11-21T12:00:00.000001Z"})"}};
  answer("ReceiveMessage", {{"Messages", {one, message("y", R"({"userId":"u"})")}}});
  ASSERT_EQ(copies_.size(), 2U);
  EXPECT_TRUE(copies_[0].posted);
  EXPECT_EQ(copies_[0].message.id, "m1");
  EXPECT_FALSE(copies_[1].posted);
}

// The name that waits for it is the core's.
TEST_F(Sqs, WhatWasPostedAndCannotBeReadIsTheCores) {
  open();
  json one = message("x", "{");
  one["MessageAttributes"]["sluice"] = {{"DataType", "String"},
                                        {"StringValue", R"({"posted":1,"id":"m1"})"}};
  answer("ReceiveMessage", {{"Messages", {one}}});
  ASSERT_EQ(copies_.size(), 1U);
  EXPECT_TRUE(copies_[0].posted);
  EXPECT_TRUE(copies_[0].malformed);
  EXPECT_EQ(copies_[0].message.id, "m1");
  EXPECT_EQ(copies_[0].message.key, "");
  EXPECT_EQ(open_calls("SendMessageBatch"), 0);
}

TEST_F(SqsFifo, APostedOneHasAGroupAndAName) {
  open_fifo();
  source_->perform(posted(1, "a"));
  world_.time = world_.time + milliseconds(10);
  run_later();
  const json sent = succeed("SendMessageBatch");
  EXPECT_EQ(sent["Entries"][0]["MessageGroupId"].get<std::string>().size(), 64U);
  EXPECT_EQ(sent["Entries"][0]["MessageDeduplicationId"].get<std::string>().size(), 64U);
}

}  // namespace
}  // namespace sluice::ingest::sqs_world
