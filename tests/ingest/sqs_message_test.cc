#include "ingest/sqs_message.h"

#include <gtest/gtest.h>

#include "lib/base/calendar.h"

namespace sluice::ingest {
namespace {

const StoreTime kSent = *parse_time("2026-11-21T12:00:00Z");

aws::sqs::Message message(const std::string& body) {
  aws::sqs::Message made{"sqs-id", "receipt", body};
  made.receives = 1;
  made.sent = kSent;
  return made;
}

class SqsMessage : public testing::Test {
 protected:
  SqsMessage() {
    reading_.source = "queue-1";
    reading_.upstreams.resize(2);
    reading_.upstreams[0].name = "onlyfans";
    reading_.upstreams[0].expires_after = hours(1);
    reading_.upstreams[1].name = "other";
  }
  ReadDocument read(const aws::sqs::Message& from) { return read_sqs_message(from, reading_); }
  SqsReading reading_;
};

TEST_F(SqsMessage, IsADocumentLikeAnyOther) {
  const std::string body = R"({"messageId":"m-1","userId":"u-1","content":"Hi!"})";
  const auto offer = std::get<wire::Offer>(read(message(body)));
  EXPECT_EQ(offer.source, "queue-1");
  EXPECT_EQ(offer.id, "m-1");
  EXPECT_EQ(offer.key, "onlyfans:u-1");
  EXPECT_EQ(offer.request.body, body);
  EXPECT_EQ(offer.first_seen, kSent);
  EXPECT_EQ(offer.expires_at, kSent + hours(1));
  EXPECT_FALSE(offer.offered_before);
  EXPECT_EQ(offer.generation, 0U);
}

TEST_F(SqsMessage, WithoutAnIdHasTheQueues) {
  EXPECT_EQ(std::get<wire::Offer>(read(message(R"({"userId":"u"})"))).id, "sqs-id");
}

TEST_F(SqsMessage, OfAFifoQueueGoesInOrder) {
  EXPECT_FALSE(std::get<wire::Offer>(read(message(R"({"userId":"u"})"))).in_order);
  reading_.in_order = reading_.stops_dead = true;
  const auto offer = std::get<wire::Offer>(read(message(R"({"userId":"u"})")));
  EXPECT_TRUE(offer.in_order && offer.stops_dead);
}

TEST_F(SqsMessage, HasItsGroupForAKeyIfSettingsSaySo) {
  auto grouped = message(R"({"userId":"u"})");
  grouped.group = "g-1";
  EXPECT_EQ(std::get<wire::Offer>(read(grouped)).key, "onlyfans:u");
  reading_.group_is_key = true;
  EXPECT_EQ(std::get<wire::Offer>(read(grouped)).key, "onlyfans:g-1");
  grouped.body = "{}";
  EXPECT_EQ(std::get<wire::Offer>(read(grouped)).key, "onlyfans:g-1");
  grouped.group = "a\tb";
  EXPECT_EQ(std::get<Refusal>(read(grouped)).why, "has a control character");
}

TEST_F(SqsMessage, ThatCameBeforeSaysSo) {
  auto again = message(R"({"userId":"u"})");
  again.receives = 2;
  EXPECT_TRUE(std::get<wire::Offer>(read(again)).offered_before);
}

TEST_F(SqsMessage, OurAttributeSaysItsGeneration) {
  auto replayed = message(R"({"userId":"u"})");
  replayed.attributes["sluice"] = {R"({"generation":3})"};
  EXPECT_EQ(std::get<wire::Offer>(read(replayed)).generation, 3U);
  for (const char* other : {"", "{", "[]", R"({"generation":-1})", R"({"generation":1.5})",
                            R"({"generation":99999999999})"}) {
    replayed.attributes["sluice"] = {other};
    EXPECT_EQ(std::get<wire::Offer>(read(replayed)).generation, 0U) << other;
  }
}

// What is over by now is expired, which the limiter says; what never could go is malformed.
TEST_F(SqsMessage, IsJudgedAsOfWhenItWasSent) {
  reading_.pointers.expires_at = "/until";
  const auto at = [](std::int64_t second) {
    return message(R"({"userId":"u","until":)" + std::to_string(second) + "}");
  };
  const std::int64_t sent = kSent.us / 1'000'000;
  EXPECT_TRUE(std::holds_alternative<wire::Offer>(read(at(sent + 1))));
  EXPECT_EQ(std::get<Refusal>(read(at(sent))).field, "/until");
}

// Whoever may send into the queue may say so: a row of 1969 could not be read, and would be the
// head of its key.
TEST_F(SqsMessage, WhatWasPostedWasSeenBeforeTheQueueTookItAndAfter1970) {
  auto posted = message(R"({"userId":"u"})");
  const auto seen = [&](const std::string& at) {
    posted.attributes["sluice"] = {R"({"posted":1,"first_seen":")" + at + "\"}"};
    const auto offer = std::get<wire::Offer>(read(posted));
    EXPECT_GE(offer.expires_at.us, 1) << at;
    return offer.first_seen;
  };
  EXPECT_EQ(seen("2026-11-21T11:59:59Z"), kSent - seconds(1));
  EXPECT_EQ(seen("1969-12-31T23:59:59Z"), StoreTime{1});
  EXPECT_EQ(seen("0001-01-01T00:00:00Z"), StoreTime{1});
  EXPECT_EQ(seen("9999-12-31T00:00:00Z"), kSent);
  EXPECT_EQ(seen("soon"), kSent);
}

TEST_F(SqsMessage, ThatIsMalformedSaysWhere) {
  EXPECT_EQ(std::get<Refusal>(read(message(R"({"messageId":"m"})"))).field, "/userId");
  EXPECT_NE(std::get<Refusal>(read(message("{"))).why.find("not JSON"), std::string::npos);
}

TEST_F(SqsMessage, OurAttributeSaysItsPriorityAndTheIdOfWhatHasNone) {
  reading_.pointers.priority = "/rank";
  auto replayed = message(R"({"userId":"u","rank":2})");
  replayed.attributes["sluice"] = {R"({"id":"of before","priority":3})"};
  const auto offer = std::get<wire::Offer>(read(replayed));
  EXPECT_EQ(offer.priority, 5);
  EXPECT_EQ(offer.id, "of before");
  replayed.attributes["sluice"] = {R"({"priority":100000,"generation":-1,"id":7})"};
  const auto odd = std::get<wire::Offer>(read(replayed));
  EXPECT_EQ(odd.priority, 2);
  EXPECT_EQ(odd.generation, 0U);
  EXPECT_EQ(odd.id, "sqs-id");
}

TEST(SqsUnwrapped, IsWhatWasWrapped) {
  auto from = message("a \"body\"");
  for (int i = 0; i < 10; ++i) from.attributes["a" + std::to_string(i)] = {"v"};
  const auto entry = sqs_with_ours(from, R"({"reason":"refused"})");
  const auto inner = sqs_unwrapped(message(entry.body));
  ASSERT_TRUE(inner);
  EXPECT_EQ(inner->body, "a \"body\"");
  EXPECT_EQ(inner->attributes.at("sluice").value, R"({"reason":"refused"})");
  for (const char* other : {R"({"sluice":{},"body":7})", R"({"sluice":1,"body":"b"})",
                            R"({"sluice":{},"body":"b","more":1})", R"({"sluice":{})", "b"}) {
    EXPECT_FALSE(sqs_unwrapped(message(other))) << other;
  }
}

TEST_F(SqsMessage, ItsRowKnowsWhatItsDocumentDoesNotSay) {
  auto from = message(R"({"userId":"u","text":"Hi"})");
  EXPECT_EQ(sqs_envelope(from, std::get<wire::Offer>(read(from))), "{}");
  reading_.pointers.body = "/text";
  from.group = "g \"1\"";
  from.attributes["mine"] = {"AP8=", "Binary"};
  from.attributes["sluice"] = {R"({"generation":1})"};
  auto offer = std::get<wire::Offer>(read(from));
  offer.envelope = sqs_envelope(from, offer);
  const auto again = sqs_message_of(offer);
  EXPECT_EQ(again.body, from.body);
  EXPECT_EQ(again.group, from.group);
  ASSERT_EQ(again.attributes.size(), 1U);
  EXPECT_EQ(again.attributes.at("mine").type, "Binary");
  EXPECT_EQ(again.attributes.at("mine").value, "AP8=");
}

TEST_F(SqsMessage, AnEnvelopeThatIsTooLargeIsNone) {
  auto from = message(R"({"userId":"u"})");
  const auto offer = std::get<wire::Offer>(read(from));
  from.attributes["mine"] = {"", "Binary"};
  const std::size_t rest = sqs_envelope(from, offer).size();
  from.attributes["mine"].value = std::string(wire::kEnvelopeMax - rest, 'A');
  EXPECT_EQ(sqs_envelope(from, offer).size(), wire::kEnvelopeMax);
  from.attributes["mine"].value += 'A';
  EXPECT_EQ(sqs_envelope(from, offer), "");
}

TEST_F(SqsMessage, ADamagedEnvelopeIsNone) {
  auto offer = std::get<wire::Offer>(read(message(R"({"userId":"u"})")));
  for (const char* damaged : {"{", "[]", R"({"body":1,"attributes":{"a":7}})"}) {
    offer.envelope = damaged;
    EXPECT_EQ(sqs_message_of(offer).body, R"({"userId":"u"})") << damaged;
  }
}

SqsEpitaph refused() {
  SqsEpitaph epitaph{"q", "m-1"};
  epitaph.reason = "refused";
  epitaph.generation = 2;
  return epitaph;
}

TEST(SqsDeadLetter, IsTheMessageAndOurAttribute) {
  auto from = message("body");
  from.attributes["mine"] = {"AP8=", "Binary"};
  from.attributes["sluice"] = {"of an earlier life"};
  const auto letter = *sqs_dead_letter(from, refused(), 0);
  EXPECT_EQ(letter.body, "body");
  EXPECT_EQ(letter.attributes.at("mine").type, "Binary");
  EXPECT_EQ(letter.attributes.at("mine").value, "AP8=");
  EXPECT_EQ(letter.attributes.at("sluice").value, sqs_epitaph_text(refused()));
  EXPECT_FALSE(sqs_without_ours(from).attributes.contains("sluice"));
}

TEST(SqsDeadLetter, WrapsTheBodyWhereTenAttributesAreThere) {
  auto from = message("a \"body\"");
  for (int i = 0; i < 10; ++i) from.attributes["a" + std::to_string(i)] = {"v"};
  const auto letter = *sqs_dead_letter(from, refused(), 0);
  EXPECT_EQ(letter.attributes.size(), 10U);
  EXPECT_EQ(letter.body,
            R"({"sluice":)" + sqs_epitaph_text(refused()) + R"(,"body":"a \"body\""})");
}

