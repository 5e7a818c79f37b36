// What only the embedded store can meet: another process, damage, a full disk, files that were put
// back, wall clocks.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "lib/port/sqlite.h"
#include "limiter/sqlite_life.h"
#include "limiter/sqlite_store.h"
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Wait;
namespace fs = std::filesystem;

class SqliteStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sluice-sqlite-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::uint64_t version() const { return limits_version("up", config_.upstreams[0].limits); }
  Result<SqliteStore> open(std::string boot = "boot") {
    return SqliteStore::open({directory_, config_, std::move(boot)}, clock_);
  }
  GrantAnswer grant(SqliteStore& store, int n, const std::string& key = "up:user") {
    const StoreTime now = store_now_;
    const Caller caller{1, {now, now}, now + seconds(2), version()};
    const auto replies = store.perform({{1, Grant{caller, {ask_of(n, key)}}}}, clock_);
    const auto* reply = std::get_if<GrantReply>(&replies.at(0).answer);
    if (reply == nullptr) failed_ = std::get<StoreFailed>(replies.at(0).answer);
    return reply == nullptr ? GrantAnswer{} : reply->answers.at(0);
  }
  void wait(Duration span) {
    clock_ = {clock_.wall + span, clock_.steady + span};
    store_now_ = store_now_ + span;
  }
  std::string file(const char* name) const { return directory_ + "/" + name; }

  std::string directory_;
  StoreConfig config_ =
      config_of({Limit{"window", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}});
  Reading clock_{kStart, Instant{}};
  StoreTime store_now_ = kStart;
  StoreFailed failed_;
};

TEST_F(SqliteStoreTest, one_process_per_directory) {
  auto first = open();
  ASSERT_TRUE(first.ok());
  auto second = open();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Trouble::kUnavailable);
  EXPECT_NE(second.error().what.find("locked"), std::string::npos);
}

TEST_F(SqliteStoreTest, what_is_no_database_is_said) {
  std::ofstream(file("store.db")) << std::string(8192, 'x');
  auto opened = open();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Trouble::kCorrupt);
  EXPECT_NE(opened.error().what.find("store.db"), std::string::npos);
}

TEST_F(SqliteStoreTest, a_damaged_page_is_found_at_the_start) {
  {
    auto store = open();
    ASSERT_TRUE(store.ok());
    for (int n = 0; n < 200; ++n) grant(*store, n, "up:user" + std::to_string(n));
  }
  {
    std::fstream damaged(file("store.db"), std::ios::in | std::ios::out | std::ios::binary);
    const std::string junk(3'000, '\x5a');
    for (int page = 3; page < 8; ++page) {
      damaged.seekp(page * 4096 + 50);
      damaged.write(junk.data(), static_cast<std::streamsize>(junk.size()));
    }
  }
  auto opened = open();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Trouble::kCorrupt);
}

TEST_F(SqliteStoreTest, an_older_copy_put_back_in_the_same_open_closes) {
  {
    auto store = open();
    ASSERT_TRUE(store.ok());
    EXPECT_EQ(store->closed_because(), "");
    grant(*store, 1);
  }
  fs::copy_file(file("store.db"), file("backup.db"));
  {
    auto store = open();
    EXPECT_EQ(store->closed_because(), "");
    EXPECT_EQ(grant(*store, 2).granted, Granted::kYes);
  }
  // Over the same inode.
  fs::copy_file(file("backup.db"), file("store.db"), fs::copy_options::overwrite_existing);
  auto store = open();
  ASSERT_TRUE(store.ok());
  EXPECT_NE(store->closed_because(), "");
  EXPECT_EQ(grant(*store, 2).why, Wait::kClosure);
}

TEST_F(SqliteStoreTest, a_deleted_database_closes_an_empty_directory_is_fresh) {
  { auto store = open(); }
  fs::remove(file("store.db"));
  {
    auto store = open();
    EXPECT_NE(store->closed_because(), "");
    EXPECT_EQ(grant(*store, 1).why, Wait::kClosure);
  }
  fs::remove(file("store.db"));
  fs::remove(file("store.life"));
  auto store = open();
  EXPECT_EQ(store->closed_because(), "");
  EXPECT_EQ(grant(*store, 1).granted, Granted::kYes);
}

TEST_F(SqliteStoreTest, kill_9_forgets_nothing) {
  const pid_t child = fork();
  if (child == 0) {
    auto store = open();
    if (store) {
      for (int n = 0; n < 3; ++n) grant(*store, n);
    }
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  auto store = open();
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->closed_because(), "");
  EXPECT_EQ(grant(*store, 3).why, Wait::kPacing);
  EXPECT_EQ(grant(*store, 2).serial, 1u);
}

