// A source in a world of the test's own: SQS's answers are what the test says.
#include "ingest/sqs_source.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/aws/outcome.h"

namespace sluice::ingest {
namespace {

using aws::answered;
using aws::refused;
using nlohmann::json;

constexpr const char* kUrl = "http://sqs/1/q";
constexpr const char* kDeadUrl = "http://sqs/1/q-dead";

class Sqs : public testing::Test {
 protected:
  struct Call {
    aws::Request request;
    aws::Client::Done done;
  };
  void make(SqsSettings settings) {
    settings.reading.source = "q";
    settings.reading.upstreams.resize(1);
    settings.reading.upstreams[0].name = "up";
    source_ = std::make_unique<SqsSource>(
        "0/", std::move(settings),
        SqsSource::World{[this](aws::Request request, aws::Client::Done done) {
                           calls_.push_back({std::move(request), std::move(done)});
                         },
                         log_, [this] { return now_; }, [] { return StoreTime{1'000'000}; },
                         [this](Duration wait, std::function<void()> run) {
                           waits_.push_back(wait);
                           later_.push_back(std::move(run));
                         },
                         [this] { return room_; },
                         [this](const QueueCopy& copy) { copies_.push_back(copy); },
                         [this](const QueueReply& reply) { replies_.push_back(reply); }});
  }
  void SetUp() override { make({"q", ""}); }

  // The oldest call of that operation; fails the test when there is none.
  Call take(const std::string& operation) {
    for (auto at = calls_.begin(); at != calls_.end(); ++at) {
      if (at->request.operation != operation) continue;
      Call call = std::move(*at);
      calls_.erase(at);
      return call;
    }
    ADD_FAILURE() << operation << " was not called";
    return {{"sqs", operation}, [](const aws::Outcome&) {}};
  }
  std::size_t open_calls(const std::string& operation) const {
    return static_cast<std::size_t>(
        std::count_if(calls_.begin(), calls_.end(),
                      [&](const Call& call) { return call.request.operation == operation; }));
  }
  json answer(const std::string& operation, const json& with) {
    Call call = take(operation);
    call.done(answered(with.dump()));
    return json::parse(call.request.body);
  }
  void open() {
    source_->start();
    finds_it();
  }
  void finds_it() {
    answer("GetQueueUrl", {{"QueueUrl", kUrl}});
    const json attributes = {
        {"QueueArn", "arn:aws:sqs:eu-west-1:1:q"},
        {"MessageRetentionPeriod", "345600"},
        {"RedrivePolicy",
         R"({"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:q-dead","maxReceiveCount":"5"})"}};
    answer("GetQueueAttributes", {{"Attributes", attributes}});
    answer("GetQueueUrl", {{"QueueUrl", kDeadUrl}});
    answer("GetQueueAttributes", {{"Attributes", {{"MessageRetentionPeriod", "1209600"}}}});
  }
  static json message(const std::string& id, const std::string& body) {
    return {{"MessageId", id},
            {"ReceiptHandle", "r-" + id},
            {"Body", body},
            {"Attributes", {{"ApproximateReceiveCount", "1"}, {"SentTimestamp", "1795000000000"}}}};
  }
  void receive(int count) {
    json messages = json::array();
    for (int i = 0; i < count; ++i) {
      messages.push_back(message("m" + std::to_string(++made_), R"({"userId":"u"})"));
    }
    answer("ReceiveMessage", {{"Messages", messages}});
  }
  static json all_done(const json& request) {
    json done = json::array();
    for (const json& entry : request["Entries"]) done.push_back({{"Id", entry["Id"]}});
    return {{"Successful", done}};
  }
  json succeed(const std::string& operation) {
    Call call = take(operation);
    json request = json::parse(call.request.body);
    call.done(answered(all_done(request).dump()));
    return request;
  }

