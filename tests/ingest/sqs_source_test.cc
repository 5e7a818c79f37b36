#include "ingest/sqs_source.h"

#include <algorithm>

#include "lib/digest/digest.h"
#include "lib/wire/identity.h"
#include "tests/ingest/sqs_world.h"

namespace sluice::ingest::sqs_world {
namespace {

TEST_F(Sqs, OpensByNameAndPollsAsOftenAsItMay) {
  open();
  EXPECT_EQ(open_calls("ReceiveMessage"), 2);
  const json asked = world_.calls.front().body;
  EXPECT_EQ(asked["QueueUrl"], kUrl);
  EXPECT_EQ(asked["VisibilityTimeout"], 120);
  EXPECT_EQ(asked["WaitTimeSeconds"], 20);
  EXPECT_EQ(source_->trouble(), "");
}

TEST_F(Sqs, ThatIsNotThereIsAskedForAgainAndSaid) {
  source_->start();
  take("GetQueueUrl").refuse("QueueDoesNotExist");
  EXPECT_NE(source_->trouble().find("QueueDoesNotExist"), std::string::npos);
  run_later();
  take("GetQueueUrl").refuse("QueueDoesNotExist");
  EXPECT_GT(world_.waits.at(1), world_.waits.at(0));
  run_later();
  finds_it();
  EXPECT_EQ(source_->trouble(), "");
}

TEST_F(Sqs, WithoutAPlaceForItsDeadIsNotRead) {
  source_->start();
  answer("GetQueueUrl", {{"QueueUrl", kUrl}});
  answer("GetQueueAttributes", {{"Attributes", {{"QueueArn", "a"}}}});
  EXPECT_NE(source_->trouble().find("RedrivePolicy"), std::string::npos);
  EXPECT_TRUE(world_.calls.empty());
}

TEST_F(Sqs, PollsOnlyWhereThereIsRoom) {
  room_ = 19;
  open();
  EXPECT_EQ(open_calls("ReceiveMessage"), 1);
  room_ = 9;
  receive(10);
  EXPECT_EQ(open_calls("ReceiveMessage"), 0);
  room_ = 20;
  source_->end_turn();
  EXPECT_EQ(open_calls("ReceiveMessage"), 2);
}

TEST_F(Sqs, GivesCopiesAndDeletesThemInBatches) {
  open();
  receive(10);
  receive(2);
  ASSERT_EQ(copies_.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) {
    source_->perform({i + 1, DeleteCopy{copies_[i].receipt}});
  }
  source_->end_turn();
  EXPECT_EQ(succeed("DeleteMessageBatch")["Entries"].size(), 10U);
  const json second = succeed("DeleteMessageBatch");
  ASSERT_EQ(second["Entries"].size(), 2U);
  EXPECT_EQ(second["Entries"][0]["ReceiptHandle"], "r-m11");
  ASSERT_EQ(replies_.size(), 12U);
  EXPECT_TRUE(std::all_of(replies_.begin(), replies_.end(), [](auto& one) { return one.done; }));
}

TEST_F(Sqs, EachEntryOfABatchHasAFateOfItsOwn) {
  open();
  receive(3);
  for (std::size_t i = 0; i < 3; ++i) source_->perform({i + 1, DeleteCopy{copies_[i].receipt}});
  source_->end_turn();
  answer("DeleteMessageBatch",
         {{"Successful", {{{"Id", "1"}}}},
          {"Failed", {{{"Id", "0"}, {"Code", "ReceiptHandleIsInvalid"}, {"SenderFault", true}}}}});
  ASSERT_EQ(replies_.size(), 3U);
  EXPECT_FALSE(replies_[0].done);
  EXPECT_TRUE(replies_[1].done);
  EXPECT_FALSE(replies_[2].done) << "the answer does not name it";
}

TEST_F(Sqs, ABatchThatFailsFailsForAll) {
  open();
  receive(2);
  for (std::size_t i = 0; i < 2; ++i) {
    source_->perform({i + 1, SetVisibility{copies_[i].receipt, seconds(60)}});
  }
  source_->end_turn();
  take("ChangeMessageVisibilityBatch").refuse("AccessDenied");
  ASSERT_EQ(replies_.size(), 2U);
  EXPECT_FALSE(replies_[0].done || replies_[1].done);
}

TEST_F(Sqs, ADeadOneGoesToTheDeadLettersWithItsReason) {
  open();
  receive(1);
  wire::Settled why;
  why.reason = "attempts";
  why.attempts = 5;
  source_->perform({7, DeadLetter{copies_[0].receipt, why}});
  source_->end_turn();
  const json sent = succeed("SendMessageBatch");
  EXPECT_EQ(sent["QueueUrl"], kDeadUrl);
  const json epitaph = json::parse(
      sent["Entries"][0]["MessageAttributes"]["sluice"]["StringValue"].get<std::string>());
  EXPECT_EQ(epitaph["reason"], "attempts");
  EXPECT_EQ(epitaph["attempts"], 5);
  EXPECT_EQ(epitaph["id"], "m1");
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].call_id, 7U);
  EXPECT_EQ(open_calls("DeleteMessageBatch"), 0) << "the core says when";
}

