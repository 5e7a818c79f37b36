#include "ingest/prefer.h"

#include <gtest/gtest.h>

namespace sluice::ingest {
namespace {

using Kind = Preference::Kind;

Preference within(std::int64_t n) { return {Kind::kWithin, seconds(n)}; }

TEST(Prefer, ReadsWhatTheRfcAllows) {
  const std::pair<std::vector<std::string>, Preference> cases[] = {
      {{}, {}},
      {{"respond-async"}, {Kind::kAsync, {}}},
      {{"Respond-Async"}, {Kind::kAsync, {}}},
      {{"wait=10"}, within(10)},
      {{"wait=0"}, within(0)},
      {{"wait = \"7\""}, within(7)},
      {{"return=minimal, wait=5; x=y"}, within(5)},
      {{"return=minimal", "wait=5"}, within(5)},
      {{"wait=5, wait=9"}, within(5)},
      {{"wait=5, respond-async"}, {Kind::kAsync, {}}},
      {{"x=\"a, wait=3\""}, {}},
      {{"wait"}, {}},
      {{"wait=-1"}, {}},
      {{"wait=1.5"}, {}},
      {{"wait=soon"}, {}},
      {{",,;=\""}, {}}};
  for (const auto& [headers, expected] : cases) {
    EXPECT_EQ(read_prefer(headers), expected) << (headers.empty() ? "" : headers[0]);
  }
  EXPECT_EQ(applied(within(10)), "wait=10");
  EXPECT_EQ(applied({Kind::kAsync, {}}), "respond-async");
  EXPECT_EQ(applied({}), "");
}

TEST(Traceparent, IsTakenOnlyWhenItIsOne) {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(read_traceparent(good), good);
  EXPECT_EQ(read_traceparent("ff" + good.substr(2)), "");
  EXPECT_EQ(read_traceparent(good + "-x"), "");
  EXPECT_EQ(read_traceparent("nonsense"), "");
}

TEST(Prefer, NoNumberIsTooLargeForAWait) {
  const Preference longest{Preference::Kind::kWithin, seconds(10'000'000)};
  EXPECT_EQ(read_prefer({"wait=10000001"}), longest);
  EXPECT_EQ(read_prefer({"wait=99999999999999999999999999"}), longest);
  EXPECT_EQ(read_prefer({"wait=-99999999999999999999999999"}), Preference{});
}

TEST(ContentType, OneLinesOrOther) {
  EXPECT_EQ(content_of(""), Content::kOne);
  EXPECT_EQ(content_of("Application/JSON; charset=utf-8"), Content::kOne);
  EXPECT_EQ(content_of("application/vnd.x+json"), Content::kOne);
  EXPECT_EQ(content_of("application/x-www-form-urlencoded"), Content::kOne);
  EXPECT_EQ(content_of("application/x-ndjson"), Content::kLines);
  EXPECT_EQ(content_of("application/jsonl; x=y"), Content::kLines);
  EXPECT_EQ(content_of("text/xml"), Content::kOther);
  EXPECT_EQ(content_of("multipart/form-data"), Content::kOther);
}

}  // namespace
}  // namespace sluice::ingest
