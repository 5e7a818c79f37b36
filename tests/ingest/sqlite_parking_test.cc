#include "ingest/sqlite_parking.h"

#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/ingest/accepted_suite.h"
#include "tests/ingest/parking_suite.h"
#include "tests/ingest/replies_suite.h"

namespace sluice::ingest::suite {
namespace {

namespace fs = std::filesystem;

struct TempDir {
  TempDir() {
    static int made = 0;
    path = fs::temp_directory_path() /
           ("sluice-parking-" + std::to_string(getpid()) + "-" + std::to_string(++made));
    fs::create_directories(path);
  }
  ~TempDir() { fs::remove_all(path); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string file() const { return (path / "parking.db").string(); }
  fs::path path;
};

std::unique_ptr<SqliteParking> opened(const std::string& file) {
  auto parking = SqliteParking::open(file);
  EXPECT_TRUE(parking.ok()) << (parking.ok() ? "" : parking.error().what);
  return parking.ok() ? std::move(*parking) : nullptr;
}

ParkingAnswer ask(SqliteParking& parking, const Call& call) {
  const ParkingCall one{1, call};
  return parking.apply({&one, 1}).at(0).answer;
}

struct SqliteTraits {
  TempDir dir;
  std::unique_ptr<SqliteParking> parking = opened(dir.file());
  ParkingAnswer apply(const Call& call) { return ask(*parking, call); }
  ReplyStore& replies() { return parking->replies(); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, ParkingSuite, SqliteTraits);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, AcceptedSuite, SqliteTraits);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, RepliesSuite, SqliteTraits);

TEST(SqliteParking, RepliesOutliveARestartAndAreKeptWithTheirTries) {
  TempDir dir;
  const wire::Offer wants = wanting("a", "https://h.example/x");
  {
    auto parking = opened(dir.file());
    ask(*parking, Put{wants, true, StoreTime{1}});
  }
  {
    auto parking = opened(dir.file());
    ask(*parking, SettleRow{settled(wants, wire::Settlement::kDelivered), StoreTime{9'000'000}});
    const ReplyNote later{1, false, 3, StoreTime{7'000}};
    ASSERT_TRUE(parking->replies().note({&later, 1}).ok());
  }
  auto parking = opened(dir.file());
  EXPECT_TRUE(parking->replies().due("https://h.example", StoreTime{6'999}, 9)->empty());
  const auto due = parking->replies().due("https://h.example", StoreTime{7'000}, 9).value();
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].tries, 3U);
  EXPECT_EQ(due[0].id, "a");
}

TEST(SqliteParking, AReplayedDeadLetterIsToldAgainAsTheNextGeneration) {
  TempDir dir;
  auto parking = opened(dir.file());
  const wire::Offer wants = wanting("a", "https://h.example/x");
  ask(*parking, Put{wants, true, StoreTime{1}});
  ask(*parking, SettleRow{settled(wants, wire::Settlement::kDead), StoreTime{9'000'000}});
  const DeadRow letter = parking->find_dead("a").value().at(0);
  ASSERT_EQ(parking->replay(letter, StoreTime{50'000}).value(), ReplayEnd::kReplayed);
  wire::Offer again = std::get<HeadAnswer>(ask(*parking, ReadHead{"k", 9, 9'999})).rows.at(0);
  ask(*parking, SettleRow{settled(again, wire::Settlement::kDelivered), StoreTime{9'000'000}});
  const auto due = parking->replies().due("https://h.example", StoreTime{60'000}, 9).value();
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].generation, 0U);
  EXPECT_EQ(due[1].generation, 1U);
  EXPECT_NE(webhook_id_of(due[0]), webhook_id_of(due[1]));
}

TEST(SqliteParking, AFileOfTheVersionBeforeRepliesGoesOn) {
  TempDir dir;
  {
    auto parking = opened(dir.file());
    ask(*parking, Put{row("a", "k", 1), true, StoreTime{1}});
  }
  {
    auto old = port::Sqlite::open(dir.file());
    ASSERT_TRUE(old.ok());
    ASSERT_TRUE(old->execute("DROP TABLE replies; DROP TABLE imports; "
                             "ALTER TABLE keys DROP COLUMN last_in_order; PRAGMA user_version = 2")
                    .ok());
  }
  auto parking = opened(dir.file());
  ASSERT_NE(parking, nullptr);
  EXPECT_EQ(parking->sums()->rows, 1U);
  EXPECT_EQ(parking->replies().waiting().value(), 0U);
}

TEST(SqliteParking, RemembersOverARestart) {
  TempDir dir;
  const wire::Offer one = row("a", "k", 1);
  const wire::Offer two = row("b", "k", 2);
  {
    auto parking = opened(dir.file());
    ask(*parking, Put{one, true, StoreTime{1}});
    ask(*parking, Put{two, true, StoreTime{1}});
    ask(*parking, SettleRow{settled(one, wire::Settlement::kDead), StoreTime{9'000'000}});
  }
  auto parking = opened(dir.file());
  const auto head = std::get<HeadAnswer>(ask(*parking, ReadHead{"k", 9, 9'999}));
  ASSERT_EQ(head.rows.size(), 1U);
  EXPECT_EQ(head.rows[0].id, "b");
  const auto name = std::get<LookupAnswer>(ask(*parking, LookupId{"embedded", "a", {}})).name;
  ASSERT_TRUE(name);
  EXPECT_EQ(name->state, NameState::kDead);
  EXPECT_EQ(parking->sums()->rows, 1U);
  EXPECT_EQ(parking->sums()->dead, 1U);
}

TEST(SqliteParking, ManyCallsShareACommit) {
  TempDir dir;
  auto parking = opened(dir.file());
  std::vector<ParkingCall> calls;
  for (std::uint64_t n = 0; n < 1'000; ++n) {
    calls.push_back({n, Put{row("m" + std::to_string(n), "k", static_cast<std::int64_t>(n)), true,
                            StoreTime{1}}});
  }
  const auto replies = parking->apply(calls);
  ASSERT_EQ(replies.size(), 1'000U);
  EXPECT_EQ(std::get<PutAnswer>(replies[999].answer).key.count, 1'000U);
  EXPECT_EQ(replies[7].call_id, 7U);
}

TEST(SqliteParking, TheSumsStayExactThroughAnything) {
  TempDir dir;
  auto parking = opened(dir.file());
  std::uint64_t settled_count = 0;
  for (int n = 0; n < 300; ++n) {
    const wire::Offer one = row("m" + std::to_string(n % 120), "k" + std::to_string(n % 7), n);
    const auto put = std::get<PutAnswer>(ask(*parking, Put{one, false, StoreTime{1}}));
    if (n % 3 == 0) {
      wire::Offer same = one;
      same.identity = put.name.identity;
      const auto end = std::get<SettleAnswer>(
          ask(*parking, SettleRow{settled(same, wire::Settlement::kDelivered), StoreTime{9}}));
      settled_count += end.end == SettleEnd::kSettled ? 1 : 0;
    }
  }
  std::uint64_t listed = 0;
  std::uint64_t read = 0;
  const auto page = std::get<KeysAnswer>(ask(*parking, ListKeys{"", 100}));
  for (const KeyFacts& key : page.keys) {
    listed += key.count;
    read += std::get<HeadAnswer>(ask(*parking, ReadHead{key.key, 1'000, 1'000'000})).rows.size();
  }
  EXPECT_EQ(listed, read);
  EXPECT_EQ(parking->sums()->rows, read);
  EXPECT_GT(settled_count, 0U);
}

TEST(SqliteParking, ADamagedFileIsAClearError) {
  TempDir dir;
  std::ofstream(dir.file()) << std::string(8192, 'x');
  const auto parking = SqliteParking::open(dir.file());
  ASSERT_FALSE(parking.ok());
  EXPECT_EQ(parking.error().code, Trouble::kCorrupt);
  EXPECT_NE(parking.error().what.find(dir.file()), std::string::npos);
}

TEST(SqliteParking, ADamagedPageIsFoundAtTheStart) {
  TempDir dir;
  {
    auto parking = opened(dir.file());
    std::vector<ParkingCall> calls;
    for (std::uint32_t n = 0; n < 500; ++n) {
      calls.push_back({n, Put{row("m" + std::to_string(n), "k", n), true, StoreTime{1}}});
    }
    parking->apply(calls);
    EXPECT_TRUE(parking->check_whole().ok());
  }
  std::fstream(dir.file()).seekp(20 * 4'096) << std::string(4'096, 'x');
  const auto found = opened(dir.file())->check_whole();
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, Trouble::kCorrupt);
}

TEST(SqliteParking, AFullDiskAcknowledgesNothingAndLosesNothing) {
  TempDir dir;
  auto parking = opened(dir.file());
  ask(*parking, Put{row("a", "k", 1), true, StoreTime{1}});
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 200'000;
  setrlimit(RLIMIT_FSIZE, &small);
  const wire::Offer big = row("b", "k", 2, std::string(250'000, 'x'));
  const ParkingAnswer refused = ask(*parking, Put{big, true, StoreTime{1}});
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_TRUE(std::holds_alternative<ParkingFailed>(refused));
  EXPECT_FALSE(std::get<ParkingFailed>(refused).what.empty());
  parking = opened(dir.file());
  EXPECT_EQ(std::get<HeadAnswer>(ask(*parking, ReadHead{"k", 9, 999'999})).rows.size(), 1U);
  EXPECT_EQ(std::get<PutAnswer>(ask(*parking, Put{big, true, StoreTime{1}})).end, PutEnd::kCreated);
}

TEST(SqliteParking, SeesWhatAnotherProcessWrote) {
  TempDir dir;
  auto ingest = opened(dir.file());
  auto tool = opened(dir.file());
  EXPECT_TRUE(ingest->added_by_others()->keys.empty());
  ask(*ingest, Put{row("a", "k", 1), true, StoreTime{1}});
  EXPECT_TRUE(ingest->added_by_others()->keys.empty());
  ask(*tool, Put{row("b", "other", 2), true, StoreTime{1}});
  ask(*tool, Put{row("c", "other", 1), true, StoreTime{1}});
  const auto added = ingest->added_by_others();
  ASSERT_FALSE(added->keys.empty());
  EXPECT_EQ(added->keys.back().key, "other");
  EXPECT_EQ(added->keys.back().count, 2U);
  EXPECT_EQ(added->keys.back().head_order, 1);
  EXPECT_FALSE(added->more);
  EXPECT_TRUE(ingest->added_by_others()->keys.empty());
}

TEST(SqliteParking, WhatManyRowsBringIsSeenInSeveralLooks) {
  TempDir dir;
  auto ingest = opened(dir.file());
  auto tool = opened(dir.file());
  std::vector<ParkingCall> puts;
  for (std::uint64_t i = 0; i < 1'500; ++i) {
    const std::string name = std::to_string(i);
    puts.push_back({i, Put{row(name, "k" + name, 1), true, StoreTime{1}}});
  }
  tool->apply(puts);
  const auto first = ingest->added_by_others();
  EXPECT_TRUE(first->more);
  const auto second = ingest->added_by_others();
  EXPECT_FALSE(second->more);
  EXPECT_EQ(first->keys.size() + second->keys.size(), 1'500U);
}

// Rows are told apart by their numbers, and the last ones' are free again once they are forgotten.
TEST(SqliteParking, RowsAfterForgottenNamesAreSeen) {
  TempDir dir;
  auto ingest = opened(dir.file());
  auto tool = opened(dir.file());
  const wire::Offer gone = row("a", "k", 1);
  ask(*tool, Put{gone, true, StoreTime{1}});
  EXPECT_EQ(ingest->added_by_others()->keys.size(), 1U);
  wire::Settled settled;
  settled.identity = gone.identity;
  settled.key = "k";
  ask(*ingest, SettleRow{settled, StoreTime{5}});
  ask(*ingest, ForgetNames{StoreTime{10}, 100});
  ask(*tool, Put{row("b", "k", 2), true, StoreTime{20}});
  EXPECT_EQ(ingest->added_by_others()->keys.size(), 1U);
}

TEST(SqliteParking, TwoMessagesOfOneIdentityHaveADeadLetterEach) {
  TempDir dir;
  auto parking = opened(dir.file());
  for (const char* body : {"one", "other"}) {
    const wire::Offer message = row("a", "k", 1, body);
    ask(*parking, Put{message, false, StoreTime{1}});
    wire::Settled end = settled(message, wire::Settlement::kDead);
    if (std::string(body) == "one") end.reason = wire::kIdConflict;
    ask(*parking, SettleRow{end, StoreTime{9'000'000}});
  }
  const auto dead = parking->find_dead("a");
  ASSERT_EQ(dead->size(), 2U);
  EXPECT_NE((*dead)[0].message->request.body, (*dead)[1].message->request.body);
}

TEST(SqliteParking, ReplaysADeadLetterAsTheNextGeneration) {
  TempDir dir;
  auto parking = opened(dir.file());
  wire::Offer one = row("a", "k", 1);
  one.attempts = 3;
  ask(*parking, Put{one, true, StoreTime{1}});
  ask(*parking, SettleRow{settled(one, wire::Settlement::kDead), StoreTime{9'000'000}});
  const auto dead = parking->find_dead("a");
  ASSERT_TRUE(dead.ok());
  ASSERT_EQ(dead->size(), 1U);
  EXPECT_EQ((*dead)[0].reason, "attempts");
  ASSERT_TRUE((*dead)[0].message);
  ASSERT_EQ(parking->replay((*dead)[0], StoreTime{50'000}).value(), ReplayEnd::kReplayed);
  EXPECT_EQ(parking->replay((*dead)[0], StoreTime{50'000}).value(), ReplayEnd::kGone);
  const auto head = std::get<HeadAnswer>(ask(*parking, ReadHead{"k", 9, 9'999}));
  ASSERT_EQ(head.rows.size(), 1U);
  EXPECT_EQ(head.rows[0].generation, 1U);
  EXPECT_EQ(head.rows[0].attempts, 0U);
  EXPECT_NE(head.rows[0].identity, one.identity);
  EXPECT_FALSE(head.rows[0].offered_before);
  EXPECT_EQ(head.rows[0].request, one.request);
  const auto name = std::get<LookupAnswer>(ask(*parking, LookupId{"embedded", "a", {}})).name;
  EXPECT_EQ(name->generation, 1U);
  EXPECT_EQ(name->state, NameState::kWaiting);
}

TEST(SqliteParking, KeepsLinesThatWereNoMessages) {
  TempDir dir;
  auto parking = opened(dir.file());
  DeadRow malformed;
  malformed.identity = std::string(16, 'm');
  malformed.source = "file";
  malformed.id = "messages.ndjson:3";
  malformed.reason = "malformed";
  malformed.raw = "{not json";
  const auto one = [&](auto) { return std::vector<DeadRow>{malformed}; };
  ASSERT_TRUE(parking->import({{}, one}).ok());
  const auto found = parking->find_dead("messages.ndjson:3");
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 1U);
  EXPECT_FALSE((*found)[0].message);
  EXPECT_EQ((*found)[0].raw, "{not json");
  EXPECT_EQ(parking->replay((*found)[0], StoreTime{1}).value(), ReplayEnd::kNoMessage);
  ASSERT_EQ(parking->find_dead("6d6d6d6d").value().size(), 1U);
  ASSERT_TRUE(parking->purge((*found)[0]).ok());
  EXPECT_EQ(parking->sums()->dead, 0U);
}

// Whatever the number of rows, what a turn asks reads an index from a place on: no scan, no
// sorting. Keys and dead letters are counted and listed whole, by those who want all of them.
TEST(SqliteParking, ItsQuestionsAreAnsweredByIndexes) {
  TempDir dir;
  const std::string plans = opened(dir.file())->plans().value();
  std::istringstream lines(plans);
  for (std::string line; std::getline(lines, line);) {
    const bool whole = line == "SCAN keys" || line.starts_with("SCAN dead") ||
                       line.starts_with("SCAN (subquery") || line == "SCAN CONSTANT ROW";
    EXPECT_TRUE(whole || line.find("SCAN") == std::string::npos) << line;
    EXPECT_EQ(line.find("TEMP B-TREE"), std::string::npos) << line;
  }
  for (const char* index : {"rows_cancelled (identity>?)", "rows_by_expiry (expires_at",
                            "rows_in_order", "names_to_forget", "messages_by_id"}) {
    EXPECT_NE(plans.find(index), std::string::npos) << index << " in\n" << plans;
  }
}

// With one expiry for all of them, a page goes on behind the last row all the same.
TEST(SqliteParking, RowsThatEndComeInPagesOnceEach) {
  TempDir dir;
  auto parking = opened(dir.file());
  std::set<std::string> wanted;
  for (int n = 0; n < 7; ++n) {
    wire::Offer one = row("m" + std::to_string(n), "k", n);
    one.expires_at = StoreTime{n < 5 ? 3'000 : 9'000};
    ask(*parking, Put{one, true, StoreTime{1}});
    if (n < 5) wanted.insert(one.id);
  }
  ask(*parking, MarkCancelled{"embedded", "m6"});
  wanted.insert("m6");
  std::multiset<std::string> seen;
  ListEnding page{StoreTime{3'000}, {}, 2, 9'999};
  for (int pages = 0; pages < 9; ++pages) {
    const auto answer = std::get<EndingAnswer>(ask(*parking, page));
    EXPECT_LE(answer.rows.size(), 2U);
    for (const wire::Offer& one : answer.rows) seen.insert(one.id);
    if (!answer.next) break;
    page.after = *answer.next;
  }
  EXPECT_EQ(seen, std::multiset<std::string>(wanted.begin(), wanted.end()));
}

TEST(SqliteParking, HowManyGoBeforeOneIsCountedSoFarAndNoFurther) {
  TempDir dir;
  auto parking = opened(dir.file());
  std::vector<ParkingCall> calls;
  for (std::uint32_t n = 0; n <= kAheadMax + 1; ++n) {
    calls.push_back({n, Put{row("m" + std::to_string(n), "k", n), true, StoreTime{1}}});
  }
  parking->apply(calls);
  const auto ahead = [&](std::uint32_t n) {
    const LookupId asked{"embedded", "m" + std::to_string(n), {}};
    return std::get<LookupAnswer>(ask(*parking, asked)).ahead;
  };
  EXPECT_EQ(ahead(0), 0U);
  EXPECT_EQ(ahead(kAheadMax), kAheadMax);
  EXPECT_FALSE(ahead(kAheadMax + 1));
  const auto of_new = [&](std::int64_t order) {
    return std::get<LookupAnswer>(ask(*parking, LookupId{"embedded", "new", "k", order})).ahead;
  };
  EXPECT_EQ(of_new(INT64_MAX), kAheadMax + 2);
  EXPECT_EQ(of_new(kAheadMax), kAheadMax + 1);
  EXPECT_EQ(of_new(-1), 1U);  // no more are counted
}

// ---- what is damaged fails who asks for it, nobody else

void spoil(const TempDir& dir, const std::string& sql) {
  auto other = port::Sqlite::open(dir.file());
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->execute(sql).ok());
}

TEST(SqliteParking, HoldsThatCannotBeReadCloseTheirKeyUntilTheyAreWrittenAnew) {
  TempDir dir;
  auto parking = opened(dir.file());
  ask(*parking, Put{row("a", "k1", 1), true, StoreTime{1}});
  ask(*parking, Put{row("b", "k2", 1), true, StoreTime{1}});
  spoil(dir, "UPDATE keys SET holds = x'ff00' WHERE key = 'k1'");
  const auto keys = std::get<KeysAnswer>(ask(*parking, ListKeys{"", 10})).keys;
  ASSERT_EQ(keys.size(), 2U);
  ASSERT_EQ(keys[0].holds.size(), 1U);
  EXPECT_EQ(keys[0].holds[0].kind, wire::HoldKind::kPause);
  EXPECT_EQ(keys[0].holds[0].until, StoreTime{});
  EXPECT_TRUE(keys[1].holds.empty());
  const auto facts = std::get<LookupAnswer>(ask(*parking, LookupId{"embedded", {}, "k1"})).key;
  EXPECT_EQ(facts.holds.size(), 1U);
  ask(*parking, SetHolds{"k1", "onlyfans", {}});
  EXPECT_TRUE(std::get<HeadAnswer>(ask(*parking, ReadHead{"k1", 9, 9'999})).key.holds.empty());
}

void put_unreadable(SqliteParking& parking, const TempDir& dir, const wire::Offer& row) {
  ask(parking, Put{row, true, StoreTime{1}});
  spoil(dir, "UPDATE messages SET message = x'ff00'");
}

TEST(SqliteParking, ARowThatCannotBeReadFailsItsOwnCallsOnly) {
  TempDir dir;
  auto parking = opened(dir.file());
  put_unreadable(*parking, dir, row("a", "k1", 1));
  const std::vector<ParkingCall> calls = {{1, Put{row("b", "k2", 1), true, StoreTime{1}}},
                                          {2, ReadHead{"k1", 9, 9'999}},
                                          {3, MarkCancelled{"embedded", "a"}},
                                          {4, ReadHead{"k2", 9, 9'999}}};
  const auto replies = parking->apply(calls);
  ASSERT_EQ(replies.size(), 4U);
  EXPECT_EQ(std::get<PutAnswer>(replies[0].answer).end, PutEnd::kCreated);
  for (const std::size_t own : {1U, 2U}) {
    ASSERT_TRUE(std::holds_alternative<ParkingFailed>(replies[own].answer));
    EXPECT_TRUE(std::get<ParkingFailed>(replies[own].answer).alone);
  }
  EXPECT_EQ(std::get<HeadAnswer>(replies[3].answer).rows.size(), 1U);
  const ListEnding all{StoreTime{2'000'000}, {}, 9, 9'999};
  EXPECT_EQ(std::get<EndingAnswer>(ask(*parking, all)).rows.size(), 1U) << "it is passed over";
  EXPECT_FALSE(std::get<LookupAnswer>(ask(*parking, LookupId{"embedded", "a", {}})).name->cancelled)
      << "a call that failed has changed nothing";
}

TEST(SqliteParking, ADeadLetterThatCannotBeReadIsKeptAsItStands) {
  TempDir dir;
  auto parking = opened(dir.file());
  const wire::Offer bad = row("a", "k", 1);
  put_unreadable(*parking, dir, bad);
  const SettleRow dies{settled(bad, wire::Settlement::kDead), StoreTime{9'000'000}};
  EXPECT_EQ(std::get<SettleAnswer>(ask(*parking, dies)).end, SettleEnd::kSettled);
  const auto found = parking->find_dead("a");
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 1U);
  EXPECT_FALSE((*found)[0].message);
  EXPECT_EQ((*found)[0].raw, std::string("\xff\0", 2));
}

}  // namespace
}  // namespace sluice::ingest::suite