TEST_F(Sqs, WhatIsMalformedIsDeletedOnlyAfterItIsADeadLetter) {
  open();
  answer("ReceiveMessage", {{"Messages", {message("bad", "{")}}});
  EXPECT_TRUE(copies_.empty());
  EXPECT_EQ(open_calls("DeleteMessageBatch"), 0);
  const json sent = succeed("SendMessageBatch");
  EXPECT_EQ(sent["Entries"][0]["MessageBody"], "{");
  world_.time = world_.time + milliseconds(10);
  run_later();
  EXPECT_EQ(succeed("DeleteMessageBatch")["Entries"][0]["ReceiptHandle"], "r-bad");
  EXPECT_TRUE(replies_.empty());
  EXPECT_EQ(source_->counts().malformed, 1U);
}

TEST_F(Sqs, WhatIsMalformedAndNotTakenComesBack) {
  open();
  answer("ReceiveMessage", {{"Messages", {message("bad", "{")}}});
  take("SendMessageBatch").refuse("AccessDenied");
  EXPECT_EQ(open_calls("DeleteMessageBatch"), 0);
}

TEST_F(Sqs, WhatNobodyAskedAboutInTimeIsForgotten) {
  open();
  receive(1);
  world_.time = world_.time + seconds(200);
  source_->end_turn();
  source_->perform({1, DeleteCopy{copies_[0].receipt}});
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_FALSE(replies_[0].done);
}

TEST_F(Sqs, WhatIsRenewedIsKept) {
  open();
  receive(1);
  world_.time = world_.time + seconds(60);
  source_->perform({0, SetVisibility{copies_[0].receipt, seconds(120)}});
  source_->end_turn();
  succeed("ChangeMessageVisibilityBatch");
  world_.time = world_.time + seconds(119);
  source_->perform({1, DeleteCopy{copies_[0].receipt}});
  source_->end_turn();
  EXPECT_EQ(open_calls("DeleteMessageBatch"), 1);
}

TEST_F(Sqs, OfFailuresOnePollSaysWhetherTheyAreOver) {
  open();
  take("ReceiveMessage").refuse("AccessDenied");
  take("ReceiveMessage").refuse("AccessDenied");
  EXPECT_NE(source_->trouble(), "");
  run_later();
  EXPECT_EQ(open_calls("ReceiveMessage"), 1);
  receive(0);
  EXPECT_EQ(source_->trouble(), "");
  EXPECT_EQ(open_calls("ReceiveMessage"), 2);
}

TEST_F(Sqs, ThatWasDeletedIsFoundAgainOnceItIsMadeAnew) {
  open();
  take("ReceiveMessage").refuse("QueueDoesNotExist");
  EXPECT_NE(source_->trouble(), "");
  take("ReceiveMessage").refuse("QueueDoesNotExist");
  run_later();
  finds_it();
  EXPECT_EQ(source_->trouble(), "");
  EXPECT_EQ(open_calls("ReceiveMessage"), 2);
}

TEST_F(Sqs, DrainsWhenItsPollsAreOver) {
  open();
  source_->drain();
  EXPECT_FALSE(source_->idle());
  receive(1);
  receive(0);
  source_->perform({1, SetVisibility{copies_[0].receipt, {}}});
  source_->end_turn();
  EXPECT_FALSE(source_->idle());
  EXPECT_EQ(succeed("ChangeMessageVisibilityBatch")["Entries"][0]["VisibilityTimeout"], 0);
  EXPECT_TRUE(source_->idle());
  EXPECT_TRUE(world_.calls.empty());
}

