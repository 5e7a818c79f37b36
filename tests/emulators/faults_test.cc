// What callers are told while something between them and the service goes wrong.
#include <unistd.h>

#include <fstream>

#include "lib/aws/dynamodb.h"
#include "lib/aws/sqs.h"
#include "tests/emulators/proxy.h"
#include "tests/emulators/rig.h"

namespace sluice::aws {
namespace {

using Fates = std::deque<Fate>;
using How = EntryFate::How;

class FaultsTest : public EmulatorTest {
 protected:
  void SetUp() override {
    EmulatorTest::SetUp();
    if (session_ == nullptr) return;
    proxy_ = std::make_unique<Proxy>(poller_, url_of(emulator()));
    auto opened = Session::open(poller_, {"us-east-1", proxy_->url()}, std::nullopt);
    ASSERT_TRUE(opened.ok());
    session_ = std::move(*opened);
  }
  void TearDown() override { session_.reset(); }

  // One attempt for each fate; what is lost is waited for as long as a slow machine may take.
  Outcome amid(Fates fates, Request request) {
    request.timeout = seconds(2);
    proxy_->next(std::move(fates));
    return call(std::move(request));
  }
  void create_queue(bool is_fifo = false) {
    const std::string name = named("faults") + (is_fifo ? ".fifo" : "");
    const char* attributes = is_fifo ? R"("FifoQueue":"true")" : "";
    prepare("sqs", "CreateQueue",
            R"({"QueueName":")" + name + R"(","Attributes":{)" + attributes + "}}");
    queue_ = *sqs::read_queue_url(call(sqs::get_queue_url(name)));
  }
  void create_table() {
    table_ = named("faults");
    prepare("dynamodb", "CreateTable", R"({"TableName":")" + table_ + R"(",
      "BillingMode":"PAY_PER_REQUEST",
      "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
      "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]})");
  }
  dynamodb::Write once(const std::string& key) const {
    dynamodb::Write put{dynamodb::Write::Kind::kPut, table_, {{"pk", dynamodb::text(key)}}};
    put.condition = "attribute_not_exists(pk)";
    return put;
  }
  std::size_t waiting() {
    return sqs::read_queue_attributes(call(sqs::get_queue_attributes(queue_)))->waiting;
  }
  std::unique_ptr<Proxy> proxy_;
  std::string queue_, table_;
};

class QueueFaultsTest : public FaultsTest {};
INSTANTIATE_TEST_SUITE_P(Emulators, QueueFaultsTest, testing::Values(Emulator::kMoto),
                         emulator_name);
class QueueRepeatsTest : public FaultsTest {};
INSTANTIATE_TEST_SUITE_P(Emulators, QueueRepeatsTest,
                         testing::Values(Emulator::kMoto, Emulator::kElasticMq), emulator_name);
class TableFaultsTest : public FaultsTest {};
INSTANTIATE_TEST_SUITE_P(Emulators, TableFaultsTest,
                         testing::Values(Emulator::kMoto, Emulator::kTiny,
                                         Emulator::kDynamoDbLocal),
                         emulator_name);

TEST_P(QueueFaultsTest, WhatPassesIsSeenByNobody) {
  create_queue();
  const Request send = sqs::send_message_batch(queue_, {{"a"}});
  for (const Fates& fates : {Fates{Fate::kLate}, Fates{Fate::kTrouble, Fate::kThrottled},
                             Fates{Fate::kLost}, Fates{Fate::kBusy}}) {
    const Instant began = port::steady_now();
    const auto sent = sqs::read_batch(amid(fates, send), 1);
    ASSERT_TRUE(sent.ok()) << sent.refusal().code;
    EXPECT_EQ((*sent)[0].how, How::kDone);
    // Retry-After is kept to.
    EXPECT_TRUE(fates.front() != Fate::kBusy || port::steady_now() - began >= seconds(1));
  }
  EXPECT_EQ(waiting(), 4U);
}

TEST_P(QueueFaultsTest, WhatLastsIsTold) {
  create_queue();
  const Request send = sqs::send_message_batch(queue_, {{"a"}});
  const auto throttled =
      sqs::read_batch(amid({Fate::kThrottled, Fate::kThrottled, Fate::kThrottled}, send), 1);
  ASSERT_FALSE(throttled.ok());
  EXPECT_EQ(throttled.refusal().kind, FaultKind::kThrottled);
  EXPECT_FALSE(throttled.refusal().may_be_done);
  const auto lost = sqs::read_batch(amid({Fate::kLost, Fate::kLost, Fate::kLost}, send), 1);
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.refusal().code, "NoAnswer");
  EXPECT_TRUE(lost.refusal().may_be_done);
  EXPECT_EQ(waiting(), 0U);
}

TEST_P(QueueFaultsTest, AClockThatIsTenMinutesOffIsLearnt) {
  create_queue();
  const Request send = sqs::send_message_batch(queue_, {{"a"}});
  const auto requests_of_one = [&] {
    const std::size_t before = proxy_->requests();
    const auto sent = sqs::read_batch(call(send), 1);
    EXPECT_TRUE(sent.ok() && (*sent)[0].how == How::kDone);
    return proxy_->requests() - before;
  };
  for (const Duration ahead : {minutes(10), -minutes(10)}) {
    proxy_->clock_ahead(ahead);
    EXPECT_EQ(requests_of_one(), 2U) << "one is refused, and says what time it is";
    EXPECT_EQ(requests_of_one(), 1U);
  }
}

TEST_P(QueueFaultsTest, KeysThatExpireAreReadAnew) {
  create_queue();
  const std::string file = testing::TempDir() + named("credentials");
  const auto keys_are = [&](const std::string& token) {
    std::ofstream(file) << "[default]\naws_access_key_id = test\naws_secret_access_key = test\n"
                        << "aws_session_token = " << token << "\n";
  };
  keys_are("of-this-hour");
  unsetenv("AWS_ACCESS_KEY_ID");
  unsetenv("AWS_SECRET_ACCESS_KEY");
  setenv("AWS_SHARED_CREDENTIALS_FILE", file.c_str(), 1);
  session_ = std::move(*Session::open(poller_, {"us-east-1", proxy_->url()}, std::nullopt));
  const Request send = sqs::send_message_batch(queue_, {{"a"}});
  for (const std::string token : {"of-this-hour", "of-the-next"}) {
    keys_are(token);
    proxy_->only_token(token);
    const auto sent = sqs::read_batch(call(send), 1);
    ASSERT_TRUE(sent.ok()) << sent.refusal().code << " " << sent.refusal().message;
    EXPECT_EQ((*sent)[0].how, How::kDone);
  }
  proxy_->only_token("of-nobody");
  EXPECT_EQ(sqs::read_batch(call(send), 1).refusal().code, "ExpiredTokenException");
  proxy_->only_token("");
  EXPECT_EQ(waiting(), 2U);
  unsetenv("AWS_SHARED_CREDENTIALS_FILE");
  unlink(file.c_str());
}

TEST_P(QueueRepeatsTest, WhatWasDoneWithoutAnAnswerIsDone) {
  create_queue();
  const Request send = sqs::send_message_batch(queue_, {{"a"}});
  ASSERT_TRUE(sqs::read_batch(amid({Fate::kAnswerLost}, send), 1).ok());
  EXPECT_EQ(waiting(), 2U);  // SQS is sent to at least once
  const auto half = sqs::read_batch(amid({Fate::kGarbage}, send), 1);
  ASSERT_TRUE(half.ok());
  EXPECT_EQ((*half)[0].how, How::kUnsaid);
  EXPECT_EQ(waiting(), 3U);
}

TEST_P(QueueRepeatsTest, WhatIsDeletedTwiceIsDeleted) {
  create_queue();
  ASSERT_TRUE(sqs::read_batch(call(sqs::send_message_batch(queue_, {{"a"}})), 1).ok());
  const auto got = sqs::read_received(call(sqs::receive_message({queue_, 10, seconds(1)})));
  ASSERT_EQ(got->size(), 1U);
  const Request gone = sqs::delete_message_batch(queue_, {got->front().receipt});
  for (const Fate fate : {Fate::kTwice, Fate::kAnswerLost}) {
    const auto fates = sqs::read_batch(amid({fate}, gone), 1);
    ASSERT_TRUE(fates.ok());
    // ElasticMQ knows no receipt of what is deleted.
    const bool is_said = (*fates)[0].code == "ReceiptHandleIsInvalid";
    EXPECT_TRUE((*fates)[0].how == How::kDone || (is_said && emulator() == Emulator::kElasticMq));
  }
  EXPECT_EQ(waiting(), 0U);
}

// The others do not know ReceiveRequestAttemptId.
class FifoRepeatsTest : public FaultsTest {};
INSTANTIATE_TEST_SUITE_P(Emulators, FifoRepeatsTest, testing::Values(Emulator::kElasticMq),
                         emulator_name);

TEST_P(FifoRepeatsTest, AReceptionThatIsSaidAgainBringsTheSame) {
  create_queue(true);
  const std::vector<sqs::Entry> entries = {{"1", {}, {}, "g", "1"}, {"2", {}, {}, "g", "2"}};
  ASSERT_TRUE(sqs::read_batch(call(sqs::send_message_batch(queue_, entries)), 2).ok());
  sqs::Receive what{queue_, 10, seconds(1), seconds(60)};
  what.attempt = "attempt-1";
  const auto got = sqs::read_received(amid({Fate::kAnswerLost}, sqs::receive_message(what)));
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->size(), 2U);
  EXPECT_EQ((*got)[0].body + (*got)[1].body, "12");
  std::vector<std::string> receipts = {(*got)[0].receipt, (*got)[1].receipt};
  const auto fates = sqs::read_batch(call(sqs::delete_message_batch(queue_, receipts)), 2);
  EXPECT_EQ((*fates)[1].how, How::kDone);
  EXPECT_EQ(waiting(), 0U);
}

