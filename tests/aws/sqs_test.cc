#include "lib/aws/sqs.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/aws/sqs_batches.h"
#include "tests/aws/outcome.h"

namespace sluice::aws::sqs {
namespace {

using nlohmann::json;
using How = EntryFate::How;

const std::string kUrl = "https://sqs.eu-west-1.amazonaws.com/1/q";

json body_of(const Request& request) { return json::parse(request.body); }

TEST(Sqs, AReceiveSaysWhatItWants) {
  const Request request = receive_message({kUrl, 7, seconds(20), seconds(90), {"sluice"}});
  EXPECT_EQ(request.operation, "ReceiveMessage");
  EXPECT_EQ(body_of(request), json::parse(R"({"QueueUrl":")" + kUrl + R"(",
      "MaxNumberOfMessages":7,"WaitTimeSeconds":20,"VisibilityTimeout":90,
      "MessageSystemAttributeNames":["ApproximateReceiveCount","SentTimestamp",
        "ApproximateFirstReceiveTimestamp","MessageGroupId","SequenceNumber"],
      "MessageAttributeNames":["sluice"]})"));
  EXPECT_GT(request.timeout, seconds(20));
  Receive again{kUrl};
  again.attempt = "a1";
  EXPECT_EQ(body_of(receive_message(again))["ReceiveRequestAttemptId"], "a1");
}

TEST(Sqs, WhatIsReceived) {
  const auto got = read_received(answered(R"({"Messages":[
      {"MessageId":"m1","ReceiptHandle":"r1","Body":"b\u00e4","MD5OfBody":"",
       "Attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"1790000000123",
         "MessageGroupId":"g","SequenceNumber":"18850000000000000000"},
       "MessageAttributes":{"sluice":{"DataType":"String","StringValue":"{}"},
         "other":{"DataType":"Binary","BinaryValue":"AA=="}}},
      {"MessageId":"m2","Body":"without a receipt"},
      {"MessageId":"m3","ReceiptHandle":"r3","Body":""}]})"));
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->size(), 2U);
  const Message& first = got->front();
  EXPECT_EQ(first.body, "b\u00e4");
  EXPECT_EQ(first.receives, 3U);
  EXPECT_EQ(first.sent.us, 1'790'000'000'123'000);
  EXPECT_EQ(first.sequence, "18850000000000000000");
  ASSERT_EQ(first.attributes.size(), 2U);
  EXPECT_EQ(first.attributes.at("sluice").value, "{}");
  EXPECT_EQ(first.attributes.at("other").type, "Binary");
  EXPECT_EQ(first.attributes.at("other").value, "AA==");
  EXPECT_EQ(got->back().id, "m3");
  EXPECT_TRUE(read_received(answered("{}"))->empty());
  EXPECT_EQ(read_received(answered("[]")).refusal().code, "UnreadableAnswer");
  EXPECT_EQ(read_received(refused("QueueDoesNotExist")).refusal().code, "QueueDoesNotExist");
}

// By the Developer Guide's algorithm, in Python: of "b\u00e4", and of one attribute of each type.
TEST(Sqs, WhatIsNotAsTheQueueHasItIsDamaged) {
  const auto damage = [](const std::string& body, const std::string& attributes) {
    return read_received(answered(R"({"Messages":[{"MessageId":"m1","ReceiptHandle":"r1",
      "Body":"b\u00e4",)" + body + R"("MessageAttributes":{
        "c":{"DataType":"Binary.x","BinaryValue":"AP8="},
        "a":{"DataType":"String","StringValue":"\u00e4"},
        "b":{"DataType":"Number","StringValue":"7"}})" +
                                  attributes + "}]}"))
        ->front()
        .damage;
  };
  const std::string right = "\"MD5OfBody\":\"52da2af6649c820b6e4e63f78cbb194e\",";
  const std::string all = ",\"MD5OfMessageAttributes\":\"76033f6c60082c6d3ddfe9f3fb9e12ad\"";
  EXPECT_EQ(damage(right, all), "");
  EXPECT_EQ(damage("", ""), "");
  EXPECT_EQ(damage("\"MD5OfBody\":\"d41d8cd98f00b204e9800998ecf8427e\",", all), "MD5OfBody");
  EXPECT_EQ(damage(right, ",\"MD5OfMessageAttributes\":\"0\""), "MD5OfMessageAttributes");
}

TEST(Sqs, WhatWasSentIsWhatTheQueueHas) {
  const auto send = sending(kUrl, {{"one"}, {"two", {{"sluice", {"x"}}}}, {"\xff"}, {"four"}});
  EXPECT_EQ(send.request.operation, "SendMessageBatch");
  const auto fates = send.read(answered(R"({"Successful":[
      {"Id":"0","MessageId":"m0","MD5OfMessageBody":"f97c5d29941bfb1b2fdab0874906ab82"},
      {"Id":"1","MessageId":"m1","MD5OfMessageBody":"b8a9f715dbb64fd5c56e7783c6820a61",
       "MD5OfMessageAttributes":"0"},
      {"Id":"2","MessageId":"m2","MD5OfMessageBody":"0"},
      {"Id":"3","MessageId":"m3","MD5OfMessageBody":"0"}]})"));
  ASSERT_TRUE(fates.ok());
  EXPECT_EQ((*fates)[0].how, How::kDone);
  EXPECT_EQ((*fates)[1].how, How::kFailed);
  EXPECT_EQ((*fates)[1].code, "MD5OfMessageAttributes");
  EXPECT_FALSE((*fates)[1].is_senders);
  EXPECT_EQ((*fates)[2].how, How::kDone);  // no UTF-8: it was sent with other bytes
  EXPECT_EQ((*fates)[3].code, "MD5OfMessageBody");
  EXPECT_EQ(send.read(refused("QueueDoesNotExist")).refusal().code, "QueueDoesNotExist");
}

