#include "tests/tiny_sqs/service.h"

#include <gtest/gtest.h>

#include "tests/tiny_sqs/fault.h"

namespace sluice::tiny_sqs {
namespace {

class TinySqs : public ::testing::Test {
 protected:
  std::string create(const std::string& name, const json& attributes = json::object()) {
    return call("CreateQueue", {{"QueueName", name}, {"Attributes", attributes}})["QueueUrl"];
  }
  // What is said at once; null: nothing yet.
  json call(const std::string& operation, const json& request) {
    json said;
    service_.call(operation, request, now_,
                  [&](const std::string& text) { said = json::parse(text); });
    service_.turn(now_);
    return said;
  }
  std::string refused(const std::string& operation, const json& request) {
    try {
      call(operation, request);
    } catch (const Fault& why) {
      return why.code;
    }
    return "";
  }
  void send(const std::string& url, const std::string& body, const std::string& group = "") {
    json request = {{"QueueUrl", url}, {"MessageBody", body}};
    if (!group.empty())
      request.update({{"MessageGroupId", group}, {"MessageDeduplicationId", body}});
    call("SendMessage", request);
  }
  std::vector<json> receive(const std::string& url) {
    return call("ReceiveMessage", {{"QueueUrl", url},
                                   {"MaxNumberOfMessages", 10},
                                   {"VisibilityTimeout", 30},
                                   {"MessageSystemAttributeNames", {"All"}}})
        .value("Messages", std::vector<json>{});
  }
  std::string bodies(const std::string& url) {
    std::string all;
    for (const json& one : receive(url)) all += one["Body"].get<std::string>();
    return all;
  }
  void wait(Duration span) { now_ = {now_.steady + span, now_.wall + span}; }

  Now now_{{1'000'000}, {1'000'000'000}};
  Service service_;
};

TEST_F(TinySqs, WhatIsReceivedTooOftenGoesToTheDead) {
  const std::string dead = create("dead");
  const std::string url = create(
      "queue",
      {{"RedrivePolicy", R"({"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead",)"
                         R"("maxReceiveCount":2})"}});
  send(url, "a");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(bodies(url), "a");
    EXPECT_EQ(bodies(url), "");
    wait(seconds(30));
  }
  EXPECT_EQ(bodies(url), "");
  EXPECT_EQ(bodies(dead), "a");
}

TEST_F(TinySqs, AStaleReceiptDeletesNothing) {
  const std::string url = create("queue");
  send(url, "a");
  const json first = receive(url).at(0)["ReceiptHandle"];
  wait(seconds(30));
  const json second = receive(url).at(0)["ReceiptHandle"];
  call("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", first}});
  wait(seconds(30));
  EXPECT_EQ(refused("ChangeMessageVisibility",
                    {{"QueueUrl", url}, {"ReceiptHandle", second}, {"VisibilityTimeout", 5}}),
            "MessageNotInflight");
  call("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", second}});
  EXPECT_EQ(bodies(url), "");
  EXPECT_EQ(refused("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", "none"}}),
            "ReceiptHandleIsInvalid");
}

TEST_F(TinySqs, APollWaitsForWhatComesAndForItsEnd) {
  const std::string url = create("queue");
  const json poll = {{"QueueUrl", url}, {"WaitTimeSeconds", 20}};
  json said;
  const auto answer = [&](const std::string& text) { said = json::parse(text); };
  service_.call("ReceiveMessage", poll, now_, answer);
  EXPECT_TRUE(said.is_null());
  EXPECT_EQ(service_.due(), now_.steady + seconds(20));
  send(url, "a");
  EXPECT_EQ(said["Messages"][0]["Body"], "a");
  said = nullptr;
  service_.call("ReceiveMessage", poll, now_, answer);
  wait(seconds(20));
  service_.turn(now_);
  EXPECT_EQ(said, json::object());
}

TEST_F(TinySqs, AGroupThatHasOneInFlightWaits) {
  const std::string url = create("queue.fifo", {{"FifoQueue", "true"}});
  for (const char* body : {"1", "2"}) send(url, body, "a");
  send(url, "x", "b");
  send(url, "1", "a");  // again
  EXPECT_EQ(bodies(url), "12x");
  send(url, "3", "a");
  EXPECT_EQ(bodies(url), "");
  wait(seconds(30));
  const auto got = receive(url);
  ASSERT_EQ(got.size(), 4U);
  call("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", got[0]["ReceiptHandle"]}});
  wait(seconds(30));
  EXPECT_EQ(
      refused("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", got[1]["ReceiptHandle"]}}),
      "InvalidParameterValue");
  EXPECT_EQ(bodies(url).size(), 3U);
}

TEST_F(TinySqs, EachEntryHasAFateOfItsOwn) {
  const std::string url = create("queue");
  const json said =
      call("SendMessageBatch",
           {{"QueueUrl", url},
            {"Entries",
             {{{"Id", "good"}, {"MessageBody", "a"}}, {{"Id", "bad"}, {"MessageBody", "\x01"}}}}});
  EXPECT_EQ(said["Successful"][0]["Id"], "good");
  EXPECT_EQ(said["Successful"][0]["MD5OfMessageBody"], "0cc175b9c0f1b6a831c399e269772661");
  EXPECT_EQ(said["Failed"][0]["Code"], "InvalidMessageContents");
  EXPECT_EQ(refused("SendMessageBatch", {{"QueueUrl", url}, {"Entries", json::array()}}),
            "EmptyBatchRequest");
}

// The MD5 is moto's.
TEST_F(TinySqs, AttributesHaveTheirMd5) {
  const std::string url = create("queue");
  const json attributes = {{"trace", {{"DataType", "String"}, {"StringValue", "t-1"}}},
                           {"Bin", {{"DataType", "Binary.png"}, {"BinaryValue", "AP8="}}}};
  const json said = call(
      "SendMessage", {{"QueueUrl", url}, {"MessageBody", "a"}, {"MessageAttributes", attributes}});
  EXPECT_EQ(said["MD5OfMessageAttributes"], "6baf4ef0809a54f167dd3de8a95e402d");
  const json got = call("ReceiveMessage", {{"QueueUrl", url}, {"MessageAttributeNames", {"All"}}});
  EXPECT_EQ(got["Messages"][0]["MessageAttributes"], attributes);
  EXPECT_EQ(got["Messages"][0]["MD5OfMessageAttributes"], said["MD5OfMessageAttributes"]);
}

TEST_F(TinySqs, ItCounts) {
  const std::string url = create("queue");
  send(url, R"({"messageId":"probe-1"})");
  send(url, "other");
  receive(url);
  wait(seconds(30));
  send(url, "late");
  receive(url);
  const json counts = service_.counts();
  EXPECT_EQ(counts["times"], json({{"1", 1}, {"2", 2}}));
  EXPECT_EQ(counts["received"], json({{"probe-1", 1'000'000}}));
  EXPECT_EQ(counts["calls"]["SendMessage"], 3);
}

}  // namespace
}  // namespace sluice::tiny_sqs