TEST_F(SqliteStoreTest, wall_clock_steps_move_nothing) {
  {
    auto store = open();
    for (int n = 0; n < 3; ++n) grant(*store, n);
    clock_.wall = clock_.wall + hours(5);
    EXPECT_EQ(grant(*store, 3).until, kStart + seconds(6));
  }
  clock_.wall = clock_.wall - hours(9);
  auto store = open();
  EXPECT_EQ(grant(*store, 3).until, kStart + seconds(6));
}

TEST_F(SqliteStoreTest, after_the_machines_boot_the_wall_clock_counts) {
  { auto store = open("boot 1"); }
  wait(hours(1));
  clock_.steady = Instant{} + seconds(5);
  auto store = open("boot 2");
  EXPECT_EQ(grant(*store, 1).granted_at, kStart + hours(1));
}

TEST_F(SqliteStoreTest, a_full_disk_is_a_failure_that_applies_nothing) {
  auto store = open();
  ASSERT_TRUE(store.ok());
  struct rlimit before {};
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const auto size = static_cast<rlim_t>(fs::file_size(file("store.db-wal")));
  const struct rlimit tight { size + 4096, before.rlim_max };
  setrlimit(RLIMIT_FSIZE, &tight);
  std::vector<GrantAsk> asks;
  for (int n = 0; n < 50; ++n) asks.push_back(ask_of(n, "up:user" + std::to_string(n)));
  const Caller caller{1, {kStart, kStart}, kStart + seconds(2), version()};
  const auto replies = store->perform({{9, Grant{caller, asks}}}, clock_);
  setrlimit(RLIMIT_FSIZE, &before);
  const auto* failed = std::get_if<StoreFailed>(&replies.at(0).answer);
  ASSERT_NE(failed, nullptr);
  EXPECT_NE(failed->what, "");
  EXPECT_EQ(replies.at(0).call_id, 9u);
  const auto again = store->perform({{10, Grant{caller, asks}}}, clock_);
  for (const GrantAnswer& answer : std::get<GrantReply>(again.at(0).answer).answers) {
    EXPECT_EQ(answer.granted, Granted::kYes);
    EXPECT_EQ(answer.serial, 1u);
  }
}

TEST_F(SqliteStoreTest, rest_purges_what_is_over) {
  config_.record_min = seconds(100);
  auto store = open();
  grant(*store, 1);
  const Caller caller{1, {kStart, kStart}, kStart + seconds(2), version()};
  const auto done = store->perform(
      {{1, Complete{caller, {completion_of(1, 1, wire::Ended::kDelivered)}}}}, clock_);
  store->perform({{2, Forget{"up", {identity_of(1)}}}}, clock_);
  wait(seconds(1'000));
  while (store->rest(clock_)) {
  }
  store = Error{Trouble::kUnavailable, "closed"};
  auto database = port::Sqlite::open(file("store.db"));
  ASSERT_TRUE(database.ok());
  auto rows =
      database->prepare("SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM key)");
  ASSERT_TRUE(rows.ok() && rows->step().ok());
  EXPECT_EQ(rows->integer(0), 0);
}

TEST(SqliteLife, says_why) {
  const LifeFacts database{"id", 7, 3, 40};
  EXPECT_EQ(forgotten(database, {"id", 7, 3, 40}, false), "");
  EXPECT_EQ(forgotten(database, {"id", 7, 4, 40}, false), "");  // died while opening
  EXPECT_EQ(forgotten(database, {"id", 7, 3, 12}, false), "");  // the machine lost power
  EXPECT_NE(forgotten(database, {"id", 7, 3, 41}, false), "");
  EXPECT_NE(forgotten(database, {"id", 7, 5, 40}, false), "");
  EXPECT_NE(forgotten(database, {"id", 8, 3, 40}, false), "");
  EXPECT_NE(forgotten(database, {"other", 7, 3, 40}, false), "");
  EXPECT_NE(forgotten(database, {}, false), "");
  EXPECT_NE(forgotten({}, {"id", 7, 3, 40}, true), "");
  EXPECT_EQ(forgotten({}, {}, true), "");
  EXPECT_EQ(forgotten({"id", 7, 0, 0}, {}, false), "");  // died before it was ever used
}

}  // namespace
}  // namespace sluice::limiter
