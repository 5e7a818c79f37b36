// What `attempts` lists of a trail, and when it lists nothing.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "auditor/disk_trail.h"
#include "auditor/shell.h"
#include "auditor/trail_facts.h"
#include "auditor/verbs.h"
#include "tests/auditor/temp_dir.h"
#include "tests/auditor/world.h"

namespace sluice::auditor {
namespace {

constexpr StoreTime kNow{kNov21Us + 3'600'000'000};

// A trail and its ledger on disk.
class Listed : public testing::Test {
 protected:
  Listed() {
    std::filesystem::create_directories(trail_directory(dir_.path()));
    ledger_ = std::move(*SqliteLedger::open(ledger_path(dir_.path()), {}));
  }
  void add(const wire::Record& record) {
    const auto found = std::get<LedgerFound>(ledger_->answer(LedgerLook{{}, {record.key}, {}, {}}));
    chain_.add_record(record, record_name("secret", record.record_id), found.secrets.at(0));
  }
  wire::Record late(wire::Record record, wire::Ended ended, std::int64_t completed_s) {
    record.kind = wire::RecordKind::kLate;
    record.record_id += "late";
    record.ended = static_cast<std::uint32_t>(ended);
    record.at = record.completed_at = {kNov21Us + completed_s * 1'000'000};
    return record;
  }
  // The first is cut off the trail's end, so that the ledger knows more.
  void write(std::size_t cut = 0) {
    auto lines = chain_.take();
    LedgerBook book;
    book.indexed = Indexed{1, chain_.tail().line, chain_.tail().hash, kNow};
    ledger_->answer(book);
    lines.resize(lines.size() - cut);
    std::ofstream file(segment_path(trail_directory(dir_.path()), 1), std::ios::binary);
    for (const TrailLine& line : lines) file << line.text << '\n';
  }
  std::vector<std::string> list(std::int64_t since_s, bool with_keys = false) {
    std::ostringstream out;
    const auto listed = list_attempts(
        dir_.path(), {"onlyfans", {kNov21Us + since_s * 1'000'000}, kNow, with_keys}, out);
    EXPECT_TRUE(listed.ok());
    bad_ = listed.ok() && listed->bad;
    std::vector<std::string> lines;
    std::istringstream in(out.str());
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  TempDir dir_;
  std::unique_ptr<SqliteLedger> ledger_;
  Chain chain_{Tail{0, no_hash(), 0, 0}, 1 << 20};
  bool bad_ = false;
};

TEST_F(Listed, EachAttemptOnceByItsLastEndAndSendsMadeElsewhere) {
  auto unknown = attempt_record(1, "onlyfans:a", 100, 110);
  unknown.ended = static_cast<std::uint32_t>(wire::Ended::kUnknown);
  unknown.status = 0;
  add(unknown);
  add(attempt_record(2, "onlyfans:b", 120, 125));
  auto still_unknown = unknown;
  still_unknown.id = "message-3";
  still_unknown.record_id += "3";
  still_unknown.units = 4;
  add(still_unknown);
  auto no_attempt = attempt_record(4, "onlyfans:b", 126, 127);
  no_attempt.ended = static_cast<std::uint32_t>(wire::Ended::kNotStarted);
  add(no_attempt);
  auto elsewhere = attempt_record(5, "onlyfans:b", 0, 130);
  elsewhere.kind = wire::RecordKind::kConsume;
  elsewhere.ended = 0;
  elsewhere.granted_at = {};
  elsewhere.units = 7;
  add(elsewhere);
  auto other = attempt_record(6, "other:a", 131, 132);
  other.upstream = "other";
  add(other);
  add(late(unknown, wire::Ended::kDelivered, 140));
  write();
  const auto lines = list(0);
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_NE(lines[0].find(R"({"t":"attempts","version":1,"upstream":"onlyfans","since":)"),
            std::string::npos);
  EXPECT_NE(lines[0].find(R"("until":)" + std::to_string(kNow.us)), std::string::npos);
  const auto has = [&](std::size_t n, std::int64_t completed_s, const std::string& rest) {
    const std::string time = std::to_string(kNov21Us + completed_s * 1'000'000);
    EXPECT_NE(lines[n].find("\"completed_at\":" + time + "," + rest), std::string::npos)
        << lines[n];
  };
  has(1, 110, R"("units":4,"unknown":1})");
  has(2, 125, R"("units":1,"unknown":0})");
  has(3, 130, R"("units":7,"unknown":0})");
  has(4, 140, R"("units":1,"unknown":0})");  // it was answered after all
  EXPECT_EQ(lines[5], R"({"t":"end","attempts":4})");
  EXPECT_EQ(list(126).size(), 4u);
}

TEST_F(Listed, KeysAreInClearOnlyWhenAskedForAndNotOnceTheyAreErased) {
  add(attempt_record(1, "onlyfans:a", 100, 110));
  add(attempt_record(2, "onlyfans:b", 120, 125));
  write();
  for (const std::string& line : list(0)) {
    EXPECT_EQ(line.find("onlyfans:"), std::string::npos) << line;
  }
  ledger_.reset();
  EXPECT_TRUE(*erase_key(ledger_path(dir_.path()), "onlyfans:b"));
  const auto lines = list(0, true);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_NE(lines[1].find(R"("key":"onlyfans:a")"), std::string::npos);
  EXPECT_EQ(lines[2].find("\"key\""), std::string::npos);
}

TEST_F(Listed, NothingIsListedOfATrailThatIsNotWhole) {
  for (int n = 0; n < 3; ++n) add(attempt_record(n, "onlyfans:a", n, n + 1));
  write(1);
  EXPECT_TRUE(list(0).empty());
  EXPECT_TRUE(bad_);
}

TEST_F(Listed, AnEmptyTrailBeginsNow) {
  write();
  const auto lines = list(0);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find(R"("begins":)" + std::to_string(kNow.us)), std::string::npos);
}

}  // namespace
}  // namespace sluice::auditor
