#include "lib/aws/sqs.h"

#include <algorithm>
#include <set>

#include "lib/aws/sqs_batches.h"
#include "tests/emulators/rig.h"

namespace sluice::aws::sqs {
namespace {

using How = EntryFate::How;
using Texts = std::set<std::string>;

class SqsTest : public EmulatorTest {
 protected:
  // A queue's URL.
  std::string create(const std::string& name, const std::string& attributes = "{}") {
    prepare("sqs", "CreateQueue",
            R"({"QueueName":")" + name + R"(","Attributes":)" + attributes + "}");
    const auto url = read_queue_url(call(get_queue_url(name)));
    EXPECT_TRUE(url.ok()) << url.refusal().message;
    return *url;
  }
  QueueAttributes attributes(const std::string& url) {
    const auto found = read_queue_attributes(call(get_queue_attributes(url)));
    EXPECT_TRUE(found.ok());
    return *found;
  }
  std::vector<How> send(const std::string& url, const std::vector<Entry>& entries) {
    return hows(read_batch(call(send_message_batch(url, entries)), entries.size()));
  }
  static std::vector<How> hows(const Reply<std::vector<EntryFate>>& fates) {
    std::vector<How> all;
    EXPECT_TRUE(fates.ok()) << fates.refusal().code << fates.refusal().message;
    for (const EntryFate& fate : *fates) all.push_back(fate.how);
    return all;
  }
  std::vector<Message> receive(Receive what) {
    const auto got = read_received(call(receive_message(what)));
    EXPECT_TRUE(got.ok()) << got.refusal().message;
    return *got;
  }
  // Until `count` have come, or none does any more.
  std::vector<Message> receive_all(const Receive& what, std::size_t count) {
    std::vector<Message> all;
    for (int tries = 0; tries < 20 && all.size() < count; ++tries) {
      for (Message& one : receive(what)) all.push_back(std::move(one));
    }
    return all;
  }
};

TEST_P(SqsTest, WhatIsSentIsReceivedAndDeleted) {
  const std::string url = create(named("plain"));
  std::vector<Entry> entries;
  for (int i = 0; i < 10; ++i)
    entries.push_back({"{\"n\":" + std::to_string(i) + ",\"t\":\"\u00e4<&>\"}"});
  entries[3].attributes["sluice"] = {R"({"v":1})"};
  EXPECT_EQ(send(url, entries), std::vector<How>(10, How::kDone));

  const auto got = receive_all({url, 10, seconds(1), seconds(60), {"sluice"}}, 10);
  ASSERT_EQ(got.size(), 10U);
  Texts bodies;
  std::vector<std::string> receipts;
  for (const Message& one : got) {
    bodies.insert(one.body);
    receipts.push_back(one.receipt);
    EXPECT_EQ(one.receives, 1U);
    const Duration age = port::wall_now() - one.sent;
    EXPECT_TRUE(age > -seconds(5) && age < seconds(60)) << age.us;
    const bool fourth = one.body == entries[3].body;
    EXPECT_EQ(one.attributes.count("sluice"), fourth ? 1U : 0U) << one.body;
  }
  EXPECT_EQ(bodies.size(), 10U);
  EXPECT_TRUE(bodies.contains(entries[7].body));
  EXPECT_EQ(attributes(url).in_flight, 10U);
  EXPECT_EQ(hows(read_batch(call(delete_message_batch(url, receipts)), 10)),
            std::vector<How>(10, How::kDone));
  EXPECT_EQ(attributes(url).in_flight, 0U);
}

// The MD5s are others' work: an attribute of each type, and a body that is not ASCII.
TEST_P(SqsTest, WhatItSaysThatItHasIsWhatWasSent) {
  const std::string url = create(named("md5"));
  Entry entry{"b\u00e4"};
  entry.attributes = {
      {"b", {"\u00e4"}}, {"a", {"7", "Number"}}, {"c", {"AP8=", "Binary.png"}}, {"B", {"z"}}};
  const BatchCall batch = sending(url, {entry, {"alone"}});
  const auto fates = batch.read(call(batch.request));
  EXPECT_EQ(hows(fates), std::vector<How>(2, How::kDone)) << (*fates)[0].code;
  EXPECT_EQ((*fates)[0].md5_body.size(), 32U);
  EXPECT_EQ((*fates)[0].md5_attributes.size(), 32U);
  EXPECT_EQ((*fates)[1].md5_attributes, "");
  const auto got = receive_all({url, 10, seconds(1), seconds(60), {"All"}}, 2);
  ASSERT_EQ(got.size(), 2U);
  for (const Message& one : got) EXPECT_EQ(one.damage, "") << one.body;
}

TEST_P(SqsTest, OneBadEntryIsNoOthers) {
  const std::string url = create(named("partial"));
  ASSERT_EQ(send(url, {{"a"}, {"b"}}), std::vector<How>(2, How::kDone));
  const auto got = receive_all({url, 10, seconds(1), seconds(60)}, 2);
  ASSERT_EQ(got.size(), 2U);
  const auto fates = read_batch(
      call(delete_message_batch(url, {got[0].receipt, "no receipt", got[1].receipt})), 3);
  ASSERT_TRUE(fates.ok()) << fates.refusal().code;
  EXPECT_EQ((*fates)[0].how, How::kDone);
  if (emulator() != Emulator::kFauxqs) {  // it deletes whatever it is told to
    EXPECT_EQ((*fates)[1].how, How::kFailed);
    EXPECT_EQ((*fates)[1].code, "ReceiptHandleIsInvalid");
  }
  EXPECT_EQ((*fates)[2].how, How::kDone);
}

TEST_P(SqsTest, VisibilityIsWhatWasSetLast) {
  const std::string url = create(named("visible"));
  ASSERT_EQ(send(url, {{"a"}, {"b"}}), std::vector<How>(2, How::kDone));
  const auto got = receive_all({url, 10, seconds(1), seconds(60)}, 2);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_TRUE(receive({url, 10, seconds(0)}).empty());
  EXPECT_EQ(hows(read_batch(call(change_message_visibility_batch(
                                url, {{got[0].receipt, {}}, {got[1].receipt, seconds(90)}})),
                            2)),
            std::vector<How>(2, How::kDone));
  const auto again = receive({url, 10, seconds(2)});
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].id, got[0].id);
  EXPECT_EQ(again[0].receives, 2U);
}

