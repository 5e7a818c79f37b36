#include "lib/port/sqlite.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sluice::port {
namespace {

class SqliteTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "sluice-sqlite-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string path() const { return dir_ + "/deep/test.db"; }
  std::string dir_;
};

std::int64_t count(Sqlite& database) {
  auto asked = database.prepare("SELECT count(*) FROM t");
  EXPECT_TRUE(asked);
  EXPECT_TRUE(asked->step());
  return asked->integer(0);
}

TEST_F(SqliteTest, KeepsBytesAsTheyAre) {
  auto database = Sqlite::open(path());
  ASSERT_TRUE(database) << database.error().what;
  ASSERT_TRUE(database->execute("CREATE TABLE t(a INTEGER, b BLOB, c TEXT, d TEXT)"));
  auto put = database->prepare("INSERT INTO t VALUES(?, ?, ?, ?)");
  ASSERT_TRUE(put);
  const std::string bytes("\0\xff zero", 7);
  ASSERT_TRUE(put->bind(1, -5).bind_blob(2, bytes).bind_text(3, {}).bind_null(4).run());
  auto got = database->prepare("SELECT a, b, c, d FROM t");
  ASSERT_TRUE(got);
  ASSERT_EQ(*got->step(), Statement::Step::kRow);
  EXPECT_EQ(got->integer(0), -5);
  EXPECT_EQ(got->bytes(1), bytes);
  EXPECT_EQ(got->bytes(2), "");
  EXPECT_FALSE(got->null(2)) << "an empty text is not NULL";
  EXPECT_TRUE(got->null(3));
  EXPECT_EQ(*got->step(), Statement::Step::kDone);
}

TEST_F(SqliteTest, ATransactionThatIsNotCommittedNeverWas) {
  {
    auto database = Sqlite::open(path());
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->execute("CREATE TABLE t(a INTEGER PRIMARY KEY)"));
    {
      auto left = Transaction::begin(*database);
      ASSERT_TRUE(left);
      ASSERT_TRUE(database->execute("INSERT INTO t VALUES(1)"));
    }
    EXPECT_EQ(count(*database), 0);
    auto kept = Transaction::begin(*database);
    ASSERT_TRUE(kept);
    ASSERT_TRUE(database->execute("INSERT INTO t VALUES(2)"));
    ASSERT_TRUE(kept->commit());
    EXPECT_GT(database->wal_bytes(), 0);
    database->checkpoint();
  }
  auto again = Sqlite::open(path(), {.create = false, .read_only = true});
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(count(*again), 1);
  EXPECT_FALSE(again->execute("INSERT INTO t VALUES(3)"));
}

// A WAL that only idle hours may empty would fill the disk of who has none.
TEST_F(SqliteTest, AWalIsMovedWhenIdleAndAtTheLatestAt64MiB) {
  constexpr std::int64_t kMiB = 1 << 20;
  auto database = Sqlite::open(path());
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->execute("CREATE TABLE t(a BLOB)"));
  const auto grow_to = [&](std::int64_t bytes) {
    while (database->wal_bytes() < bytes) {
      ASSERT_TRUE(database->execute("INSERT INTO t VALUES(zeroblob(1000000))"));
    }
  };
  grow_to(5 * kMiB);
  database->checkpoint_if_due(false);
  EXPECT_GE(database->wal_bytes(), 5 * kMiB);
  database->checkpoint_if_due(true);
  EXPECT_EQ(database->wal_bytes(), 0);
  grow_to(65 * kMiB);
  database->checkpoint_if_due(false);
  EXPECT_EQ(database->wal_bytes(), 0);
  ASSERT_TRUE(database->execute("INSERT INTO t VALUES(1)"));
  EXPECT_LT(database->wal_bytes(), kMiB) << "the log begins anew";
}

TEST_F(SqliteTest, TheMainFileIsInWalWithFullSync) {
  auto database = Sqlite::open(path());
  ASSERT_TRUE(database);
  auto mode = database->prepare("PRAGMA journal_mode");
  ASSERT_TRUE(mode && mode->step());
  EXPECT_EQ(mode->bytes(0), "wal");
  auto sync = database->prepare("PRAGMA synchronous");
  ASSERT_TRUE(sync && sync->step());
  EXPECT_EQ(sync->integer(0), 2);
}

TEST_F(SqliteTest, TroublesHaveTheirNames) {
  std::ofstream(dir_ + "/noise") << std::string(8192, 'x');
  auto noise = Sqlite::open(dir_ + "/noise");
  ASSERT_FALSE(noise);
  EXPECT_EQ(noise.error().code, Trouble::kCorrupt);
  auto nowhere = Sqlite::open("/proc/nowhere/x.db");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Trouble::kUnavailable);
  auto database = Sqlite::open(path());
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->execute("PRAGMA max_page_count = 4; CREATE TABLE t(a BLOB)"));
  auto full = database->execute("INSERT INTO t VALUES(zeroblob(1000000))");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Trouble::kFull);
  auto broken = database->prepare("SELEKT");
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().what.find("SELEKT"), std::string::npos);
}

}  // namespace
}  // namespace sluice::port