TEST_F(Sqs, WhatIsNotAsTheQueueHasItStaysThere) {
  open();
  json wrong = message("a", R"({"userId":"u"})");
  wrong["MD5OfBody"] = "d41d8cd98f00b204e9800998ecf8427e";
  answer("ReceiveMessage", {{"Messages", {wrong, message("b", R"({"userId":"u"})")}}});
  source_->end_turn();
  ASSERT_EQ(copies_.size(), 1U);
  EXPECT_EQ(copies_[0].message.id, "b");
  EXPECT_EQ(source_->counts().damaged, 1U);
  EXPECT_EQ(source_->counts().received, 1U);
  EXPECT_EQ(open_calls("ChangeMessageVisibilityBatch") + open_calls("DeleteMessageBatch"), 0);
}

TEST_F(Sqs, ADeadLetterThatTheQueueHasOtherwiseIsNone) {
  open();
  receive(1);
  source_->perform({7, DeadLetter{copies_[0].receipt, {}}});
  source_->end_turn();
  answer("SendMessageBatch",
         {{"Successful", {{{"Id", "0"}, {"MessageId", "d"}, {"MD5OfMessageBody", "0"}}}}});
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_FALSE(replies_[0].done);
}

// ---- FIFO queues

TEST_F(SqsFifo, GivesCopiesInTheirOrderWithTheirGroups) {
  open_fifo();
  answer("ReceiveMessage",
         {{"Messages", {in_group("a", "g"), in_group("x", "h"), in_group("b", "g")}}});
  ASSERT_EQ(copies_.size(), 3U);
  EXPECT_EQ(copies_[0].group, "g");
  EXPECT_EQ(copies_[1].group, "h");
  EXPECT_EQ(copies_[2].message.id, "b");
  EXPECT_TRUE(copies_[2].message.in_order);
  EXPECT_FALSE(copies_[2].message.stops_dead);
}

TEST_F(SqsFifo, EachPollHasANameByWhichItMayBeSaidAgain) {
  open_fifo();
  const json first = take("ReceiveMessage").body;
  const json second = take("ReceiveMessage").body;
  EXPECT_EQ(first["ReceiveRequestAttemptId"].get<std::string>().size(), 32U);
  EXPECT_NE(first["ReceiveRequestAttemptId"], second["ReceiveRequestAttemptId"]);
}

TEST_F(Sqs, APollOfAnotherQueueHasNone) {
  open();
  EXPECT_FALSE(take("ReceiveMessage").body.contains("ReceiveRequestAttemptId"));
}

TEST_F(SqsFifo, ABatchWithoutRoomGoesBackAsAWhole) {
  open_fifo();
  room_ = 1;
  answer("ReceiveMessage", {{"Messages", {in_group("a", "g"), in_group("b", "g")}}});
  EXPECT_TRUE(copies_.empty());
  const json back = succeed("ChangeMessageVisibilityBatch");
  ASSERT_EQ(back["Entries"].size(), 2U);
  EXPECT_EQ(back["Entries"][0]["ReceiptHandle"], "r-a");
  EXPECT_EQ(back["Entries"][0]["VisibilityTimeout"], 0);
}

TEST_F(SqsFifo, NothingPassesWhatIsNotAsTheQueueHasIt) {
  open_fifo();
  json wrong = in_group("a", "g");
  wrong["MD5OfBody"] = "0";
  answer("ReceiveMessage", {{"Messages", {wrong, in_group("b", "g")}}});
  EXPECT_TRUE(copies_.empty());
  const json back = succeed("ChangeMessageVisibilityBatch");
  ASSERT_EQ(back["Entries"].size(), 1U);
  EXPECT_EQ(back["Entries"][0]["ReceiptHandle"], "r-b");
}

TEST_F(SqsFifo, ADeadLetterHasAGroupAndAName) {
  open_fifo();
  answer("ReceiveMessage", {{"Messages", {in_group("bad", "g", "{")}}});
  const json sent = succeed("SendMessageBatch");
  EXPECT_EQ(sent["Entries"][0]["MessageGroupId"], "g");
  EXPECT_EQ(sent["Entries"][0]["MessageDeduplicationId"], "bad");
}

