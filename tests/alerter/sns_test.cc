// Alerts as messages of SNS, and what a topic's answers mean.
#include "alerter/sns.h"

#include <gtest/gtest.h>

#include <optional>

#include "alerter/uses.h"
#include "lib/base/calendar.h"

namespace sluice::alerter {
namespace {

constexpr const char* kTopic = "arn:aws:sns:eu-west-1:123456789012:huntaze-cost-alerts";

wire::Alert alert(const std::string& id = "11111111-1111-5111-8111-111111111111") {
  wire::Alert made;
  made.alert_id = id;
  made.at = *parse_time("2026-11-21T12:00:00Z");
  made.severity = wire::Severity::kCritical;
  made.kind = "budget";
  made.title = "Budget \xc3\xa9puis\xc3\xa9";
  made.text = "100 % of USD 500";
  made.labels = {{"budget", "ai"}, {"provider", "openai"}, {"key", ""}};
  return made;
}

// Answers each call with the next of what the test gives it.
class World final : public aws::Transport, public aws::KeySource {
 public:
  void send(aws::HttpRequest request, Limits, std::function<void(aws::HttpText)> done) override {
    sent.push_back(std::move(request.body));
    ASSERT_FALSE(answers.empty());
    aws::HttpText answer = answers.front();
    answers.erase(answers.begin());
    done(std::move(answer));
  }
  void after(Duration, std::function<void()>) override {}
  [[nodiscard]] Instant now() const override { return Instant{1'000'000}; }
  [[nodiscard]] StoreTime wall() const override { return {1'795'000'000'000'000}; }
  void ask(std::function<void(Result<aws::Keys>)> done) override { done(aws::Keys{"A", "s", ""}); }
  void doubt(const aws::Keys&) override {}

  std::vector<aws::HttpText> answers;
  std::vector<std::string> sent;
};

class Sns : public testing::Test {
 protected:
  Delivered deliver(std::size_t count) {
    Sink sink{"aws", SinkKind::kSns};
    sink.topic = kTopic;
    std::optional<Delivered> how;
    publish(client_, sink, std::vector<wire::Alert>(count, alert()),
            [&](const Delivered& said) { how = said; });
    EXPECT_TRUE(how.has_value());
    return how.value_or(Delivered{});
  }
  void answer(std::uint32_t status, const std::string& body) {
    aws::HttpText text;
    text.status = status;
    text.body = body;
    world_.answers.push_back(std::move(text));
  }
  // `failed`: of the last entry, an element of its own.
  void take(std::size_t count, const std::string& failed = "") {
    std::string done;
    for (std::size_t i = 0; i + (failed.empty() ? 0 : 1) < count; ++i) {
      done += "<member><Id>" + std::to_string(i) + "</Id><MessageId>m</MessageId></member>";
    }
    answer(200, "<PublishBatchResponse><PublishBatchResult><Successful>" + done +
                    "</Successful><Failed>" + failed +
                    "</Failed></PublishBatchResult></PublishBatchResponse>");
  }
  void refuse(std::uint32_t status, const std::string& code) {
    answer(status, "<ErrorResponse><Error><Code>" + code +
                       "</Code><Message>why</Message></Error></ErrorResponse>");
  }
  World world_;
  aws::Client client_{world_, world_, {"eu-west-1", {}, 1000, 1, kUses}};
};

TEST_F(Sns, RegionIsTheTopics) {
  EXPECT_EQ(region_of_topic(kTopic), "eu-west-1");
  for (const char* other : {"", "eu-west-1", "arn:aws:sqs:eu-west-1:1:q", "arn:aws:sns:::name",
                            "arn:aws:sns:eu-west-1:1", "arn:aws:sns:eu-west-1:1:a:b"}) {
    EXPECT_EQ(region_of_topic(other), "") << other;
  }
}

TEST_F(Sns, AMessageSaysWhatFilterPoliciesGoBy) {
  const auto message = sns_message(alert(), false);
  EXPECT_EQ(message.attributes.at("severity").value, "critical");
  EXPECT_EQ(message.attributes.at("kind").value, "budget");
  EXPECT_EQ(message.attributes.at("budget").value, "ai");
  EXPECT_EQ(message.attributes.size(), 3U) << "SNS takes no empty one";
  EXPECT_EQ(message.subject, "Sluice critical: Budget ??puis??");
  EXPECT_TRUE(message.text.starts_with("{\"alert_id\":\"11111111"));
  EXPECT_TRUE(message.email.starts_with("ALERT 2026-11-21"));
  EXPECT_EQ(message.group, "");
  const auto in_fifo = sns_message(alert(), true);
  EXPECT_EQ(in_fifo.group, "budget");
  EXPECT_EQ(in_fifo.deduplication_id, alert().alert_id);
}

TEST_F(Sns, ALongTitleIsCut) {
  wire::Alert lengthy = alert();
  lengthy.title = std::string(200, 't');
  EXPECT_EQ(sns_message(lengthy, false).subject.size(), 100U);
}

TEST_F(Sns, AGroupGoesTenAtATime) {
  take(10);
  take(2);
  EXPECT_TRUE(deliver(12).ok);
  ASSERT_EQ(world_.sent.size(), 2U);
  EXPECT_NE(world_.sent[0].find("huntaze-cost-alerts"), std::string::npos);
  EXPECT_NE(world_.sent[0].find("member.10."), std::string::npos);
  EXPECT_EQ(world_.sent[1].find("member.3."), std::string::npos);
}

TEST_F(Sns, OneThatFailedFailsAll) {
  take(10, "<member><Id>9</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member>");
  const Delivered how = deliver(12);
  EXPECT_FALSE(how.ok);
  EXPECT_FALSE(how.refused);
  EXPECT_NE(how.error.find("InternalError"), std::string::npos);
  EXPECT_EQ(world_.sent.size(), 1U);
}

TEST_F(Sns, OneThatIsNotNamedWasNotTaken) {
  take(1, " ");
  EXPECT_FALSE(deliver(1).ok);
}

TEST_F(Sns, WhatItWillNeverTakeIsRefused) {
  take(1,
       "<member><Id>0</Id><Code>InvalidParameter</Code><SenderFault>true</SenderFault></member>");
  EXPECT_TRUE(deliver(1).refused);
  refuse(400, "InvalidParameter");
  EXPECT_TRUE(deliver(1).refused);
}

TEST_F(Sns, ATopicThatIsWrongTakesNothing) {
  for (const auto& [status, code] :
       {std::pair{403U, "AuthorizationError"}, std::pair{404U, "NotFound"}}) {
    refuse(status, code);
    const Delivered how = deliver(1);
    EXPECT_TRUE(how.unwelcome) << code;
    EXPECT_FALSE(how.refused) << code;
  }
}

}  // namespace
}  // namespace sluice::alerter