TEST_P(TableFaultsTest, AConditionThatOurselvesMadeFailIsNoAnswer) {
  create_table();
  EXPECT_TRUE(*dynamodb::read_written(amid({Fate::kTrouble}, dynamodb::write_item(once("a")))));
  for (const Fate fate : {Fate::kAnswerLost, Fate::kTroubleLate}) {
    const std::string key = fate == Fate::kAnswerLost ? "b" : "c";
    const auto written = dynamodb::read_written(amid({fate}, dynamodb::write_item(once(key))));
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.refusal().code, "ConditionalCheckFailedException");
    EXPECT_TRUE(written.refusal().may_be_done);
  }
  EXPECT_FALSE(*dynamodb::read_written(call(dynamodb::write_item(once("a")))));
}

// Whether by its token, or (moto knows none) because its own conditions fail the second time.
TEST_P(TableFaultsTest, AnEventIsCountedOnceHoweverOftenItIsSaid) {
  create_table();
  dynamodb::Write add{
      dynamodb::Write::Kind::kUpdate, table_, {{"pk", dynamodb::text("sum")}}, "ADD amount :v"};
  add.terms.values = {{":v", dynamodb::number(5)}};
  const auto how = dynamodb::read_transaction(
      amid({Fate::kAnswerLost}, dynamodb::transact_write({once("event"), add}, "token")), 2);
  ASSERT_TRUE(how.ok());
  EXPECT_TRUE(how->written || how->has(dynamodb::Cause::kCondition));
  const auto sum = dynamodb::read_item(call(dynamodb::get_item(table_, add.item, true)));
  EXPECT_EQ((*sum)->at("amount"), dynamodb::number(5));
}

}  // namespace
}  // namespace sluice::aws