TEST_P(SqsTest, ALongPollEndsWhenSomethingComes) {
  const std::string url = create(named("poll"));
  std::optional<Outcome> polled;
  const Instant began = port::steady_now();
  client().call(receive_message({url, 10, seconds(10)}),
                [&](Outcome outcome) { polled = std::move(outcome); });
  bool sent = false;
  poller_.after(milliseconds(300), [&] {
    client().call(send_message_batch(url, {{"late"}}), [&](const Outcome&) { sent = true; });
  });
  run_until([&] { return polled && sent; });
  const auto got = read_received(*polled);
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->size(), 1U);
  EXPECT_LT(port::steady_now() - began, seconds(8));
}

TEST_P(SqsTest, BatchesFillThemselves) {
  const std::string url = create(named("many"));
  // moto brings back what two that delete at once have deleted.
  const std::size_t at_once = emulator() == Emulator::kMoto ? 1 : 3;
  const BatcherConfig config{kBatchMax, kBatchBytesMax, milliseconds(10), at_once};
  Batcher<Entry> sending(client(), session_->world(), sends(url), config);
  Batcher<std::string> deleting(client(), session_->world(), deletes(url), config);
  Batcher<Visibility> hiding(client(), session_->world(), visibilities(url), config);
  std::size_t done = 0;
  const auto count = [&](const EntryFate& fate) {
    EXPECT_EQ(fate.how, How::kDone) << fate.code;
    ++done;
  };
  for (int i = 0; i < 95; ++i) sending.add({std::to_string(i)}, count);
  run_until([&] { return done == 95; });
  const auto got = receive_all({url, 10, seconds(1), seconds(60)}, 95);
  ASSERT_EQ(got.size(), 95U);
  for (const Message& one : got) hiding.add({one.receipt, seconds(90)}, count);
  run_until([&] { return done == 2UL * 95; });
  for (const Message& one : got) deleting.add(one.receipt, count);
  run_until([&] { return done == 3UL * 95; });
  const QueueAttributes empty = attributes(url);
  EXPECT_EQ(empty.waiting + empty.in_flight, 0U);
}

