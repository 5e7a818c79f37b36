#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "auditor/alerts.h"
#include "auditor/trail_facts.h"
#include "auditor/verify.h"
#include "lib/digest/uuid.h"
#include "tests/auditor/world.h"

namespace sluice::auditor {
namespace {

RC_GTEST_PROP(TrailLine, WhatIsWrittenIsRead, ()) {
  const auto name = *rc::gen::arbitrary<std::string>();
  const auto value = *rc::gen::arbitrary<std::string>();
  const auto number = *rc::gen::arbitrary<std::int32_t>();
  std::string chain = no_hash();
  LineWriter writer(3, "attempt", StoreTime{42});
  const std::string text = writer.text("x" + name, value).number("y" + name, number).finish(chain);
  const auto line = read_line(text);
  RC_ASSERT(line.ok());
  RC_ASSERT(line->n == 3U);
  RC_ASSERT(line->at.us == 42);
  RC_ASSERT(line->text("x" + name) == value);
  RC_ASSERT(line->number("y" + name) == number);
  RC_ASSERT(line->hash == chain);
  RC_ASSERT(is_chained(text, no_hash()));
  RC_ASSERT(!is_chained(text, chain));
}

TEST(TrailLine, KnownBytes) {
  std::string chain = no_hash();
  LineWriter writer(1, "torn", StoreTime{5});
  const std::string text = writer.number("bytes", 57).finish(chain);
  const std::string content = R"({"n":1,"t":"torn","at":5,"bytes":57)";
  EXPECT_EQ(text, content + R"(,"hash":")" + to_hex(to_bytes(sha256(no_hash() + content))) + "\"}");
}

TEST(TrailFacts, AnAlertIsReadAsItWasWritten) {
  wire::Alert alert;
  alert.dedup_key = "budget:\"monthly\"";
  alert.period = "2026-11";
  alert.alert_id = alert_id_of(alert.dedup_key, alert.period);
  alert.severity = wire::Severity::kCritical;
  alert.kind = "budget";
  alert.title = "title";
  alert.text = "text \\ with\nlines";
  alert.at = {kNov21Us};
  alert.labels = {{"budget", "monthly"}, {"a", "b"}};
  Chain chain(Tail{0, no_hash(), 0, 0}, 1'000'000);
  EXPECT_EQ(chain.add_alert(alert), 2U);
  const auto read = alert_of(read_line(chain.lines()[1].text).value());
  ASSERT_TRUE(read);
  alert.cursor = 2;
  EXPECT_EQ(read->alert_id, alert.alert_id);
  EXPECT_EQ(read->cursor, 2U);
  EXPECT_EQ(read->dedup_key, alert.dedup_key);
  EXPECT_EQ(read->severity, alert.severity);
  EXPECT_EQ(read->text, alert.text);
  EXPECT_EQ(read->labels, alert.labels);
}

TEST(TrailFacts, TheWatchSeesTheSameInARecordAndInItsLine) {
  auto record = attempt_record(1, "onlyfans:a", 3, 4);
  for (const auto kind : {wire::RecordKind::kAttempt, wire::RecordKind::kSettlement,
                          wire::RecordKind::kLate, wire::RecordKind::kHold}) {
    for (std::uint32_t ended = 0; ended <= 6; ++ended) {
      record.kind = kind;
      record.ended = ended;
      Chain chain(Tail{0, no_hash(), 0, 0}, 1'000'000);
      const auto line = chain.add_record(record, record_name("s", record.record_id), "secret");
      const auto a = attempt_of(record, line);
      const auto b = attempt_of(read_line(chain.lines()[1].text).value());
      ASSERT_EQ(a.has_value(), b.has_value());
      if (!a) continue;
      EXPECT_EQ(a->line, b->line);
      EXPECT_EQ(a->message, b->message);
      EXPECT_EQ(a->key, b->key);
      EXPECT_EQ(a->granted, b->granted);
      EXPECT_EQ(a->completed, b->completed);
      EXPECT_EQ(a->answered, b->answered);
    }
  }
}

// RFC 9562, appendix A.4.
TEST(Alerts, UuidVersion5OfTheStandard) {
  const std::string dns = from_hex("6ba7b8109dad11d180b400c04fd430c8");
  EXPECT_EQ(uuid_v5(dns, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

// ---- verify ------------------------------------------------------------------------------------

struct Small {
  std::string bytes;                 // the file
  std::vector<std::uint64_t> owner;  // of each byte: the number of its line
};

Small small_trail() {
  Chain chain(Tail{0, no_hash(), 0, 0}, 1'000'000);
  for (int n = 0; n < 3; ++n) chain.add_record(attempt_record(n, "onlyfans:a", n, n), "name", "s");
  Small small;
  std::uint64_t number = 0;
  for (const TrailLine& line : chain.lines()) {
    ++number;
    small.bytes += line.text + "\n";
    small.owner.resize(small.bytes.size(), number);
  }
  return small;
}

// The first bad line; 0 when there is none.
std::uint64_t first_bad(const std::string& bytes) {
  Verifier verifier;
  verifier.begin_segment(1);
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t end = bytes.find('\n', at);
    if (end == std::string::npos) return verifier.last() + 1;
    if (verifier.check(std::string_view(bytes).substr(at, end - at))) return verifier.last() + 1;
    at = end + 1;
  }
  return 0;
}

TEST(Verify, EveryChangedByteIsFoundInItsLine) {
  const Small small = small_trail();
  ASSERT_EQ(first_bad(small.bytes), 0U);
  for (std::size_t at = 0; at < small.bytes.size(); ++at) {
    for (const unsigned flip : {0x01U, 0x20U, 0x80U}) {
      std::string changed = small.bytes;
      changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ flip);
      ASSERT_EQ(first_bad(changed), small.owner[at]) << "byte " << at << " by " << flip;
    }
  }
}

TEST(Verify, AMissingASwappedAndAForeignLineAreFound) {
  Chain chain(Tail{0, no_hash(), 0, 0}, 1'000'000);
  for (int n = 0; n < 4; ++n) chain.add_record(attempt_record(n, "onlyfans:a", n, n), "name", "s");
  const auto& lines = chain.lines();
  const auto file = [&](std::vector<std::size_t> order) {
    std::string bytes;
    for (const std::size_t at : order) bytes += lines[at].text + "\n";
    return bytes;
  };
  EXPECT_EQ(first_bad(file({0, 1, 2, 3, 4})), 0U);
  EXPECT_EQ(first_bad(file({0, 1, 3, 4})), 3U);
  EXPECT_EQ(first_bad(file({0, 2, 1, 3, 4})), 2U);
  EXPECT_EQ(first_bad(file({1, 2, 3, 4})), 1U);
  EXPECT_EQ(first_bad(file({0, 1, 1, 2})), 3U);
}

}  // namespace
}  // namespace sluice::auditor
