// A client in a world of the test's own: what is sent, said again, and given up.
#include "lib/aws/client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "lib/base/calendar.h"

namespace sluice::aws {
namespace {

const StoreTime kWall = *parse_time("2026-11-21T12:00:00Z");

// Answers in the order given, at once; runs what waits when it is told to.
class World final : public Transport, public KeySource {
 public:
  void send(HttpRequest request, Limits, std::function<void(HttpText)> done) override {
    sent.push_back(std::move(request));
    ASSERT_FALSE(answers.empty());
    HttpText answer = std::move(answers.front());
    answers.pop_front();
    done(std::move(answer));
  }
  void after(Duration wait, std::function<void()> run) override {
    waited.push_back(wait);
    time_ = time_ + wait;
    waiting.push_back(std::move(run));
  }
  [[nodiscard]] Instant now() const override { return time_; }
  [[nodiscard]] StoreTime wall() const override { return kWall; }
  void ask(std::function<void(Result<Keys>)> done) override {
    if (keys.empty()) return done(Error{Trouble::kUnavailable, "tried: nothing"});
    done(keys.front());
  }
  void doubt(const Keys& doubted) override {
    if (!keys.empty() && keys.front() == doubted) keys.pop_front();
  }
  void run_all() {
    while (!waiting.empty()) {
      const auto run = std::move(waiting.front());
      waiting.pop_front();
      run();
    }
  }

  std::deque<HttpText> answers;
  std::deque<Keys> keys{{"AKID", "s", ""}};
  std::vector<HttpRequest> sent;
  std::vector<Duration> waited;
  std::deque<std::function<void()>> waiting;