TEST(SqsDeadLetter, HasLessOfUsWhereThereIsLittleRoom) {
  const auto from = message(std::string(1000, 'b'));
  const std::size_t all = 1000 + 6 + 6 + sqs_epitaph_text(refused()).size();  // name, type, value
  const auto said = [&](std::size_t bytes_max) {
    const auto letter = sqs_dead_letter(from, refused(), bytes_max);
    return letter ? letter->attributes.at("sluice").value : "";
  };
  const std::string least = R"({"reason":"refused","id":"m-1","generation":2})";
  EXPECT_EQ(said(all), sqs_epitaph_text(refused()));
  EXPECT_EQ(said(all - 1), least);
  EXPECT_EQ(said(1012 + least.size()), least);
  EXPECT_EQ(said(1012 + least.size() - 1), "");
}

TEST(SqsEpitaphText, SaysWhatThereIsToSay) {
  SqsEpitaph epitaph{"q", "m-1", "onlyfans:u", "onlyfans"};
  epitaph.reason = "attempts";
  epitaph.attempts = 5;
  epitaph.last_status = 500;
  epitaph.died_at = kSent;
  EXPECT_EQ(sqs_epitaph_text(epitaph),
            R"({"reason":"attempts","source":"q","id":"m-1","key":"onlyfans:u",)"
            R"("upstream":"onlyfans","attempts":5,"last_status":500,)"
            R"("died_at":"2026-11-21T12:00:00.000000Z"})");
}

}  // namespace
}  // namespace sluice::ingest
