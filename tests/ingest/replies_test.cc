#include "ingest/replies.h"

#include <gtest/gtest.h>

#include "ingest/reply_sender.h"

namespace sluice::ingest {
namespace {

constexpr StoreTime kEnded{1'700'000'000'000'000};

Reply reply(std::int64_t number, std::uint32_t tries = 0) {
  Reply one;
  one.number = number;
  one.host = "https://h.example";
  one.url = "https://h.example/x";
  one.id = "m";
  one.settled.identity = std::string(16, '\x01');
  one.settled.at = kEnded;
  one.tries = tries;
  return one;
}

ReplyConfig config() {
  ReplyConfig config;
  config.hosts = {"https://h.example"};
  config.in_flight = 2;
  return config;
}

TEST(Replies, SoManyAreUnderWayToAHostAndEachOnce) {
  Replies replies(config(), 1);
  EXPECT_EQ(replies.room("https://h.example"), 2U);
  EXPECT_TRUE(replies.start(reply(1)));
  EXPECT_FALSE(replies.start(reply(1)));
  EXPECT_TRUE(replies.start(reply(2)));
  EXPECT_FALSE(replies.start(reply(3)));
  EXPECT_EQ(replies.to_ask("https://h.example"), 0U);
  EXPECT_EQ(replies.room("https://other.example"), 2U) << "one host takes no other's room";
  EXPECT_EQ(replies.ended(reply(1), {200, {}}, kEnded), ReplyEnd::kDelivered);
  EXPECT_FALSE(replies.start(reply(1))) << "until it is written that it is over";
  ASSERT_EQ(replies.notes().size(), 1U);
  EXPECT_TRUE(replies.notes()[0].over);
  replies.notes_written();
  EXPECT_EQ(replies.room("https://h.example"), 1U);
}

TEST(Replies, WhatWasNotSentCountsAsNoTry) {
  Replies replies(config(), 1);
  EXPECT_TRUE(replies.start(reply(1)));
  replies.stopped(reply(1));
  EXPECT_TRUE(replies.notes().empty());
  EXPECT_TRUE(replies.start(reply(1)));
}

TEST(Replies, EachFailureWaitsTwiceAsLongToAnHour) {
  Replies replies(config(), 1);
  Duration low = seconds(5) / 2;
  for (std::uint32_t tries = 0; tries < 15; ++tries) {
    EXPECT_EQ(replies.ended(reply(1, tries), {503, {}}, kEnded), ReplyEnd::kAgain);
    const ReplyNote& note = replies.notes().back();
    EXPECT_FALSE(note.over);
    EXPECT_EQ(note.tries, tries + 1);
    EXPECT_GE(note.due, kEnded + low);
    EXPECT_LE(note.due, kEnded + low * 2);
    low = std::min(low * 2, hours(1) / 2);
  }
  EXPECT_EQ(replies.counts().failed, 15U);
}

TEST(Replies, ARetryAfterIsRespectedToAnHour) {
  Replies replies(config(), 1);
  replies.ended(reply(1), {429, seconds(100)}, kEnded);
  EXPECT_EQ(replies.notes().back().due, kEnded + seconds(100));
  replies.ended(reply(1), {429, hours(100)}, kEnded);
  EXPECT_EQ(replies.notes().back().due, kEnded + hours(1));
}

TEST(Replies, AreGivenUpAfterTheirTriesTheirTimeOrAGone) {
  Replies replies(config(), 1);
  EXPECT_EQ(replies.ended(reply(1, 18), {500, {}}, kEnded), ReplyEnd::kAgain);
  EXPECT_EQ(replies.ended(reply(1, 19), {500, {}}, kEnded), ReplyEnd::kGivenUp);
  EXPECT_EQ(replies.ended(reply(1), {0, {}}, kEnded + hours(72)), ReplyEnd::kGivenUp);
  EXPECT_EQ(replies.ended(reply(1), {410, {}}, kEnded), ReplyEnd::kGivenUp);
  EXPECT_EQ(replies.ended(reply(1), {404, {}}, kEnded), ReplyEnd::kAgain)
      << "whoever listens may not be there yet";
  EXPECT_EQ(replies.counts().given_up, 3U);
}

TEST(Replies, AnOldOneIsGivenUpUnlessItIsUnderWay) {
  Replies replies(config(), 1);
  EXPECT_EQ(replies.oldest(kEnded + hours(72)), kEnded);
  EXPECT_TRUE(replies.start(reply(1)));
  EXPECT_FALSE(replies.give_up(reply(1)));
  EXPECT_TRUE(replies.give_up(reply(2)));
  EXPECT_FALSE(replies.give_up(reply(2))) << "once";
  EXPECT_EQ(replies.counts().given_up, 1U);
}

TEST(Replies, TheWebhookIdIsTheSettlements) {
  EXPECT_EQ(webhook_id_of(reply(1)), webhook_id_of(reply(2, 5)));
  EXPECT_EQ(webhook_id_of(reply(1)),
            "reply_" + std::string("01010101010101010101010101010101") + "_1700000000000000");
  Reply later = reply(1);
  later.settled.at = kEnded + hours(1);
  EXPECT_NE(webhook_id_of(later), webhook_id_of(reply(1)));
}

// ---- what is posted

std::string posted_with(const std::string& answer) {
  Reply one = reply(1);
  one.settled.key = "onlyfans:u";
  one.settled.upstream = "onlyfans";
  one.settled.settlement = wire::Settlement::kDead;
  one.settled.reason = "attempts";
  one.settled.status = 503;
  one.settled.attempts = 5;
  one.settled.answer = answer;
  one.first_seen = kEnded - seconds(1);
  return reply_body(one);
}

TEST(ReplyBody, SaysHowTheMessageEnded) {
  EXPECT_EQ(posted_with(""),
            "{\"type\":\"message.settled\",\"id\":\"m\",\"key\":\"onlyfans:u\","
            "\"upstream\":\"onlyfans\",\"state\":\"dead\","
            "\"accepted_at\":\"2023-11-14T22:13:19.000000Z\","
            "\"settled_at\":\"2023-11-14T22:13:20.000000Z\",\"attempts\":5,\"last_status\":503,"
            "\"reason\":\"attempts\"}");
}

TEST(ReplyBody, AnAnswerIsTextWhereItIsAndBase64WhereNot) {
  const auto has = [](const std::string& answer, const std::string& part) {
    return posted_with(answer).find(part) != std::string::npos;
  };
  EXPECT_TRUE(has("{\"a\":\n1}", R"("answer":{"encoding":"text","body":"{\"a\":\n1}"})"));
  EXPECT_TRUE(has("caf\xc3\xa9", "\"body\":\"caf\xc3\xa9\""));
  EXPECT_TRUE(has("caf\xc3", R"("encoding":"text","body":"caf")")) << "cut within a character";
  EXPECT_TRUE(has("\xff\xfe", R"("answer":{"encoding":"base64","body":"//4="})"));
  EXPECT_TRUE(has("caf\xff", R"("encoding":"base64")"));
  EXPECT_TRUE(has("\xc3", R"("encoding":"base64")"));
  EXPECT_TRUE(has(std::string("a\0b", 3), "\"body\":\"a\\u0000b\""));
}

TEST(ReplyBody, ARetryAfterIsSecondsOrNothing) {
  const auto after = [](const char* value) {
    port::ShotResult result;
    result.fields = {{"retry-after", value}};
    return retry_after_of(result);
  };
  EXPECT_EQ(after(" 17 "), seconds(17));
  EXPECT_EQ(after("Wed, 21 Oct 2026 07:28:00 GMT"), Duration{});
  EXPECT_EQ(after("-3"), Duration{});
  EXPECT_EQ(after(" "), Duration{});
}

}  // namespace
}  // namespace sluice::ingest
