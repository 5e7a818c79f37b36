// Which closures are said: each once, and for each reason.
#include "limiter/closure_news.h"

#include <gtest/gtest.h>

namespace sluice::limiter {
namespace {

Closure closed(const char* upstream, ClosedBy why, int until_s) {
  return {upstream, why, StoreTime{} + seconds(until_s), seconds(1)};
}

TEST(ClosureNews, EachIsSaidOnce) {
  ClosureNews news;
  EXPECT_TRUE(news.look({}).empty());
  EXPECT_EQ(news.look({closed("a", ClosedBy::kLife, 100)}).size(), 1U);
  EXPECT_TRUE(news.look({closed("a", ClosedBy::kLife, 100)}).empty());
  EXPECT_TRUE(news.look({closed("a", ClosedBy::kLife, 150)}).empty()) << "it becomes longer";
  const auto both =
      news.look({closed("a", ClosedBy::kLife, 150), closed("b", ClosedBy::kFirst, 99)});
  ASSERT_EQ(both.size(), 1U);
  EXPECT_EQ(both[0].upstream, "b");
  EXPECT_EQ(news.look({closed("a", ClosedBy::kSpans, 200)}).size(), 1U) << "another reason";
  EXPECT_TRUE(news.look({}).empty());
  EXPECT_EQ(news.look({closed("a", ClosedBy::kSpans, 300)}).size(), 1U) << "it was open meanwhile";
  EXPECT_EQ(news.counts().at({"a", ClosedBy::kLife}), 1U);
  EXPECT_EQ(news.counts().at({"a", ClosedBy::kSpans}), 2U);
  EXPECT_EQ(news.counts().at({"b", ClosedBy::kFirst}), 1U);
}

}  // namespace
}  // namespace sluice::limiter
