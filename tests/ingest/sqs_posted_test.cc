// What the front door sends into a queue is, when it comes from there, the message that was taken.
#include "ingest/sqs_posted.h"

#include <gtest/gtest.h>

#include "ingest/order.h"
#include "ingest/sqs_message.h"
#include "lib/aws/sqs_batches.h"
#include "lib/base/calendar.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {
namespace {

const StoreTime kTaken = *parse_time("2026-11-21T12:00:00.000123Z");

class SqsPosted : public testing::Test {
 protected:
  SqsPosted() {
    reading_.source = "orders";
    reading_.upstreams.resize(1);
    reading_.upstreams[0].name = "onlyfans";
    reading_.upstreams[0].expires_after = hours(1);
    reading_.pointers.not_before = "/after";
    reading_.pointers.expires_at = "/until";
    reading_.pointers.priority = "/priority";
    reading_.pointers.reply_to = "/reply";
    reading_.pointers.headers = "/headers";
    reading_.reply_hosts = {"https://hooks.example.com"};
    config_.upstreams = reading_.upstreams;
    config_.door_queue = "orders";
  }
  // As the door reads it.
  wire::Offer taken(const std::string& document) {
    ReadDocument read =
        read_document(document, {reading_.pointers, reading_.upstreams, kTaken,
                                 [] { return std::string("made-1"); }, reading_.reply_hosts});
    EXPECT_TRUE(std::holds_alternative<wire::Offer>(read)) << document;
    auto& offer = std::get<wire::Offer>(read);
    complete_row(offer, config_, kTaken);
    return std::move(offer);
  }
  // As a source reads it that has received it, a minute later.
  static aws::sqs::Message received(const aws::sqs::Entry& entry) {
    aws::sqs::Message message{"sqs-id", "receipt", entry.body};
    message.attributes = entry.attributes;
    message.group = entry.group;
    message.receives = 2;
    message.sent = kTaken + minutes(1);
    return message;
  }
  void comes_as_it_was_taken(const std::string& document) {
    wire::Offer taken_one = taken(document);
    taken_one.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const aws::sqs::Message message = received(sqs_posted(taken_one, document, false));
    EXPECT_EQ(message.body, document);
    EXPECT_TRUE(is_sqs_posted(message));
    EXPECT_FALSE(sqs_unwrapped(message));
    ReadDocument read = read_sqs_message(message, reading_);
    ASSERT_TRUE(std::holds_alternative<wire::Offer>(read));
    const auto& offer = std::get<wire::Offer>(read);
    EXPECT_EQ(wire::identity_of(offer.source, offer.key, offer.id, offer.generation),
              taken_one.identity);
    EXPECT_EQ(wire::content_hash_of(offer.request), taken_one.content_hash);
    EXPECT_EQ(offer.first_seen, taken_one.first_seen);
    EXPECT_EQ(offer.expires_at, taken_one.expires_at);
    EXPECT_EQ(offer.not_before, taken_one.not_before);
    EXPECT_EQ(offer.priority, taken_one.priority);
    EXPECT_EQ(offer.reply_to, taken_one.reply_to);
    EXPECT_EQ(offer.traceparent, taken_one.traceparent);
    EXPECT_EQ(order_of(offer, config_.priority_age), taken_one.order);
  }

  SqsReading reading_;
  Config config_;
};

TEST_F(SqsPosted, ComesAsItWasTaken) {
  comes_as_it_was_taken(R"({"messageId":"m-1","userId":"u-1","content":"Grüße"})");
  comes_as_it_was_taken(R"({"userId":"u-1"})");
  comes_as_it_was_taken(
      R"({"messageId":"m-1","userId":"u-1","after":"2026-11-21T12:10:00Z","priority":-3,)"
      R"("until":"2026-11-21T12:30:00Z","headers":{"X-A":"b"},)"
      R"("reply":"https://hooks.example.com/x"})");
}

// A document that is over when it comes is for the limiter to settle, and no malformed one.
TEST_F(SqsPosted, IsReadByTheTimeWhenItWasTaken) {
  comes_as_it_was_taken(R"({"messageId":"m","userId":"u","until":"2026-11-21T12:00:30Z"})");
}

TEST_F(SqsPosted, ThatLooksLikeAWrappedOneIsItself) {
  reading_.pointers.key = "/sluice/user";
  comes_as_it_was_taken(R"({"sluice":{"user":"u"},"body":"{}"})");
}

TEST_F(SqsPosted, HasItsKeysGroupAndInAFifoQueueAName) {
  const wire::Offer one = taken(R"({"messageId":"a","userId":"u"})");
  const wire::Offer two = taken(R"({"messageId":"b","userId":"u"})");
  const wire::Offer other = taken(R"({"messageId":"a","userId":"v"})");
  const auto first = sqs_posted(one, "{}", true);
  EXPECT_EQ(first.group.size(), 64U);
  EXPECT_EQ(sqs_posted(two, "{}", false).group, first.group);
  EXPECT_NE(sqs_posted(other, "{}", false).group, first.group);
  EXPECT_EQ(sqs_posted(one, "{}", true).deduplication_id, first.deduplication_id);
  EXPECT_NE(sqs_posted(two, "{}", true).deduplication_id, first.deduplication_id);
  EXPECT_EQ(sqs_posted(one, "{}", false).deduplication_id, "");
}

TEST_F(SqsPosted, ThatTheQueueDoesNotTakeIsSaid) {
  const std::string document = R"({"messageId":"a","userId":"u"})";
  const wire::Offer one = taken(document);
  const std::size_t bytes = aws::sqs::bytes_of(sqs_posted(one, document, false));
  EXPECT_FALSE(sqs_posted_trouble(one, document, 0));
  EXPECT_FALSE(sqs_posted_trouble(one, document, bytes));
  const auto large = sqs_posted_trouble(one, document, bytes - 1);
  ASSERT_TRUE(large);
  EXPECT_EQ(large->status, 413);
  EXPECT_NE(large->why.find(std::to_string(bytes - 1)), std::string::npos);
  const auto odd = sqs_posted_trouble(one, "{\"a\":\"\xef\xbf\xbf\"}", 0);
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->status, 400);
}

TEST_F(SqsPosted, WhatOthersSendIsNot) {
  aws::sqs::Message message{"id", "receipt", "{}"};
  EXPECT_FALSE(is_sqs_posted(message));
  message.attributes["sluice"] = {R"({"generation":1})"};
  EXPECT_FALSE(is_sqs_posted(message));
  message.attributes["sluice"] = {R"({"posted":"yes"})"};
  EXPECT_FALSE(is_sqs_posted(message));
}

}  // namespace
}  // namespace sluice::ingest