TEST(Sqs, EachEntryOfABatchHasItsFate) {
  const auto fates = read_batch(answered(R"({
      "Successful":[{"Id":"2","MessageId":"m2","SequenceNumber":"9"},{"Id":"7"},{"Id":"02"},{},
                    {"Id":"3","MessageId":"m3"}],
      "Failed":[{"Id":"0","Code":"InternalError","Message":"oh","SenderFault":false},
                {"Id":"3","Code":"X","SenderFault":true},{"Id":"0","Code":"Again"}]})"),
                                4);
  ASSERT_TRUE(fates.ok());
  ASSERT_EQ(fates->size(), 4U);
  EXPECT_EQ((*fates)[0].how, How::kFailed);
  EXPECT_EQ((*fates)[0].code, "InternalError");
  EXPECT_FALSE((*fates)[0].is_senders);
  EXPECT_EQ((*fates)[1].how, How::kUnsaid);
  EXPECT_EQ((*fates)[2].how, How::kDone);
  EXPECT_EQ((*fates)[2].id, "m2");
  EXPECT_EQ((*fates)[2].sequence, "9");
  EXPECT_EQ((*fates)[3].how, How::kUnsaid);  // both done and failed
  for (const std::string nonsense : {"", "null", "[]", R"({"Successful":7})"}) {
    EXPECT_EQ((*read_batch(answered(nonsense), 1))[0].how, How::kUnsaid) << nonsense;
  }
}

TEST(Sqs, Batches) {
  EXPECT_EQ(body_of(send_message_batch(kUrl, {{"one", {{"sluice", {"x"}}}, seconds(5)},
                                              {"two", {}, {}, "g", "d"}}))["Entries"],
            json::parse(R"([{"Id":"0","MessageBody":"one","DelaySeconds":5,
              "MessageAttributes":{"sluice":{"DataType":"String","StringValue":"x"}}},
             {"Id":"1","MessageBody":"two","MessageGroupId":"g","MessageDeduplicationId":"d"}])"));
  EXPECT_EQ(body_of(delete_message_batch(kUrl, {"r1", "r2"}))["Entries"],
            json::parse(R"([{"Id":"0","ReceiptHandle":"r1"},{"Id":"1","ReceiptHandle":"r2"}])"));
  EXPECT_EQ(
      body_of(change_message_visibility_batch(
          kUrl, {{"r", milliseconds(1'500)}, {"s", hours(13)}, {"t", seconds(-1)}}))["Entries"],
      json::parse(R"([{"Id":"0","ReceiptHandle":"r","VisibilityTimeout":2},
              {"Id":"1","ReceiptHandle":"s","VisibilityTimeout":43200},
              {"Id":"2","ReceiptHandle":"t","VisibilityTimeout":0}])"));
}

TEST(Sqs, WhatAQueueIs) {
  const auto queue = read_queue_attributes(answered(R"({"Attributes":{
      "QueueArn":"arn:aws:sqs:eu-west-1:1:q.fifo","VisibilityTimeout":"30",
      "MessageRetentionPeriod":"345600","FifoQueue":"true","ContentBasedDeduplication":"false",
      "ApproximateNumberOfMessages":"5","ApproximateNumberOfMessagesNotVisible":"2",
      "RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:dlq\",\"maxReceiveCount\":\"5\"}"}})"));
  ASSERT_TRUE(queue.ok());
  EXPECT_EQ(queue->visibility, seconds(30));
  EXPECT_EQ(queue->retention, hours(96));
  EXPECT_EQ(queue->receives_max, 5U);
  EXPECT_EQ(queue->dead_letter_arn, "arn:dlq");
  EXPECT_TRUE(queue->is_fifo);
  EXPECT_FALSE(queue->names_by_content);
  EXPECT_EQ(queue->waiting, 5U);
  EXPECT_EQ(queue->in_flight, 2U);
  EXPECT_EQ(read_queue_attributes(answered(R"({"Attributes":{}})"))->receives_max, 0U);
  EXPECT_FALSE(read_queue_attributes(answered("{}")).ok());
  EXPECT_EQ(body_of(get_queue_attributes(kUrl))["AttributeNames"], json::array({"All"}));
  EXPECT_EQ(*read_queue_url(answered(R"({"QueueUrl":"u"})")), "u");
  EXPECT_FALSE(read_queue_url(answered("{}")).ok());
}

}  // namespace
}  // namespace sluice::aws::sqs