 private:
  Instant time_{1'000'000'000};
};

class ClientTest : public ::testing::Test {
 protected:
  Outcome call(Request request = {"sqs", "SendMessage"}) {
    std::optional<Outcome> how;
    client_.call(std::move(request), [&](Outcome outcome) { how = std::move(outcome); });
    world_.run_all();
    EXPECT_TRUE(how.has_value());
    return how.value_or(Outcome{});
  }
  void answer(std::uint32_t status, std::string body) {
    HttpText text;
    text.status = status;
    text.body = std::move(body);
    world_.answers.push_back(std::move(text));
  }
  World world_;
  Client client_{world_, world_, {"eu-west-1"}};
};

TEST_F(ClientTest, AnAnswerOfEachProtocolIsJson) {
  answer(200, R"({"MessageId":"1"})");
  EXPECT_EQ(call().answer, R"({"MessageId":"1"})");
  answer(200,
         "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>"
         "</PublishResponse>");
  const Outcome published = call({"sns", "Publish"});
  EXPECT_FALSE(published.fault.has_value());
  EXPECT_EQ(published.answer, R"({"PublishResult":{"MessageId":"1"}})");
  EXPECT_EQ(world_.sent[0].url, "https://sqs.eu-west-1.amazonaws.com/");
}

TEST_F(ClientTest, WhatMayPassIsSaidAgainTwice) {
  answer(503, "");
  answer(400, R"({"__type":"ThrottlingException"})");
  answer(200, "{}");
  const Outcome how = call();
  EXPECT_FALSE(how.fault.has_value());
  EXPECT_EQ(how.attempts, 3U);
  ASSERT_EQ(world_.waited.size(), 2U);
  EXPECT_LE(world_.waited[0], seconds(1));
  EXPECT_LE(world_.waited[1], seconds(2));
}

TEST_F(ClientTest, ItEndsWithWhatTheLastAnswerSaid) {
  for (int i = 0; i < 3; ++i) answer(500, R"({"__type":"InternalFailure","message":"oh"})");
  const Outcome how = call();
  EXPECT_EQ(how.fault, (Fault{"InternalFailure", "oh"}));
  EXPECT_EQ(how.attempts, 3U);
  EXPECT_EQ(how.kind, FaultKind::kTransient);
}

TEST_F(ClientTest, WhatMayBeDoneNeverthelessIsSaid) {
  answer(500, "");
  answer(400, R"({"__type":"ConditionalCheckFailedException"})");
  EXPECT_TRUE(call().may_be_done);
  answer(400, R"({"__type":"ThrottlingException"})");
  answer(400, R"({"__type":"ConditionalCheckFailedException"})");
  EXPECT_FALSE(call().may_be_done);
  answer(500, "");
  answer(200, "{}");
  EXPECT_FALSE(call().may_be_done);
}

TEST_F(ClientTest, ARefusalIsFinal) {
  answer(400, R"({"__type":"QueueDoesNotExist"})");
  EXPECT_EQ(call().fault->code, "QueueDoesNotExist");
  EXPECT_EQ(world_.sent.size(), 1U);
}

TEST_F(ClientTest, NoAnswerIsSaidAgain) {
  HttpText none;
  none.trouble = "connection refused";
  for (int i = 0; i < 3; ++i) world_.answers.push_back(none);
  EXPECT_EQ(call().fault, (Fault{"NoAnswer", "connection refused"}));
}

TEST_F(ClientTest, KeysThatExpiredAreReadAgainOnce) {
  world_.keys = {{"OLD", "s", ""}, {"NEW", "s", ""}};
  answer(400, R"({"__type":"ExpiredTokenException"})");
  answer(200, "{}");
  EXPECT_FALSE(call().fault.has_value());
  const auto& headers = world_.sent[1].headers;
  EXPECT_TRUE(std::any_of(headers.begin(), headers.end(), [](const NameValue& one) {
    return one.first == "authorization" && one.second.find("NEW/") != std::string::npos;
  }));
  world_.keys = {{"OLD", "s", ""}, {"OLDER", "s", ""}};
  answer(400, R"({"__type":"ExpiredTokenException"})");
  answer(400, R"({"__type":"ExpiredTokenException"})");
  EXPECT_EQ(call().kind, FaultKind::kKeys);
}

TEST_F(ClientTest, WithoutKeysNothingIsSent) {
  world_.keys.clear();
  EXPECT_EQ(call().fault, (Fault{"NoCredentials", "tried: nothing"}));
  EXPECT_TRUE(world_.sent.empty());
}

TEST_F(ClientTest, NoSoonerThanTheServiceSays) {
  answer(503, "");
  world_.answers.back().retry_after = seconds(7);
  answer(200, "{}");
  EXPECT_FALSE(call().fault.has_value());
  EXPECT_EQ(world_.waited, (std::vector<Duration>{seconds(7)}));
}

// 500, of which each attempt more takes 5: with many that fail nothing is said again.
TEST_F(ClientTest, TheQuotaIsOfAllCalls) {
  for (int i = 0; i < 50; ++i) {
    for (int n = 0; n < 3; ++n) answer(500, "");
    EXPECT_EQ(call().attempts, 3U);
  }
  answer(500, "");
  EXPECT_EQ(call().attempts, 1U);
}

TEST_F(ClientTest, EachServiceHasAPaceOfItsOwn) {
  Client slow(world_, world_, {"eu-west-1", {}, 2});
  for (int i = 0; i < 8; ++i) answer(200, "{}");
  const auto ask = [&](Request request) { slow.call(std::move(request), [](const auto&) {}); };
  for (int i = 0; i < 4; ++i) ask({"sqs", "SendMessage"});
  EXPECT_EQ(world_.waited.size(), 1U);  // a burst of a second, then each in its turn
  for (int i = 0; i < 3; ++i) ask({"dynamodb", "GetItem"});
  EXPECT_EQ(world_.sent.size(), 6U);
  world_.run_all();
  EXPECT_EQ(world_.sent.size(), 7U);
}

TEST_F(ClientTest, AClockThatIsWrongIsCorrectedForAllThatFollows) {
  answer(403, R"({"__type":"RequestTimeTooSkewed"})");
  world_.answers.back().fields["date"] = "Sat, 21 Nov 2026 12:10:00 GMT";
  answer(200, "{}");
  answer(200, "{}");
  EXPECT_FALSE(call().fault.has_value());
  EXPECT_FALSE(call().fault.has_value());
  for (const std::size_t i : {1U, 2U}) {
    const auto& headers = world_.sent[i].headers;
    EXPECT_TRUE(std::any_of(headers.begin(), headers.end(), [](const NameValue& one) {
      return one == NameValue{"x-amz-date", "20261121T121000Z"};
    }));
  }
}

TEST_F(ClientTest, AWrongSecretIsNoMatterOfTime) {
  answer(403, R"({"__type":"SignatureDoesNotMatch"})");
  world_.answers.back().fields["date"] = "Sat, 21 Nov 2026 12:00:01 GMT";
  EXPECT_EQ(call().fault->code, "SignatureDoesNotMatch");
  EXPECT_EQ(world_.sent.size(), 1U);
}

TEST_F(ClientTest, ACallOfAClientThatIsGoneIsNeverAnswered) {
  answer(503, "");
  bool answered = false;
  {
    Client brief(world_, world_, {"eu-west-1"});
    brief.call({"sqs", "SendMessage"}, [&](const Outcome&) { answered = true; });
  }
  world_.run_all();
  EXPECT_FALSE(answered);
}

// What a policy does not allow shows where it is written, not in production.
TEST_F(ClientTest, NothingIsCalledThatIsNotAmongTheUses) {
  constexpr std::array kUses{Use{"Queue", "sqs", "SendMessage"},
                             Use{"Table", "dynamodb", "TransactWriteItems"},
                             Use{"Table", "dynamodb", "PutItem"}};
  Client strict(world_, world_, {"eu-west-1", {}, 1000, 1, kUses});
  const auto call = [&](Request request) { strict.call(std::move(request), [](const auto&) {}); };
  Request transaction{"dynamodb", "TransactWriteItems"};
  transaction.contains = {"PutItem"};
  answer(200, "{}");
  answer(200, "{}");
  call({"sqs", "SendMessage"});
  call(transaction);
  EXPECT_EQ(world_.sent.size(), 2U);
  transaction.contains.push_back("DeleteItem");
  EXPECT_DEATH(call(transaction), "CHECK failed");
  EXPECT_DEATH(call({"sqs", "ReceiveMessage"}), "CHECK failed");
  EXPECT_DEATH(call({"sns", "SendMessage"}), "CHECK failed");
}

TEST(Pace, ABurstOfASecondThenEvenly) {
  Pace pace(10);
  const Instant now{100'000'000};
  for (int i = 0; i < 11; ++i) EXPECT_EQ(pace.take(now), Duration{}) << i;
  EXPECT_EQ(pace.take(now), milliseconds(100));
  EXPECT_EQ(pace.take(now), milliseconds(200));
  EXPECT_EQ(pace.take(now + seconds(5)), Duration{});
}

}  // namespace
}  // namespace sluice::aws
