#include "lib/aws/sns.h"

#include <gtest/gtest.h>

#include "tests/aws/outcome.h"

namespace sluice::aws::sns {
namespace {

using Fields = std::vector<NameValue>;

const Message kMessage{
    "text", "about", {{"budget", {"b"}}, {"share", {"0.8", Attribute::Kind::kNumber}}}};

// Of the first entry of a batch.
const std::string kFirst = "PublishBatchRequestEntries.member.1.";

TEST(Sns, AMessageHasItsAttributes) {
  const std::string entry = kFirst + "MessageAttributes.entry.";
  EXPECT_EQ(publish_batch("arn:t", {kMessage}).fields,
            (Fields{{"TopicArn", "arn:t"},
                    {kFirst + "Id", "0"},
                    {kFirst + "Message", "text"},
                    {kFirst + "Subject", "about"},
                    {entry + "1.Name", "budget"},
                    {entry + "1.Value.DataType", "String"},
                    {entry + "1.Value.StringValue", "b"},
                    {entry + "2.Name", "share"},
                    {entry + "2.Value.DataType", "Number"},
                    {entry + "2.Value.StringValue", "0.8"}}));
}

TEST(Sns, ABatchNumbersItsMessages) {
  const Request request = publish_batch("arn:t", {{"one"}, {"two", {}, {{"k", {"v"}}}}});
  EXPECT_EQ(request.fields,
            (Fields{{"TopicArn", "arn:t"},
                    {"PublishBatchRequestEntries.member.1.Id", "0"},
                    {"PublishBatchRequestEntries.member.1.Message", "one"},
                    {"PublishBatchRequestEntries.member.2.Id", "1"},
                    {"PublishBatchRequestEntries.member.2.Message", "two"},
                    {"PublishBatchRequestEntries.member.2.MessageAttributes.entry.1.Name", "k"},
                    {"PublishBatchRequestEntries.member.2.MessageAttributes.entry.1.Value.DataType",
                     "String"},
                    {"PublishBatchRequestEntries.member.2.MessageAttributes.entry.1.Value."
                     "StringValue",
                     "v"}}));
}

TEST(Sns, WhatItAnswers) {
  const auto nothing = read_batch(answered(R"({"PublishBatchResult":null})"), 1);
  EXPECT_EQ(nothing->front().how, EntryFate::How::kUnsaid);
  const auto fates =
      read_batch(answered(R"({"PublishBatchResult":{"Successful":[{"Id":"1","MessageId":"m"}],
                "Failed":{"Id":"0","Code":"InvalidParameter","SenderFault":"true"}}})"),
                 3);
  ASSERT_TRUE(fates.ok());
  EXPECT_EQ((*fates)[0].how, EntryFate::How::kFailed);
  EXPECT_TRUE((*fates)[0].is_senders);
  EXPECT_EQ((*fates)[1].id, "m");
  EXPECT_EQ((*fates)[2].how, EntryFate::How::kUnsaid);
  EXPECT_EQ(read_batch(refused("NotFound"), 1).refusal().code, "NotFound");
}

TEST(Sns, EMailMayHaveATextOfItsOwn) {
  Message message{"{}"};
  message.email = "for people";
  const auto fields = publish_batch("arn:aws:sns:eu-west-1:1:t", {message}).fields;
  const auto value = [&](const std::string& name) {
    for (const auto& [field, is] : fields) {
      if (field == name) return is;
    }
    return std::string();
  };
  EXPECT_EQ(value(kFirst + "MessageStructure"), "json");
  EXPECT_EQ(value(kFirst + "Message"), R"({"default":"{}","email":"for people"})");
}

}  // namespace
}  // namespace sluice::aws::sns
