// Lists out of the embedded store: filters, pages, places, bounded work, and the plans of their
// questions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "ingest/lists.h"
#include "ingest/sqlite_lists.h"
#include "ingest/sqlite_parking.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {
namespace {

class Lists : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sluice-lists-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    auto parking = SqliteParking::open(file());
    ASSERT_TRUE(parking.ok()) << parking.error().what;
    parking_ = std::move(*parking);
    auto lists = SqliteLists::open(file());
    ASSERT_TRUE(lists.ok()) << lists.error().what;
    lists_ = std::move(*lists);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string file() const { return directory_ + "/parking.db"; }

  static wire::Offer row(const std::string& id, const std::string& key, std::int64_t order) {
    wire::Offer offer;
    offer.source = "embedded";
    offer.key = key;
    offer.id = id;
    offer.upstream = key.substr(0, key.find(':'));
    offer.order = order;
    offer.first_seen = StoreTime{order};
    offer.expires_at = StoreTime{1'000'000'000};
    offer.request = {"POST", "/", {}, "{}"};
    offer.identity = wire::identity_of(offer.source, key, id, 0);
    offer.content_hash = wire::content_hash_of(offer.request);
    return offer;
  }
  void put(const std::string& id, const std::string& key, std::int64_t order) {
    const ParkingCall call{1, Put{row(id, key, order), true, StoreTime{1}}};
    ASSERT_TRUE(std::holds_alternative<PutAnswer>(parking_->apply({&call, 1}).front().answer));
  }
  void settle(const std::string& id, const std::string& key, wire::Settlement how,
              std::int64_t at) {
    const wire::Offer of = row(id, key, 0);
    const wire::Settled settled{
        of.identity, key, of.upstream,  how, how == wire::Settlement::kDead ? "attempts" : "",
        500,         5,   StoreTime{at}};
    const ParkingCall call{1, SettleRow{settled, StoreTime{at + 1'000}}};
    ASSERT_TRUE(std::holds_alternative<SettleAnswer>(parking_->apply({&call, 1}).front().answer));
  }
  std::vector<std::string> ids(const ListPage& page) {
    std::vector<std::string> found;
    for (const auto& one : page.messages) found.push_back(one.name.id);
    return found;
  }
  ListPage page(const ListAsk& ask) {
    auto read = lists_->list(ask);
    EXPECT_TRUE(read.ok());
    return read ? *read : ListPage{};
  }
  // Every page of it, each cursor by way of its text.
  std::vector<std::string> all(ListAsk ask) {
    std::vector<std::string> found;
    for (int pages = 0; pages < 1'000; ++pages) {
      const ListPage one = page(ask);
      EXPECT_LE(one.messages.size(), ask.limit);
      for (const std::string& id : ids(one)) found.push_back(id);
      if (!one.next) return found;
      ask.after = read_cursor(cursor_text(*one.next));
      EXPECT_EQ(ask.after, one.next);
      EXPECT_TRUE(fits(*ask.after, ask));
    }
    ADD_FAILURE() << "no end";
    return found;
  }

  std::string directory_;
  std::unique_ptr<SqliteParking> parking_;
  std::unique_ptr<SqliteLists> lists_;
};

TEST_F(Lists, WaitingOnesInTheKeysOrderWithTheirPlaces) {
  for (const char* id : {"c", "a", "b"}) put(id, "up:k", id[0]);
  put("x", "up:l", 1);
  const ListPage first = page({.key = "up:k", .state = NameState::kWaiting, .limit = 2});
  EXPECT_EQ(ids(first), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(first.messages[1].ahead, 1U);
  ASSERT_TRUE(first.next);
  // What comes before the cursor's place, and goes, changes nothing behind it.
  put("0", "up:k", 1);
  settle("a", "up:k", wire::Settlement::kDelivered, 9);
  const ListPage rest =
      page({.key = "up:k", .state = NameState::kWaiting, .after = first.next, .limit = 2});
  EXPECT_EQ(ids(rest), (std::vector<std::string>{"c"}));
  EXPECT_EQ(rest.messages[0].ahead, 2U);  // 0 and b
  EXPECT_FALSE(rest.next);
  const ListPage both = page({.state = NameState::kWaiting, .limit = 10});
  EXPECT_EQ(ids(both), (std::vector<std::string>{"0", "b", "c", "x"}));
  EXPECT_EQ(both.messages[3].ahead, 0U);
}

TEST_F(Lists, SettledOnesNewestFirstAndDeadOnesWithTheirReason) {
  for (const char* id : {"a", "b", "c", "d"}) put(id, "up:k", id[0]);
  settle("a", "up:k", wire::Settlement::kDelivered, 10);
  settle("b", "up:k", wire::Settlement::kDead, 20);
  settle("c", "up:k", wire::Settlement::kExpired, 30);
  EXPECT_EQ(all({.limit = 1}), (std::vector<std::string>{"d", "c", "b", "a"}));
  EXPECT_EQ(all({.limit = 3}), (std::vector<std::string>{"d", "c", "b", "a"}));
  EXPECT_EQ(all({.state = NameState::kExpired}), std::vector<std::string>{"c"});
  EXPECT_EQ(all({.state = NameState::kCancelled}), std::vector<std::string>{});
  const ListPage dead = page({.state = NameState::kDead});
  ASSERT_EQ(ids(dead), std::vector<std::string>{"b"});
  EXPECT_EQ(dead.messages[0].name.reason, "attempts");
  EXPECT_EQ(dead.messages[0].name.attempts, 5U);
  const std::vector<DeadRow> letters = *parking_->find_dead("b");
  ASSERT_TRUE(parking_->purge(letters.at(0)).ok());
  EXPECT_TRUE(all({.state = NameState::kDead}).empty());
}

TEST_F(Lists, WhatIsAcceptedIsBetweenWhatWaitsAndWhatHasEnded) {
  for (const char* id : {"a", "b", "c"}) put(id, "up:k", id[0]);
  settle("a", "up:k", wire::Settlement::kDelivered, 10);
  settle("b", "up:k", wire::Settlement::kDelivered, 20);
  for (const char* id : {"d", "e"}) {
    // Remembered for as long from then as what ends is from its end, and time to live before it.
    const ParkingCall call{
        1, Put{row(id, "up:k", id[0]), true, StoreTime{1}, StoreTime{9'000 + id[0]}}};
    ASSERT_TRUE(std::holds_alternative<PutAnswer>(parking_->apply({&call, 1}).front().answer));
  }
  EXPECT_EQ(all({.limit = 2}), (std::vector<std::string>{"c", "e", "d", "b", "a"}));
  EXPECT_EQ(all({.state = NameState::kAccepted}), (std::vector<std::string>{"e", "d"}));
}

TEST_F(Lists, ShowOnlyWhatTheScopeCovers) {
  put("a", "up:k1", 1);
  put("b", "up:k2", 2);
  put("c", "other:k1", 3);
  settle("b", "up:k2", wire::Settlement::kDead, 20);
  EXPECT_EQ(all({.scope = {{"up"}, {}}}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(all({.scope = {{}, {"*:k1"}}}), (std::vector<std::string>{"c", "a"}));
  EXPECT_TRUE(all({.state = NameState::kDead, .scope = {{"other"}, {}}}).empty());
}

TEST_F(Lists, APageLooksAtSoManyAtMost) {
  const std::uint32_t many = SqliteLists::kLookedMax * 2 + 7;
  std::vector<ParkingCall> calls;
  for (std::uint32_t n = 0; n < many; ++n) {
    calls.push_back({n, Put{row("m" + std::to_string(n), "up:big", n), true, StoreTime{1}}});
  }
  calls.push_back({many, Put{row("last", "up:small", 1), true, StoreTime{1}}});
  parking_->apply(calls);
  const Scope small{{}, {"up:small"}};
  const ListPage first = page({.scope = small});
  EXPECT_TRUE(first.messages.empty());
  EXPECT_TRUE(first.next);
  EXPECT_EQ(all({.scope = small}), std::vector<std::string>{"last"});
  EXPECT_EQ(all({.limit = 500}).size(), many + 1U);
}

// Whatever the number of rows, a page reads an index from its place on: no scan, no sorting.
TEST_F(Lists, TheirQuestionsAreAnsweredByIndexes) {
  const std::string plans = *lists_->plans();
  EXPECT_EQ(plans.find("SCAN"), plans.find("SCAN (subquery")) << plans;
  EXPECT_EQ(plans.find("TEMP B-TREE"), std::string::npos) << plans;
  for (const char* index : {"rows_in_order", "names_to_forget", "INTEGER PRIMARY KEY"}) {
    EXPECT_NE(plans.find(index), std::string::npos) << plans;
  }
}

TEST(ListCursor, OnlyOursAreRead) {
  for (const char* wrong : {"", "w", "w1", "w1.", "w1.0..", "x1.0..", "d1.0.00.", "s1.7.zz.",
                            "s1.7.00.", "d01.0..", "d-.0..", "d1.0..0", "d1.0", "s1.7..00z"}) {
    EXPECT_FALSE(read_cursor(wrong)) << wrong;
  }
  const ListCursor waits{ListPhase::kWaiting, "up:k", 7, std::string(16, 'i'), 0};
  EXPECT_EQ(read_cursor(cursor_text(waits)), waits);
  EXPECT_FALSE(fits(waits, {.key = "up:other"}));
  EXPECT_FALSE(fits(waits, {.state = NameState::kDead}));
  EXPECT_FALSE(fits({ListPhase::kDead, {}, 7, {}, 0}, {}));
}

TEST(Scope, Globs) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("up:user-*", "up:user-42"));
  EXPECT_FALSE(glob_matches("up:user-*", "up:use"));
  EXPECT_TRUE(glob_matches("*a*b", "xaxxabxb"));
  EXPECT_FALSE(glob_matches("*a*b", "xaxxabx"));
  EXPECT_TRUE(glob_matches("a?c", "a:c"));
  EXPECT_FALSE(glob_matches("a?c", "ac"));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_FALSE(glob_matches("[a]", "a"));  // no classes: keys may hold brackets
  const std::string hard(256, 'a');
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*a*a*b", hard));
}

}  // namespace
}  // namespace sluice::ingest
