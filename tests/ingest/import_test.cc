#include "ingest/import.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "ingest/dead_text.h"

namespace sluice::ingest {
namespace {

class Import : public testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        std::filesystem::temp_directory_path() / ("sluice-import-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    auto parking = SqliteParking::open((directory_ / "parking.db").string());
    ASSERT_TRUE(parking.ok());
    parking_ = std::move(*parking);
    Upstream upstream;
    upstream.name = "onlyfans";
    config_.upstreams = {upstream};
  }
  void TearDown() override {
    parking_.reset();
    std::filesystem::remove_all(directory_);
  }
  ImportCounts import(const std::string& text) {
    std::istringstream input(text);
    auto counts = import_from(input, "m.ndjson");
    EXPECT_TRUE(counts.ok());
    return counts.ok() ? *counts : ImportCounts{};
  }
  Result<ImportCounts> import_from(std::istream& input, const std::string& name) {
    const ImportFrom from{input,
                          name,
                          config_,
                          pointers_,
                          [] { return StoreTime{1'700'000'000'000'000}; },
                          [this](std::size_t n) {
                            return (std::to_string(++drawn_) + std::string(n, 'r')).substr(0, n);
                          },
                          [this](const std::string& line) { said_.push_back(line); },
                          [this](const ImportCounts& so_far) {
                            progress_.push_back(so_far);
                            if (killed_after_ > 0 && progress_.size() == killed_after_)
                              throw Killed{};
                          },
                          file_,
                          resume_};
    return import_lines(from, *parking_);
  }
  std::filesystem::path directory_;
  std::unique_ptr<SqliteParking> parking_;
  Config config_;
  Pointers pointers_;
  std::vector<std::string> said_;
  std::vector<ImportCounts> progress_;

  // What a kill right after a commit leaves.
  struct Killed {};
  void import_killed_after(std::size_t commits, const std::string& text) {
    killed_after_ = progress_.size() + commits;
    std::istringstream input(text);
    EXPECT_THROW((void)import_from(input, "m.ndjson"), Killed);
    killed_after_ = 0;
  }
  // Lines without ids, for which a second time is another message.
  static std::string lines(int from, int to) {
    std::string text;
    for (int n = from; n < to; ++n) text += "{\"userId\":\"u\",\"n\":" + std::to_string(n) + "}\n";
    return text;
  }
  std::uint64_t drawn_ = 1'000'000;
  std::size_t killed_after_ = 0;
  std::string file_;
  bool resume_ = false;
};

TEST_F(Import, GoesOnAfterTheLastCommitAndDoublesNothing) {
  file_ = "/data/m.ndjson";
  config_.upstreams.front().expires_after = hours(1);
  const std::string text = lines(0, 700) + "{bad\n\n" + lines(700, 1'300);
  import_killed_after(1, text);
  EXPECT_EQ(parking_->sums()->rows, 500U);
  resume_ = true;
  import_killed_after(1, text);
  const ImportCounts counts = import(text);
  EXPECT_EQ(counts.lines, 1'302U);
  EXPECT_EQ(counts.before, 1'001U) << "999 messages, the bad line and the empty one";
  EXPECT_EQ(counts.accepted, 301U);
  EXPECT_EQ(parking_->sums()->rows, 1'300U);
  EXPECT_EQ(parking_->sums()->dead, 1U);
  EXPECT_EQ(said_.back(), "m.ndjson goes on after line 1001");
}

// Whoever writes the file may be in the middle of a line, a short one or one of many pieces.
TEST_F(Import, HalfALineAtTheEndIsLeftUntilItIsWhole) {
  file_ = "/data/m.ndjson";
  resume_ = true;
  for (const std::size_t size : {1UL, 100'000UL, 600'000UL}) {
    SCOPED_TRACE(size);
    const std::string before = lines(0, 3);
    const std::string last = "{\"userId\":\"v\",\"x\":\"" + std::string(size, 'x') + "\"}";
    file_ += "x";
    const ImportCounts half = import(before + last.substr(0, last.size() - 2));
    EXPECT_EQ(half.lines, 3U);
    EXPECT_EQ(half.accepted, 3U);
    EXPECT_EQ(half.malformed, 0U);
    EXPECT_NE(said_.back().find("line 4: the file ends within it"), std::string::npos);
    EXPECT_EQ(import(before + last.substr(0, last.size() - 1)).accepted, 0U);
    const ImportCounts whole = import(before + last + "\n" + lines(3, 4));
    EXPECT_EQ(whole.before, 3U);
    EXPECT_EQ(whole.accepted + whole.malformed, 2U);
    EXPECT_EQ(whole.malformed, size > 300'000 ? 1U : 0U) << "it is too long, as a whole";
  }
}

TEST_F(Import, AWholeDocumentNeedsNoLineEnd) {
  file_ = "/data/m.ndjson";
  resume_ = true;
  EXPECT_EQ(import(R"({"userId":"u"})").accepted, 1U);
  EXPECT_EQ(import("{\"userId\":\"u\"}\n{\"userId\":\"u\"}").accepted, 1U);
}

// A running ingest waits for each commit of an import.
TEST_F(Import, ACommitHasSoManyBytesAtMost) {
  std::string text;
  for (int n = 0; n < 40; ++n) {
    text += "{\"userId\":\"u\",\"n\":" + std::to_string(n) + ",\"x\":\"" +
            std::string(100'000, 'x') + "\"}\n";
  }
  EXPECT_EQ(import(text).accepted, 40U);
  ASSERT_EQ(progress_.size(), 4U);
  EXPECT_EQ(progress_[0].accepted, 11U);
}

TEST_F(Import, AFileThatWasImportedWholeHasNothingLeftUnlessItHasGrown) {
  file_ = "/data/m.ndjson";
  resume_ = true;
  EXPECT_EQ(import(lines(0, 10)).accepted, 10U) << "nothing is known of it: from the start";
  EXPECT_EQ(import(lines(0, 10)).accepted, 0U);
  const ImportCounts grown = import(lines(0, 12));
  EXPECT_EQ(grown.before, 10U);
  EXPECT_EQ(grown.accepted, 2U);
  EXPECT_EQ(parking_->sums()->rows, 12U);
}

TEST_F(Import, AnotherFileUnderThatNameIsRefused) {
  file_ = "/data/m.ndjson";
  import_killed_after(1, lines(0, 600));
  resume_ = true;
  for (const std::string& other : {lines(1, 601), lines(0, 499), std::string()}) {
    std::istringstream input(other);
    const auto counts = import_from(input, "m.ndjson");
    ASSERT_FALSE(counts.ok());
    EXPECT_EQ(counts.error().code, Trouble::kUsage);
    EXPECT_NE(counts.error().what.find("first 500 lines"), std::string::npos);
  }
  EXPECT_EQ(parking_->sums()->rows, 500U);
}

TEST_F(Import, AnewAfterAnInterruptedOneSaysSo) {
  file_ = "/data/m.ndjson";
  import_killed_after(1, lines(0, 600));
  EXPECT_EQ(import(lines(0, 600)).accepted, 600U);
  EXPECT_NE(said_.back().find("was interrupted after line 500"), std::string::npos);
}

TEST_F(Import, TellsHowFarItHasComeWithEachCommit) {
  std::string text;
  for (int i = 0; i < 1'100; ++i) {
    text += "{\"messageId\":\"" + std::to_string(i) + "\",\"userId\":\"u\"}\n";
  }
  import(text);
  ASSERT_EQ(progress_.size(), 3U);
  EXPECT_EQ(progress_[0].accepted, 500U);
  EXPECT_EQ(progress_[1].lines, 1'000U);
  EXPECT_EQ(progress_[2].accepted, 1'100U);
}

TEST_F(Import, PutsLinesAndReportsWhatIsNone) {
  const ImportCounts counts = import(
      "{\"messageId\":\"a\",\"userId\":\"u\"}\n{bad\n\n{\"messageId\":\"b\"}\r\n"
      "{\"messageId\":\"a\",\"userId\":\"u\"}\n{\"messageId\":\"a\",\"userId\":\"v\"}\n"
      "{\"messageId\":\"z\",\"userId\":\"u\"}");
  EXPECT_EQ(counts.lines, 7U);
  EXPECT_EQ(counts.accepted, 2U);
  EXPECT_EQ(counts.repeated, 1U);
  EXPECT_EQ(counts.malformed, 2U);
  EXPECT_EQ(counts.conflicts, 1U);
  ASSERT_EQ(said_.size(), 3U);
  EXPECT_EQ(said_[0].rfind("line 2: not JSON", 0), 0U) << said_[0];
  EXPECT_EQ(said_[1].rfind("line 4: /userId", 0), 0U) << said_[1];
  EXPECT_EQ(said_[2].rfind("line 6: ", 0), 0U) << said_[2];
  EXPECT_EQ(parking_->sums()->rows, 2U);
  EXPECT_EQ(parking_->sums()->dead, 3U);
  const auto dead = parking_->find_dead("m.ndjson:2");
  ASSERT_TRUE(dead.ok());
  ASSERT_EQ(dead->size(), 1U);
  EXPECT_EQ(dead->front().reason, "malformed");
  EXPECT_NE(dead_json(dead->front()).find("\"raw\":\"{bad\""), std::string::npos);
}

TEST_F(Import, AgainChangesNothing) {
  std::string text;
  for (int n = 0; n < 1'234; ++n) {
    text += "{\"messageId\":\"m" + std::to_string(n) + "\",\"userId\":\"u\"}\n";
  }
  text += "{bad\n";
  EXPECT_EQ(import(text).accepted, 1'234U);
  const ImportCounts again = import(text);
  EXPECT_EQ(again.accepted, 0U);
  EXPECT_EQ(again.repeated, 1'234U);
  EXPECT_EQ(parking_->sums()->rows, 1'234U);
  EXPECT_EQ(parking_->sums()->dead, 1U);
}

TEST_F(Import, KeepsTheOrderOfTheFile) {
  import("{\"messageId\":\"z\",\"userId\":\"u\"}\n{\"messageId\":\"a\",\"userId\":\"u\"}\n");
  const ParkingCall call{1, ReadHead{"onlyfans:u", 5, 99'999}};
  const auto replies = parking_->apply({&call, 1});
  const auto& head = std::get<HeadAnswer>(replies.at(0).answer);
  ASSERT_EQ(head.rows.size(), 2U);
  EXPECT_EQ(head.rows[0].id, "z");
}

TEST_F(Import, AByteOrderMarkIsNoPartOfTheFirstLine) {
  const ImportCounts counts = import(
      "\xef\xbb\xbf{\"messageId\":\"a\",\"userId\":\"u\"}\r\n"
      "\xef\xbb\xbf{\"messageId\":\"b\",\"userId\":\"u\"}");
  EXPECT_EQ(counts.accepted, 1U);
  EXPECT_EQ(counts.malformed, 1U) << "a mark anywhere else is no JSON";
}

TEST_F(Import, WhatCannotBeReadIsNoEmptyFile) {
  std::ifstream directory(directory_);
  const auto counts = import_from(directory, "d");
  ASSERT_FALSE(counts.ok());
  EXPECT_EQ(counts.error().code, Trouble::kUnavailable);
}

TEST_F(Import, ALineWithoutEndIsBounded) {
  const ImportCounts counts =
      import(std::string(3'000'000, 'x') + "\n{\"messageId\":\"a\",\"userId\":\"u\"}\n");
  EXPECT_EQ(counts.malformed, 1U);
  EXPECT_EQ(counts.accepted, 1U);
}

}  // namespace
}  // namespace sluice::ingest
