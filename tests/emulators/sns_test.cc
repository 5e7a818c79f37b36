// Topics, and what a queue that is subscribed to them gets.
#include "lib/aws/sns.h"

#include <nlohmann/json.hpp>

#include "lib/aws/sqs.h"
#include "tests/emulators/rig.h"

namespace sluice::aws::sns {
namespace {

using nlohmann::json;
using How = EntryFate::How;

class SnsTest : public EmulatorTest {
 protected:
  json of_query(const std::string& operation, std::vector<NameValue> fields) {
    Request request{"sns", operation, std::move(fields)};
    const Outcome how = call(std::move(request));
    EXPECT_FALSE(how.fault) << operation << ": " << how.fault->code << " " << how.fault->message;
    return json::parse(how.answer, nullptr, false);
  }
  void subscribe(const std::string& filter) {
    topic_ = of_query("CreateTopic", {{"Name", named("alerts")}})["CreateTopicResult"]["TopicArn"];
    const std::string name = named("alerts");
    prepare("sqs", "CreateQueue", R"({"QueueName":")" + name + "\"}");
    queue_ = *sqs::read_queue_url(call(sqs::get_queue_url(name)));
    const auto queue = sqs::read_queue_attributes(call(sqs::get_queue_attributes(queue_)));
    of_query("Subscribe", {{"TopicArn", topic_},
                           {"Protocol", "sqs"},
                           {"Endpoint", queue->arn},
                           {"Attributes.entry.1.key", "FilterPolicy"},
                           {"Attributes.entry.1.value", filter}});
  }
  // What the queue has got, as SNS wraps it.
  std::vector<json> got() {
    const auto received = sqs::read_received(call(sqs::receive_message({queue_, 10, seconds(1)})));
    std::vector<json> all;
    for (const sqs::Message& one : *received) all.push_back(json::parse(one.body));
    return all;
  }
  std::string topic_, queue_;
};

TEST_P(SnsTest, AMessageWithItsAttributesPassesTheFilter) {
  subscribe(R"({"severity":["high"]})");
  const Message high{"spent \u00e4 & <all>", "Budget", {{"severity", {"high"}}}};
  const Message low{"low", {}, {{"severity", {"low"}}}};
  const auto fates = read_batch(call(publish_batch(topic_, {high, low})), 2);
  ASSERT_TRUE(fates.ok()) << fates.refusal().message;
  const auto messages = got();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0]["Message"], "spent \u00e4 & <all>");
  EXPECT_EQ(messages[0]["Subject"], "Budget");
  EXPECT_EQ(messages[0]["MessageId"], fates->front().id);
  EXPECT_EQ(messages[0]["MessageAttributes"]["severity"]["Value"], "high");
}

TEST_P(SnsTest, ABatch) {
  subscribe(R"({"share":[{"numeric":[">=",0.8]}]})");
  using Kind = Attribute::Kind;
  const auto fates =
      read_batch(call(publish_batch(topic_, {{"a", {}, {{"share", {"0.8", Kind::kNumber}}}},
                                             {"b", {}, {{"share", {"0.5", Kind::kNumber}}}},
                                             {"c", {}, {{"share", {"1", Kind::kNumber}}}}})),
                 3);
  ASSERT_TRUE(fates.ok()) << fates.refusal().message;
  for (const EntryFate& fate : *fates) EXPECT_EQ(fate.how, How::kDone) << fate.code;
  EXPECT_NE((*fates)[0].id, (*fates)[1].id);
  std::string bodies;
  for (const json& one : got()) bodies += one["Message"];
  std::sort(bodies.begin(), bodies.end());
  EXPECT_EQ(bodies, "ac");
}

TEST_P(SnsTest, ATopicThatIsNotThere) {
  const std::string arn = "arn:aws:sns:us-east-1:000000000000:none";
  const auto none = read_batch(call(publish_batch(arn, {{"a"}})), 1);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.refusal().code, "NotFound");
}

INSTANTIATE_TEST_SUITE_P(Of, SnsTest, ::testing::Values(Emulator::kMoto, Emulator::kFauxqs),
                         emulator_name);

}  // namespace
}  // namespace sluice::aws::sns
