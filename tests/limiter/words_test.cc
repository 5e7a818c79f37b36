// Which of two words counts, and who is to be told of it.
#include "limiter/words.h"

#include <gtest/gtest.h>

namespace sluice::limiter {
namespace {

wire::Hold word(std::int64_t said_at, StoreTime until) {
  return {wire::HoldKind::kPause, until, "ann", StoreTime{said_at}};
}

constexpr StoreTime kForGood{0};
constexpr StoreTime kSoon{500};

TEST(Words, TheLaterOfTwoCountsInWhicheverOrderTheyCome) {
  struct Row {
    wire::Hold first, second;
    bool news;
  };
  const Row table[] = {
      {word(10, kForGood), word(20, wire::kOpened), true},
      {word(20, wire::kOpened), word(10, kForGood), false},
      {word(10, kForGood), word(20, kSoon), true},  // a shorter pause that was said later
      {word(10, kForGood), word(10, kForGood), false},
      {word(10, kSoon), word(10, kForGood), true},  // of one moment the longer
      {word(10, kForGood), word(10, kSoon), false},
      {word(10, wire::kOpened), word(10, kSoon), true},
  };
  for (const Row& row : table) {
    Words words;
    EXPECT_TRUE(words.hear("k", row.first));
    EXPECT_EQ(words.hear("k", row.second), row.news);
    const wire::Hold& last = row.news ? row.second : row.first;
    EXPECT_EQ(words.of("k")->said_at, last.said_at);
    EXPECT_EQ(words.of("k")->until, last.until);
    EXPECT_EQ(words.of("another"), nullptr);
  }
}

TEST(Words, WhatAStoreHasNotAnnouncedIsNamedEachTime) {
  Words words;
  words.hear("k", word(10, kForGood));
  words.hear("", word(10, kSoon));
  words.named("k", "p");
  words.named("nobody", "p");
  ASSERT_EQ(words.unnamed("p").size(), 1U);
  EXPECT_EQ(words.unnamed("q").size(), 2U);
  EXPECT_EQ(words.unnamed("p").size(), 2U) << "since its last announcement it has named neither";
  words.named("k", "p");
  words.hear("k", word(20, wire::kOpened));  // which it has not
  EXPECT_EQ(words.unnamed("p").size(), 2U);
}

TEST(Words, ThoseThatCloseAreSaidAgainAndOldOnesAreForgotten) {
  Words words;
  words.hear("", word(10, kForGood));
  words.hear("a", word(10, kSoon));
  words.hear("b", word(10, wire::kOpened));
  EXPECT_EQ(words.closing(StoreTime{499}).size(), 2U);
  EXPECT_EQ(words.closing(kSoon).size(), 1U);
  const StoreTime over = StoreTime{10} + wire::kWordKept;
  words.forget(over - Duration{1});
  EXPECT_EQ(words.size(), 3U);
  words.forget(over);  // one more is kept until its own end is as long ago
  EXPECT_EQ(words.size(), 2U);
  words.forget(StoreTime::never());
  EXPECT_EQ(words.size(), 1U) << "what closes for good is not over";
}

TEST(Words, OfHoldsTheLaterWordAndTheLongerPenaltyAreKept) {
  std::vector<wire::Hold> holds;
  EXPECT_TRUE(wire::take_in(holds, {wire::HoldKind::kPenalty, StoreTime{100}, "upstream", {}}));
  EXPECT_TRUE(wire::take_in(holds, word(10, kForGood)));
  EXPECT_FALSE(wire::take_in(holds, {wire::HoldKind::kPenalty, StoreTime{90}, "upstream", {}}));
  EXPECT_TRUE(wire::take_in(holds, {wire::HoldKind::kPenalty, StoreTime{110}, "upstream", {}}));
  EXPECT_FALSE(wire::take_in(holds, word(9, wire::kOpened)));
  EXPECT_TRUE(wire::take_in(holds, word(11, wire::kOpened)));
  ASSERT_EQ(holds.size(), 2U);
  EXPECT_EQ(holds[0].until, StoreTime{110});
  EXPECT_EQ(wire::word_among(holds)->until, wire::kOpened);
}

}  // namespace
}  // namespace sluice::limiter
