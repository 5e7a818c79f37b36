// What `show` says of a trail that cannot be read whole.
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

TEST(Show, ASegmentThatCannotBeReadIsAnErrorNotAnEmptyAnswer) {
  const TempDir dir;
  const std::string trail = trail_directory(dir.path());
  std::filesystem::create_directories(trail);
  std::ostringstream out;
  EXPECT_TRUE(show_lines(dir.path(), {}, out).ok());
  const std::string segment = segment_path(trail, 1);
  std::filesystem::create_symlink(trail + "/nowhere", segment);
  const auto shown = show_lines(dir.path(), {}, out);
  ASSERT_FALSE(shown.ok());
  EXPECT_NE(shown.error().what.find(segment), std::string::npos) << shown.error().what;
}

// A trail of some records, as the core writes it.
std::string trail_of(const std::string& directory, int records) {
  World world;
  for (int n = 0; n < records; ++n) world.say(attempt_record(n, "onlyfans:a", n, n + 1));
  world.run();
  std::filesystem::create_directories(trail_directory(directory));
  const std::string segment = segment_path(trail_directory(directory), 1);
  std::ofstream file(segment, std::ios::binary);
  for (const std::string& line : world.trail.lines()) file << line << '\n';
  return segment;
}

std::string all_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST(Show, ADamagedLineIsNamedAndALineThatIsBeingWrittenIsNot) {
  const TempDir dir;
  const std::string segment = trail_of(dir.path(), 3);
  const std::string whole = all_of(segment);
  std::ofstream(segment, std::ios::binary | std::ios::app) << "{\"n\":5,\"t\":\"att";
  std::ostringstream out;
  EXPECT_TRUE(show_lines(dir.path(), {}, out).ok());
  EXPECT_EQ(out.str(), whole);
  std::string damaged = whole;
  damaged[whole.find("attempt")] = '\n';
  std::ofstream(segment, std::ios::binary) << damaged;
  std::ostringstream before;
  const auto shown = show_lines(dir.path(), {}, before);
  ASSERT_FALSE(shown.ok());
  EXPECT_NE(shown.error().what.find(segment + ":2"), std::string::npos) << shown.error().what;
  EXPECT_EQ(before.str(), whole.substr(0, whole.find('\n') + 1));
}

TEST(Segments, HaveOneNameEach) {
  const TempDir dir;
  const std::string trail = trail_directory(dir.path());
  trail_of(dir.path(), 1);
  for (const char* stray : {"trail-000000001.ndjson", "trail-1.ndjson", "trail-0000000x.ndjson",
                            "trail-00000001.ndjson.bak", "trail-00000000000000000001.ndjson"}) {
    std::ofstream(trail + "/" + stray) << "stray\n";
  }
  EXPECT_EQ(segments_in(trail).value(), std::vector<std::uint64_t>{1});
  std::ofstream(trail + "/trail-123456789.ndjson") << "the hundred millionth\n";
  EXPECT_EQ(segments_in(trail).value(), (std::vector<std::uint64_t>{1, 123'456'789}));
}

TEST(Verify, ATrailWithoutSegmentsIsNamedByItsDirectory) {
  const TempDir dir;
  const auto verified = verify_trail(dir.path(), 7);
  ASSERT_TRUE(verified.ok() && verified->bad);
  EXPECT_EQ(verified->bad->file, dir.path());
}

TEST(Trail, ASegmentThatCannotBeReadIsNotTakenForTorn) {
  const TempDir dir;
  const std::string trail = trail_directory(dir.path());
  std::filesystem::create_directories(trail);
  std::filesystem::create_symlink(trail + "/nowhere", segment_path(trail, 1));
  DiskTrail disk(trail);
  EXPECT_FALSE(disk.answer(TrailOpen{}).ok());
}

TEST(Show, ANameInTheTrailLeadsToItsKey) {
  const TempDir dir;
  auto ledger = std::move(*SqliteLedger::open(ledger_path(dir.path()), {}));
  const auto found =
      std::get<LedgerFound>(ledger->answer(LedgerLook{{}, {"onlyfans:a", "onlyfans:b"}, {}, {}}));
  const std::string name = key_name(found.secrets.at(1), "onlyfans:b");
  auto reader = std::move(*LedgerReader::open(ledger_path(dir.path())));
  EXPECT_EQ(*key_of(reader, name), "onlyfans:b");
  EXPECT_FALSE(*key_of(reader, name.substr(1)));
  EXPECT_TRUE(*erase_key(ledger_path(dir.path()), "onlyfans:b"));
  EXPECT_FALSE(*key_of(reader, name));
}

// verify as a person runs it: what it says and its exit code.
int verify_verb(const std::string& data_dir, const std::string& directory, std::string& said) {
  const std::string flag = "--data-dir=" + data_dir;
  std::vector<std::string> words{"sluice-auditor", "verify", directory.empty() ? flag : directory};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  testing::internal::CaptureStdout();
  const int code = run_verb(static_cast<int>(argv.size()), argv.data());
  said = testing::internal::GetCapturedStdout();
  return code;
}

TEST(Verify, SaysWhenTheEndWasNotCompared) {
  const TempDir dir;
  trail_of(dir.path() + "/auditor", 3);
  std::string said;
  EXPECT_EQ(verify_verb(dir.path(), "", said), 1) << said;
  EXPECT_NE(said.find("not compared"), std::string::npos) << said;
  EXPECT_EQ(verify_verb(dir.path(), trail_directory(dir.path() + "/auditor"), said), 0) << said;
  EXPECT_NE(said.find("not compared"), std::string::npos) << said;
}

TEST(TrailLine, EveryKindOfRecordHasAWordAndItsUnits) {
  World world;
  for (std::uint32_t kind = 1; kind <= 6; ++kind) {
    auto record = attempt_record(static_cast<int>(kind), "onlyfans:a", 1, 2);
    record.kind = static_cast<wire::RecordKind>(kind);
    record.units = kind;
    world.say(record);
  }
  world.run();
  for (const char* word : {"attempt", "settlement", "late", "hold", "limits", "consume"}) {
    EXPECT_EQ(world.lines(word).size(), 1U) << word;
  }
  EXPECT_EQ(world.lines("consume")[0].number("units"), 6);
  EXPECT_EQ(world.lines("attempt")[0].number("units"), 0);
}

}  // namespace
}  // namespace sluice::auditor