// Its death stops its key: the core says when.
TEST_F(SqsFifoStops, WhatIsMalformedAndHasAKeyIsTheCores) {
  open_fifo();
  answer(
      "ReceiveMessage",
      {{"Messages",
        {in_group("bad", "g", R"({"userId":"u","messageId":7.5})"), in_group("none", "g", "{")}}});
  ASSERT_EQ(copies_.size(), 1U);
  const QueueCopy copy = copies_[0];
  EXPECT_TRUE(copy.malformed);
  EXPECT_EQ(copy.message.key, "up:u");
  EXPECT_EQ(copy.message.id, "bad");
  EXPECT_TRUE(copy.message.stops_dead);
  EXPECT_EQ(copy.group, "g");
  EXPECT_EQ(succeed("SendMessageBatch")["Entries"][0]["MessageDeduplicationId"], "none");
  wire::Settled why;
  why.key = "up:u";
  why.at = StoreTime{1'795'000'000'000'000};
  source_->perform({7, DeadLetter{copy.receipt, why, true}});
  source_->end_turn();
  const json letter = succeed("SendMessageBatch")["Entries"][0];
  EXPECT_EQ(letter["MessageDeduplicationId"], "bad");
  const json ours =
      json::parse(letter["MessageAttributes"]["sluice"]["StringValue"].get<std::string>());
  EXPECT_EQ(ours["reason"], "malformed");
  EXPECT_EQ(ours["key"], "up:u");
  EXPECT_FALSE(ours["detail"].get<std::string>().empty());
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_TRUE(replies_[0].done);
}

TEST_F(SqsFifo, TheLetterOfARowIsNamedByItsIdentity) {
  open_fifo();
  wire::Offer row;
  row.identity = "one";
  row.request.body = R"({"userId":"u"})";
  row.envelope = R"({"group":"g"})";
  wire::Settled why;
  why.identity = row.identity;
  why.reason = "attempts";
  source_->perform({7, BuryRow{row, why}});
  source_->end_turn();
  const json first = succeed("SendMessageBatch")["Entries"][0];
  EXPECT_EQ(first["MessageBody"], row.request.body);
  EXPECT_EQ(first["MessageGroupId"], "g");
  EXPECT_EQ(first["MessageDeduplicationId"], to_hex(row.identity));
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_TRUE(replies_[0].done);
  // Another one that has lost its identity to it is another letter.
  why.reason = wire::kIdConflict;
  why.content_hash = "other";
  source_->perform({8, BuryRow{row, why}});
  source_->end_turn();
  const json second = succeed("SendMessageBatch")["Entries"][0];
  EXPECT_NE(second["MessageDeduplicationId"], to_hex(row.identity));
}

TEST_F(SqsFifo, ALetterThatTheQueueCannotHoldIsRefused) {
  open_fifo();
  wire::Offer row;
  row.identity = "one";
  row.envelope = "{}";
  source_->perform({7, BuryRow{row, {}}});
  source_->end_turn();
  answer("SendMessageBatch",
         {{"Failed", {{{"Id", "0"}, {"Code", "InvalidParameterValue"}, {"SenderFault", true}}}}});
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_TRUE(replies_[0].refused);
  source_->perform({8, BuryRow{row, {}}});
  source_->end_turn();
  take("SendMessageBatch").refuse("AccessDenied");
  ASSERT_EQ(replies_.size(), 2U);
  EXPECT_FALSE(replies_[1].refused) << "rights are given";
}

TEST_F(SqsFifo, ALetterWithoutRoomForItsGenerationIsRefused) {
  dead_bytes_max_ = "1000";
  open_fifo();
  wire::Offer row;
  row.identity = "one";
  row.id = "m-1";
  row.generation = 1;
  row.envelope = "{}";
  row.request.body = std::string(940, 'b');
  source_->perform({7, BuryRow{row, {}}});
  source_->end_turn();
  const json few = succeed("SendMessageBatch")["Entries"][0]["MessageAttributes"];
  EXPECT_EQ(few["sluice"]["StringValue"], R"({"reason":"","id":"m-1","generation":1})");
  row.request.body = std::string(970, 'b');
  source_->perform({8, BuryRow{row, {}}});
  source_->end_turn();
  EXPECT_EQ(open_calls("SendMessageBatch"), 0);
  ASSERT_EQ(replies_.size(), 2U);
  EXPECT_TRUE(replies_[0].done);
  EXPECT_TRUE(replies_[1].refused);
}

TEST_F(SqsFifo, WithoutDeadLettersItsQueueIsLookedUpAgain) {
  open_fifo();
  source_->perform({7, BuryRow{{}, {}}});
  source_->end_turn();
  take("SendMessageBatch").refuse("QueueDoesNotExist");
  ASSERT_FALSE(world_.later.empty());
  world_.later.back()();
  EXPECT_EQ(open_calls("GetQueueUrl"), 1);
}

TEST_F(SqsFifo, WithDeadLettersThatAreNotFifoIsNotRead) {
  source_->start();
  finds_it("true", "false");
  EXPECT_NE(source_->trouble().find("NotFifo"), std::string::npos);
  EXPECT_EQ(open_calls("ReceiveMessage"), 0);
}

}  // namespace
}  // namespace sluice::ingest::sqs_world
