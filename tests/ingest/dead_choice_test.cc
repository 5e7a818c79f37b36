#include "ingest/dead_choice.h"

#include <gtest/gtest.h>

#include "ingest/sqs_dead_letter.h"
#include "ingest/sqs_ours.h"
#include "lib/base/calendar.h"
#include "lib/digest/digest.h"

namespace sluice::ingest {
namespace {

const StoreTime kDied = *parse_time("2026-11-21T12:00:00Z");

DeadRow dead() {
  DeadRow row;
  row.identity = std::string("\xab\xcd\x01\x02\x03", 5);
  row.id = "m-1";
  row.key = "onlyfans:u-1";
  row.reason = "refused";
  row.at = kDied;
  return row;
}

TEST(DeadChoice, NarrowsByAllThatIsSaid) {
  struct Case {
    DeadChoice choice;
    bool takes;
  };
  const Case cases[] = {
      {{}, true},
      {{{"m-1"}, "", "", {}, {}}, true},
      {{{"m-2", "abcd0102"}, "", "", {}, {}}, true},
      {{{"abcd010"}, "", "", {}, {}}, false},  // too few digits
      {{{"m-2"}, "", "", {}, {}}, false},
      {{{"m-1"}, "attempts", "", {}, {}}, false},
      {{{}, "refused", "onlyfans:u-1", {}, {}}, true},
      {{{}, "refused", "onlyfans:u-2", {}, {}}, false},
      {{{}, "", "", hours(1), {}}, true},
      {{{}, "", "", hours(3), {}}, false},
      {{{}, "", "", {}, hours(3)}, true},
      {{{}, "", "", {}, hours(1)}, false},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(one.choice.takes(dead(), kDied + hours(2)), one.takes) << &one - cases;
  }
}

Result<DeadChoice> read(std::vector<const char*> words) {
  words.insert(words.begin(), {"sluice-ingest", "dead"});
  const auto line =
      stage::read_verb_line(static_cast<int>(words.size()), words.data(), dead_options());
  return read_dead_choice(*line);
}

TEST(DeadChoice, IsReadFromTheCommandLine) {
  const auto choice = read({"show", "m-1", "--older-than", "2h", "--reason=refused", "m-2"});
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->ids, (std::vector<std::string>{"m-1", "m-2"}));
  EXPECT_EQ(choice->older_than, hours(2));
  EXPECT_EQ(choice->reason, "refused");
  const auto wrong = read({"show", "--all", "--newer-than", "often"});
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().what.find("--newer-than often"), std::string::npos);
}

class OfAQueue : public testing::Test {
 protected:
  OfAQueue() {
    reading_.source = "queue-1";
    reading_.upstreams.resize(1);
    reading_.upstreams[0].name = "onlyfans";
    message_.id = "sqs-2";
    message_.body = R"({"messageId":"m-1","userId":"u-1"})";
    message_.sent = kDied;
  }
  SqsDeadLetter letter() { return read_sqs_dead_letter(message_, reading_); }

  SqsReading reading_;
  aws::sqs::Message message_;
};

TEST_F(OfAQueue, ALetterSaysWhatBecameOfIt) {
  message_.attributes["sluice"] = {
      R"({"reason":"attempts","id":"m-1","generation":2,"attempts":5,"last_status":500,)"
      R"("died_at":"2026-11-20T12:00:00.000000Z"})"};
  const DeadRow dead = letter().dead;
  EXPECT_EQ(dead.id, "m-1");
  EXPECT_EQ(dead.key, "onlyfans:u-1");
  EXPECT_EQ(dead.source, "queue-1");
  EXPECT_EQ(dead.reason, "attempts");
  EXPECT_EQ(dead.generation, 2U);
  EXPECT_EQ(dead.attempts, 5U);
  EXPECT_EQ(dead.status, 500U);
  EXPECT_EQ(dead.at, *parse_time("2026-11-20T12:00:00Z"));
  EXPECT_EQ(dead.identity.size(), 16U);
}

TEST_F(OfAQueue, WhatSqsHasMovedSaysSo) {
  const DeadRow dead = letter().dead;
  EXPECT_EQ(dead.reason, "receives");
  EXPECT_EQ(dead.at, kDied);
}

TEST_F(OfAQueue, WhatIsMalformedIsThereToo) {
  message_.body = "{";
  message_.attributes["sluice"] = {R"({"reason":"malformed","detail":"not JSON"})"};
  const DeadRow dead = letter().dead;
  EXPECT_EQ(dead.id, "sqs-2");
  EXPECT_EQ(dead.raw, "{");
  EXPECT_EQ(dead.detail, "not JSON");
  EXPECT_FALSE(dead.message);
}

TEST_F(OfAQueue, AReplayIsTheNextGenerationOfTheSameMessage) {
  message_.body = R"({"userId":"u-1"})";
  message_.attributes["mine"] = {"v"};
  message_.attributes["sluice"] = {R"({"reason":"attempts","id":"of before","generation":2})"};
  const auto entry = sqs_replay(letter(), 4);
  EXPECT_EQ(entry.body, message_.body);
  EXPECT_EQ(entry.attributes.at("mine").value, "v");
  aws::sqs::Message again{"sqs-3", "receipt", entry.body};
  again.attributes = entry.attributes;
  again.sent = kDied + hours(1);
  const auto offer = std::get<wire::Offer>(read_sqs_message(again, reading_));
  EXPECT_EQ(offer.id, "of before");
  EXPECT_EQ(offer.generation, 3U);
  EXPECT_EQ(offer.priority, 4);
  EXPECT_EQ(offer.attempts, 0U);
  EXPECT_EQ(offer.first_seen, again.sent);
}

TEST_F(OfAQueue, AReplayIsInTheGroupThatItHadOrItsKeys) {
  const std::string group = sqs_replay(letter(), 1).group;
  EXPECT_EQ(group, sqs_group_of("onlyfans:u-1"));
  message_.body = R"({"messageId":"m-2","userId":"u-1"})";
  EXPECT_EQ(sqs_replay(letter(), 1).group, group);
  message_.body = R"({"messageId":"m-2","userId":"u-2"})";
  EXPECT_NE(sqs_replay(letter(), 1).group, group);
  message_.group = "g";
  EXPECT_EQ(sqs_replay(letter(), 1).group, "g");
  message_.group.clear();
  message_.body = "not JSON";  // nobody knows its key
  EXPECT_EQ(sqs_replay(letter(), 1).group, "");
}

}  // namespace
}  // namespace sluice::ingest
