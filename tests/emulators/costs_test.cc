// Costs in DynamoDB, while something between here and there goes wrong.
#include <set>

#include "auditor/dynamo_costs.h"
#include "auditor/split_ledger.h"
#include "auditor/uses.h"
#include "auditor/verbs.h"
#include "lib/digest/digest.h"
#include "tests/auditor/world.h"
#include "tests/emulators/proxy.h"
#include "tests/emulators/rig.h"

namespace sluice::auditor {
namespace {

using Fates = std::deque<Fate>;

class CostsTest : public aws::EmulatorTest {
 protected:
  void SetUp() override {
    EmulatorTest::SetUp();
    if (session_ == nullptr) return;
    proxy_ = std::make_unique<Proxy>(poller_, url_of(emulator()));
    auto opened = aws::Session::open(poller_, {"us-east-1", proxy_->url()}, kUses);
    ASSERT_TRUE(opened.ok());
    proxied_ = std::move(*opened);
    table_ = {named("costs")};
    costs_ = costs();
  }
  std::unique_ptr<DynamoCosts> costs(Duration slow = seconds(30)) {
    return std::make_unique<DynamoCosts>(
        table_, DynamoCosts::World{proxied_->client(), proxied_->world(),
                                   [] { return to_hex(port::random_bytes(16)); }, 1, slow});
  }
  void TearDown() override {
    costs_.reset();
    proxied_.reset();
  }
  void create() {
    prepare("dynamodb", "CreateTable", R"({"TableName":")" + table_.name + R"(",
      "BillingMode":"PAY_PER_REQUEST",
      "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},
                              {"AttributeName":"sk","AttributeType":"S"}],
      "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},
                   {"AttributeName":"sk","KeyType":"RANGE"}]})");
  }
  // "" or why not.
  std::string book(std::vector<wire::Cost> costs, Fates fates = {}) {
    proxy_->next(std::move(fates));
    std::optional<std::string> said;
    costs_->book(std::move(costs),
                 [&](const Status& how) { said = how.ok() ? "" : how.error().what; });
    run_until([&] { return said.has_value(); });
    return said.value_or("never answered");
  }
  DynamoCosts::Known look(std::vector<std::string> events, std::vector<std::string> months,
                          Fates fates = {}) {
    proxy_->next(std::move(fates));
    std::optional<DynamoCosts::Known> found;
    costs_->look(std::move(events), std::move(months), [&](Result<DynamoCosts::Known> known) {
      found = known.ok() ? std::move(*known) : DynamoCosts::Known{};
    });
    run_until([&] { return found.has_value(); });
    return found.value_or(DynamoCosts::Known{});
  }
  std::int64_t november() {
    const auto months = look({}, {"2026-11"}).months;
    return months.size() == 1 && months[0].size() == 1 ? months[0][0].amount_nano : -1;
  }
  static std::vector<wire::Cost> some(int first, int last) {
    std::vector<wire::Cost> costs;
    for (int n = first; n < last; ++n) costs.push_back(cost_of(n, 1));
    return costs;
  }

  CostTable table_;
  std::unique_ptr<Proxy> proxy_;
  std::unique_ptr<aws::Session> proxied_;
  std::unique_ptr<DynamoCosts> costs_;
};
INSTANTIATE_TEST_SUITE_P(On, CostsTest, testing::Values(Emulator::kMoto, Emulator::kDynamoDbLocal),
                         aws::emulator_name);

TEST_P(CostsTest, EachIsBookedOnceHoweverOftenItIsSaid) {
  create();
  EXPECT_EQ(book(some(0, 120)), "");
  EXPECT_EQ(november(), 120);
  EXPECT_EQ(book(some(100, 130)), "");  // some are known
  EXPECT_EQ(november(), 130);
  EXPECT_EQ(book(some(0, 130)), "");
  EXPECT_EQ(november(), 130);
  const auto known = look({"event-5", "event-500"}, {"2026-11", "2026-12"});
  ASSERT_EQ(known.events.size(), 2u);
  EXPECT_EQ(known.events[0], cost_of(5, 1).content_hash);
  EXPECT_EQ(known.events[1], "");
  ASSERT_EQ(known.months.size(), 2u);
  EXPECT_TRUE(known.months[1].empty());
}

TEST_P(CostsTest, WhateverHappensOnTheWay) {
  create();
  int next = 0;
  for (const Fate fate : {Fate::kTrouble, Fate::kTroubleLate, Fate::kThrottled, Fate::kTwice,
                          Fate::kLate, Fate::kAnswerLost}) {
    EXPECT_EQ(book(some(next, next + 3), {fate}), "") << static_cast<int>(fate);
    next += 3;
    EXPECT_EQ(november(), next) << static_cast<int>(fate);
  }
  // It gives up, and says so; said again it is right.
  EXPECT_NE(book(some(next, next + 3), {Fate::kTroubleLate, Fate::kTrouble, Fate::kTrouble}), "");
  EXPECT_EQ(book(some(next, next + 3)), "");
  EXPECT_EQ(november(), next + 3);
}