TEST_P(SqsTest, AFifoQueueKeepsItsGroupsInOrder) {
  const std::string url = create(named("lane") + ".fifo", R"({"FifoQueue":"true"})");
  EXPECT_TRUE(attributes(url).is_fifo);
  std::vector<Entry> entries;
  for (int i = 0; i < 4; ++i) {
    entries.push_back({std::to_string(i), {}, {}, i % 2 == 0 ? "even" : "odd", std::to_string(i)});
  }
  const auto fates = read_batch(call(send_message_batch(url, entries)), 4);
  ASSERT_TRUE(fates.ok());
  // moto's numbers are in no order; ElasticMQ says them to whoever receives, alone.
  const bool in_order = (*fates)[0].sequence < (*fates)[3].sequence;
  EXPECT_TRUE(in_order || emulator() == Emulator::kMoto || emulator() == Emulator::kElasticMq);
  EXPECT_EQ(send(url, {entries[0]}), std::vector<How>(1, How::kDone));  // again: the same one
  // fauxqs gives no more than one of a group at a time.
  std::vector<Message> got;
  for (int tries = 0; tries < 10 && got.size() < 4; ++tries) {
    for (const Message& one : receive({url, 10, seconds(1), seconds(60)})) {
      got.push_back(one);
      const auto gone = read_batch(call(delete_message_batch(url, {one.receipt})), 1);
      EXPECT_EQ(hows(gone), std::vector<How>(1, How::kDone));
    }
  }
  ASSERT_EQ(got.size(), 4U);
  const auto of = [&](const std::string& group) {
    std::string bodies;
    for (const Message& one : got) bodies += one.group == group ? one.body : "";
    return bodies;
  };
  const auto first =
      std::find_if(got.begin(), got.end(), [](const auto& m) { return m.body == "1"; });
  const auto later =
      std::find_if(got.begin(), got.end(), [](const auto& m) { return m.body == "3"; });
  EXPECT_TRUE(first->sequence < later->sequence || emulator() == Emulator::kMoto);
  EXPECT_EQ(of("even"), "02");
  EXPECT_EQ(of("odd"), "13");
}

TEST_P(SqsTest, AQueueSaysWhatItDoesWithItsDead) {
  const std::string name = named("dead");
  const std::string dead = create(name + "-dlq");
  const std::string url =
      create(name, R"({"VisibilityTimeout":"45","MessageRetentionPeriod":"86400","RedrivePolicy":)"
                   R"("{\"deadLetterTargetArn\":\")" +
                       attributes(dead).arn + R"(\",\"maxReceiveCount\":5}"})");
  const QueueAttributes found = attributes(url);
  EXPECT_EQ(found.visibility, seconds(45));
  // ElasticMQ keeps what nobody takes, and does not say so.
  EXPECT_EQ(found.retention, emulator() == Emulator::kElasticMq ? Duration{} : hours(24));
  EXPECT_EQ(found.receives_max, 5U);
  EXPECT_EQ(found.dead_letter_arn, attributes(dead).arn);
  EXPECT_FALSE(found.is_fifo);
  EXPECT_EQ(attributes(dead).receives_max, 0U);
}

// SQS's fair queues.
TEST_P(SqsTest, AMessageOfAPlainQueueMayHaveAGroup) {
  const std::string url = create(named("fair"));
  const auto fates = send(url, {{"a", {}, {}, "group"}});
  if (emulator() == Emulator::kElasticMq) {  // it knows no fair queues
    EXPECT_EQ(fates, std::vector<How>(1, How::kFailed));
    return;
  }
  EXPECT_EQ(fates, std::vector<How>(1, How::kDone));
  const auto got = receive_all({url, 10, seconds(1), seconds(60)}, 1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].body, "a");
}

TEST_P(SqsTest, AQueueThatIsNotThere) {
  const auto none = read_queue_url(call(get_queue_url(named("none"))));
  ASSERT_FALSE(none.ok());
  EXPECT_TRUE(none.refusal().code.ends_with("QueueDoesNotExist") ||
              none.refusal().code.ends_with("NonExistentQueue"))
      << none.refusal().code;
  EXPECT_EQ(none.refusal().kind, FaultKind::kRefused);
  EXPECT_FALSE(none.refusal().may_be_done);
}

INSTANTIATE_TEST_SUITE_P(Of, SqsTest,
                         ::testing::Values(Emulator::kMoto, Emulator::kFauxqs, Emulator::kTinySqs,
                                           Emulator::kElasticMq),
                         emulator_name);

}  // namespace
}  // namespace sluice::aws::sqs