  port::Log log_{{"test"}};
  Instant now_{1'000'000};
  std::size_t room_ = 1000;
  int made_ = 0;
  std::vector<Call> calls_;
  std::vector<Duration> waits_;
  std::vector<std::function<void()>> later_;
  std::vector<QueueCopy> copies_;
  std::vector<QueueReply> replies_;
  std::unique_ptr<SqsSource> source_;
};

TEST_F(Sqs, OpensByNameAndPollsAsOftenAsItMay) {
  open();
  EXPECT_EQ(open_calls("ReceiveMessage"), 2U);
  const json asked = json::parse(calls_.front().request.body);
  EXPECT_EQ(asked["QueueUrl"], kUrl);
  EXPECT_EQ(asked["VisibilityTimeout"], 120);
  EXPECT_EQ(asked["WaitTimeSeconds"], 20);
  EXPECT_EQ(source_->trouble(), "");
}

TEST_F(Sqs, ThatIsNotThereIsAskedForAgainAndSaid) {
  source_->start();
  take("GetQueueUrl").done(refused("QueueDoesNotExist"));
  EXPECT_NE(source_->trouble().find("QueueDoesNotExist"), std::string::npos);
  later_.at(0)();
  take("GetQueueUrl").done(refused("QueueDoesNotExist"));
  EXPECT_GT(waits_.at(1), waits_.at(0));
  later_.at(1)();
  finds_it();
  EXPECT_EQ(source_->trouble(), "");
}

TEST_F(Sqs, WithoutAPlaceForItsDeadIsNotRead) {
  source_->start();
  answer("GetQueueUrl", {{"QueueUrl", kUrl}});
  answer("GetQueueAttributes", {{"Attributes", {{"QueueArn", "a"}}}});
  EXPECT_NE(source_->trouble().find("RedrivePolicy"), std::string::npos);
  EXPECT_TRUE(calls_.empty());
}

TEST_F(Sqs, PollsOnlyWhereThereIsRoom) {
  room_ = 19;
  open();
  EXPECT_EQ(open_calls("ReceiveMessage"), 1U);
  room_ = 9;
  receive(10);
  EXPECT_EQ(open_calls("ReceiveMessage"), 0U);
  room_ = 20;
  source_->end_turn();
  EXPECT_EQ(open_calls("ReceiveMessage"), 2U);
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
  take("ChangeMessageVisibilityBatch").done(refused("InternalError"));
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
  EXPECT_EQ(open_calls("DeleteMessageBatch"), 0U) << "the core says when";
}

TEST_F(Sqs, WhatIsMalformedIsDeletedOnlyAfterItIsADeadLetter) {
  open();
  answer("ReceiveMessage", {{"Messages", {message("bad", "{")}}});
  EXPECT_TRUE(copies_.empty());
  EXPECT_EQ(open_calls("DeleteMessageBatch"), 0U);
  const json sent = succeed("SendMessageBatch");
  EXPECT_EQ(sent["Entries"][0]["MessageBody"], "{");
  EXPECT_EQ(succeed("DeleteMessageBatch")["Entries"][0]["ReceiptHandle"], "r-bad");
  EXPECT_TRUE(replies_.empty());
  EXPECT_EQ(source_->counts().malformed, 1U);
}

TEST_F(Sqs, WhatIsMalformedAndNotTakenComesBack) {
  open();
  answer("ReceiveMessage", {{"Messages", {message("bad", "{")}}});
  take("SendMessageBatch").done(refused("AccessDenied"));
  EXPECT_EQ(open_calls("DeleteMessageBatch"), 0U);
}

TEST_F(Sqs, WhatNobodyAskedAboutInTimeIsForgotten) {
  open();
  receive(1);
  now_ = now_ + seconds(200);
  source_->end_turn();
  source_->perform({1, DeleteCopy{copies_[0].receipt}});
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_FALSE(replies_[0].done);
}

TEST_F(Sqs, WhatIsRenewedIsKept) {
  open();
  receive(1);
  now_ = now_ + seconds(60);
  source_->perform({0, SetVisibility{copies_[0].receipt, seconds(120)}});
  source_->end_turn();
  succeed("ChangeMessageVisibilityBatch");
  now_ = now_ + seconds(119);
  source_->perform({1, DeleteCopy{copies_[0].receipt}});
  source_->end_turn();
  EXPECT_EQ(open_calls("DeleteMessageBatch"), 1U);
}

TEST_F(Sqs, OfFailuresOnePollSaysWhetherTheyAreOver) {
  open();
  take("ReceiveMessage").done(refused("OverLimit"));
  take("ReceiveMessage").done(refused("OverLimit"));
  EXPECT_NE(source_->trouble(), "");
  for (const auto& run : std::exchange(later_, {})) run();
  EXPECT_EQ(open_calls("ReceiveMessage"), 1U);
  receive(0);
  EXPECT_EQ(source_->trouble(), "");
  EXPECT_EQ(open_calls("ReceiveMessage"), 2U);
}

TEST_F(Sqs, ThatWasDeletedIsFoundAgainOnceItIsMadeAnew) {
  open();
  take("ReceiveMessage").done(refused("QueueDoesNotExist"));
  EXPECT_NE(source_->trouble(), "");
  take("ReceiveMessage").done(refused("QueueDoesNotExist"));
  for (const auto& run : std::exchange(later_, {})) run();
  finds_it();
  EXPECT_EQ(source_->trouble(), "");
  EXPECT_EQ(open_calls("ReceiveMessage"), 2U);
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
  EXPECT_TRUE(calls_.empty());
}

}  // namespace
}  // namespace sluice::ingest