TEST_P(CostsTest, ManyAreLookedUpAHundredAtATime) {
  create();
  EXPECT_EQ(book(some(0, 150)), "");
  std::vector<std::string> events;
  for (int n = 0; n < 250; ++n) events.push_back("event-" + std::to_string(n));
  const auto known = look(events, {});
  ASSERT_EQ(known.events.size(), 250u);
  for (std::size_t n = 0; n < 250; ++n) EXPECT_EQ(known.events[n].empty(), n >= 150) << n;
}

TEST_P(CostsTest, ASlowTableHasWhatWasBookedByThen) {
  create();
  costs_ = costs(milliseconds(200));
  const Fates late(3, Fate::kLate);
  EXPECT_EQ(book(some(0, 120), late), "TransactWriteItems: the table is slow");
  costs_ = costs();
  EXPECT_EQ(november(), 50);
  EXPECT_EQ(book(some(0, 120)), "");
  EXPECT_EQ(november(), 120);
}

// Whoever says the next one has given up the one before.
TEST_P(CostsTest, ABookingThatWasGivenUpIsNotAnswered) {
  create();
  proxy_->next({Fate::kLost});
  const std::size_t before = proxy_->requests();
  bool answered = false;
  costs_->book(some(0, 120), [&](const Status&) { answered = true; });
  run_until([&] { return proxy_->requests() > before; });
  EXPECT_EQ(book(some(0, 130)), "");
  EXPECT_EQ(november(), 130);
  EXPECT_FALSE(answered);
}

TEST_P(CostsTest, ATableThatIsNotThereIsSaid) {
  EXPECT_NE(book(some(0, 1)).find("ResourceNotFoundException"), std::string::npos);
}

TEST_P(CostsTest, PeopleReadTheMonth) {
  create();
  std::vector<wire::Cost> costs = some(0, 4);
  costs[1].agent = "reader";
  costs[2].at = costs[2].at + hours(24);
  costs[3].at = costs[3].at + hours(24 * 30);
  EXPECT_EQ(book(costs), "");
  const auto rows = costs_of_table(table_.name, {"us-east-1", url_of(emulator())}, "2026-11");
  ASSERT_TRUE(rows.ok()) << rows.error().what;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].agent, "reader");
  EXPECT_EQ((*rows)[1].agent, "writer");
  EXPECT_EQ((*rows)[1].events, 2);
  EXPECT_EQ((*rows)[1].amount_nano, 2);
}

TEST_P(CostsTest, TheHalvesOfALedgerAreOne) {
  FakeLedger local;
  port::Log log{{"test", port::Level::kError}};
  SplitLedger ledger([&](const LedgerCall& call) { return local.answer(call); }, *costs_, log);
  const auto ask = [&](LedgerCall call) {
    std::optional<LedgerReply> reply;
    ledger.perform({7, std::move(call)}, [&](LedgerReply said) { reply = std::move(said); });
    run_until([&] { return reply.has_value(); });
    EXPECT_EQ(reply->call_id, 7u);
    return reply->answer;
  };
  const LedgerLook look{{"record"}, {"key"}, {"event-1"}, {"2026-11"}};
  const auto away = std::get<LedgerFound>(ask(look));
  EXPECT_FALSE(away.knows_costs);
  EXPECT_EQ(away.secrets.size(), 1u);
  EXPECT_FALSE(ledger.trouble().empty());
  LedgerBook book;
  book.costs = {cost_of(1, 5)};
  book.records = {{"record", 3}};
  EXPECT_FALSE(std::get<LedgerBooked>(ask(book)).has_costs);
  EXPECT_TRUE(local.records.contains("record"));
  create();
  EXPECT_TRUE(std::get<LedgerBooked>(ask(book)).has_costs);
  EXPECT_TRUE(local.events.empty());
  const auto found = std::get<LedgerFound>(ask(look));
  EXPECT_TRUE(found.knows_costs);
  EXPECT_EQ(found.records, std::vector<bool>{true});
  EXPECT_EQ(found.events, std::vector<std::string>{cost_of(1, 5).content_hash});
  EXPECT_EQ(found.months[0][0].amount_nano, 5);
  EXPECT_TRUE(ledger.trouble().empty());
}

}  // namespace
}  // namespace sluice::auditor
