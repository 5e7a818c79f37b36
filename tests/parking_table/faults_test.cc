// What happens to rows, names and counts when answers are lost, others write, and much comes at
// once.
#include <algorithm>
#include <set>

#include "tests/emulators/proxy.h"
#include "tests/ingest/memory_parking.h"
#include "tests/ingest/parking_suite.h"
#include "tests/parking_table/table.h"

namespace sluice::ingest {
namespace {

using Fates = std::deque<Fate>;
using suite::row;
using suite::settled;

class ParkingTable : public testing::TestWithParam<Emulator> {
 protected:
  void SetUp() override {
    if (const std::string why = why_absent(GetParam()); !why.empty()) GTEST_SKIP() << why;
    table_ = fresh_table();
    proxy_ = std::make_unique<Proxy>(poller_, url_of(GetParam()));
    first_ = std::make_unique<TableLife>(poller_, proxy_->url(), table_);
    first_->create();
    second_ = std::make_unique<TableLife>(poller_, url_of(GetParam()), table_);
  }
  // The rows that are there, and whether all that is counted is them.
  std::size_t rows_of(const std::string& key) {
    const auto head = std::get<HeadAnswer>(second_->apply(ReadHead{key, 10'000, 1U << 30U}));
    EXPECT_EQ(head.key.count, head.rows.size());
    EXPECT_EQ(head.key.head_order, head.rows.empty() ? 0 : head.rows.front().order);
    return head.rows.size();
  }
  static Put put(const std::string& id, std::int64_t order, const std::string& key = "k") {
    return {row(id, key, order), true, StoreTime{2'000}};
  }
  port::Poller poller_;
  std::string table_;
  std::unique_ptr<Proxy> proxy_;
  std::unique_ptr<TableLife> first_;
  std::unique_ptr<TableLife> second_;
};
INSTANTIATE_TEST_SUITE_P(On, ParkingTable,
                         testing::Values(Emulator::kMoto, Emulator::kTiny,
                                         Emulator::kDynamoDbLocal),
                         [](const auto& each) { return name_of(each.param); });

// Every request of a put and of a settlement in turn goes wrong after it was done.
TEST_P(ParkingTable, WhatIsDoneWithoutAnAnswerIsCountedOnce) {
  for (const std::size_t which : {0U, 1U}) {
    const std::string id = "a" + std::to_string(which);
    Fates fates(which, Fate::kPass);
    fates.push_back(Fate::kTroubleLate);
    proxy_->next(fates);
    const auto put_end = first_->apply(put(id, 10));
    ASSERT_TRUE(std::holds_alternative<PutAnswer>(put_end)) << which;
    EXPECT_EQ(std::get<PutAnswer>(put_end).key.count, which + 1) << which;
    EXPECT_EQ(rows_of("k"), which + 1);
  }
  for (const std::size_t which : {0U, 1U, 2U}) {
    Fates fates(which, Fate::kPass);
    fates.push_back(Fate::kTroubleLate);
    proxy_->next(fates);
    const SettleRow end{settled(row("a0", "k", 10), wire::Settlement::kDead), StoreTime{100'000}};
    EXPECT_TRUE(std::holds_alternative<SettleAnswer>(first_->apply(end))) << which;
    EXPECT_EQ(rows_of("k"), 1U);
  }
}

// Nobody is told how it ended; who says it again is told, and nothing is counted twice.
TEST_P(ParkingTable, WhatHasFailedMayBeDoneAndIsSaidAgain) {
  const Fates lost{Fate::kPass, Fate::kTroubleLate, Fate::kTroubleLate, Fate::kTroubleLate};
  proxy_->next(lost);
  const auto failed = first_->apply(put("a", 10));
  const auto again = first_->apply(put("a", 10));
  ASSERT_TRUE(std::holds_alternative<PutAnswer>(again));
  EXPECT_EQ(std::get<PutAnswer>(again).end, PutEnd::kSame);
  EXPECT_EQ(std::get<PutAnswer>(again).key.count, 1U);
  EXPECT_EQ(rows_of("k"), 1U);
  // moto knows no tokens: there its conditions say that it was done.
  EXPECT_TRUE(GetParam() == Emulator::kMoto || std::holds_alternative<PutAnswer>(failed) ||
              std::holds_alternative<ParkingFailed>(failed));
}

// By the proxy: whichever it is in front of.
class ThrottledTable : public ParkingTable {};
INSTANTIATE_TEST_SUITE_P(On, ThrottledTable, testing::Values(Emulator::kMoto, Emulator::kTiny),
                         [](const auto& each) { return name_of(each.param); });

TEST_P(ThrottledTable, WhatIsThrottledIsDoneLater) {
  proxy_->next({Fate::kThrottled, Fate::kPass, Fate::kThrottled, Fate::kBusy});
  EXPECT_EQ(std::get<PutAnswer>(first_->apply(put("a", 10))).end, PutEnd::kCreated);
  proxy_->next({Fate::kThrottled, Fate::kThrottled, Fate::kThrottled});
  const auto never = first_->apply(put("b", 10));
  ASSERT_TRUE(std::holds_alternative<ParkingFailed>(never));
  EXPECT_FALSE(std::get<ParkingFailed>(never).alone);
  EXPECT_EQ(rows_of("k"), 1U);
}

TEST_P(ParkingTable, WhatNoRowCanHoldIsSaid) {
  wire::Offer large = row("a", "k", 1, std::string(wire::kBodyMax, 'x'));
  for (int n = 0; n < 20; ++n) {
    large.request.headers.push_back({"h-" + std::to_string(n), std::string(8'000, 'y')});
  }
  const auto answer = std::get<PutAnswer>(first_->apply(Put{large, true, StoreTime{1}}));
  EXPECT_EQ(answer.end, PutEnd::kTooLarge);
  EXPECT_EQ(rows_of("k"), 0U);
  EXPECT_EQ(std::get<PutAnswer>(first_->apply(put("a", 1))).end, PutEnd::kCreated);
}

TEST_P(ParkingTable, RowsThatNoPageHoldsComeInOrder) {
  for (int n = 0; n < 9; ++n) {
    const std::string id = "a" + std::to_string(n);
    const wire::Offer large = row(id, "k", 100 - n, std::string(200'000, 'x'));
    const auto created = first_->apply(Put{large, true, StoreTime{1}});
    ASSERT_EQ(std::get<PutAnswer>(created).end, PutEnd::kCreated);
  }
  const auto head = std::get<HeadAnswer>(second_->apply(ReadHead{"k", 9, 1U << 30U}));
  std::string ids;
  for (const wire::Offer& one : head.rows) ids += one.id;
  EXPECT_EQ(ids, "a8a7a6a5a4a3a2a1a0");
  EXPECT_FALSE(head.more);
}

// moto's transactions undo what others have done meanwhile: it can say nothing of two at once.
class TwoAtOnce : public ParkingTable {};
INSTANTIATE_TEST_SUITE_P(On, TwoAtOnce, testing::Values(Emulator::kTiny, Emulator::kDynamoDbLocal),
                         [](const auto& each) { return name_of(each.param); });

// Two processes that both take themselves for the store: they are in each other's way, not wrong.
TEST_P(TwoAtOnce, TwoLivesOfAStoreCountAlike) {
  std::vector<Call> ones;
  std::vector<Call> others;
  for (int n = 0; n < 20; ++n) {
    ones.push_back(put("a" + std::to_string(n), 100 - n));
    others.push_back(put("b" + std::to_string(n), 50 + n));
    others.push_back(put("a" + std::to_string(n), 100 - n));
  }
  const std::uint64_t one = first_->last_id() + 1;
  const std::uint64_t other = second_->last_id() + 1;
  first_->start_all(ones);
  second_->start_all(others);
  const auto say_again = [](TableLife& life, std::uint64_t id, const Call& call) {
    for (ParkingAnswer answer = life.await(id); !std::holds_alternative<PutAnswer>(answer);) {
      answer = life.apply(call);
    }
  };
  for (std::size_t n = 0; n < ones.size(); ++n) say_again(*first_, one + n, ones[n]);
  for (std::size_t n = 0; n < others.size(); ++n) say_again(*second_, other + n, others[n]);
  EXPECT_EQ(rows_of("k"), 40U);
}

// A row is said to be new once, whoever reads it at the same time.
TEST_P(TwoAtOnce, ARowIsNewOnce) {
  for (int n = 0; n < 5; ++n) first_->apply(put("a" + std::to_string(n), n));
  const std::uint64_t one = first_->start(ReadHead{"k", 5, 1U << 20U});
  const std::uint64_t two = first_->start(ReadHead{"k", 5, 1U << 20U});
  const std::uint64_t other = second_->start(ReadHead{"k", 5, 1U << 20U});
  std::map<std::string, int> fresh;
  for (const auto& answer : {first_->await(one), first_->await(two), second_->await(other)}) {
    ASSERT_TRUE(std::holds_alternative<HeadAnswer>(answer));
    for (const wire::Offer& each : std::get<HeadAnswer>(answer).rows) {
      fresh[each.id] += each.offered_before ? 0 : 1;
    }
  }
  ASSERT_EQ(fresh.size(), 5U);
  for (const auto& [id, times] : fresh) EXPECT_EQ(times, 1) << id;
}

// ---- against the oracle

class Medley {
 public:
  explicit Medley(std::uint64_t seed) : chance_(seed) {}
  Call next() {
    const wire::Offer& one = pick();
    switch (chance_.below(9)) {
      case 0:
      case 1:
      case 2: {
        wire::Offer put = one;
        if (chance_.below(8) == 0) put = row(one.id, "other", one.order, "{1}");
        return Put{put, true, now()};
      }
      case 3:
        return SettleRow{settled(one, static_cast<wire::Settlement>(1 + chance_.below(4))),
                         now() + microseconds(static_cast<std::int64_t>(chance_.below(300)))};
      case 4:
        return Reorder{one.identity, static_cast<std::int64_t>(chance_.below(100)), one.key};
      case 5:
        return LookupId{"embedded", one.id, one.key};
      case 6:
        return MarkCancelled{"embedded", one.id};
      case 7:
        return ReadHead{one.key, static_cast<std::uint32_t>(1 + chance_.below(4)), 1U << 20U};
      default:
        return ListKeys{"", static_cast<std::uint32_t>(1 + chance_.below(3))};
    }
  }

 private:
  StoreTime now() { return {2'000 + 10 * ++turn_}; }
  const wire::Offer& pick() {
    const std::size_t n = chance_.below(12);
    const std::string id(1, static_cast<char>('a' + n));
    const auto [found, fresh] = offers_.try_emplace(n);
    if (fresh) found->second = row(id, "k" + std::to_string(n % 3), static_cast<std::int64_t>(n));
    return found->second;
  }
  Prng chance_;
  std::int64_t turn_ = 0;
  std::map<std::size_t, wire::Offer> offers_;
};

std::string text_of(const KeyFacts& key) {
  return key.key + " " + std::to_string(key.count) + " " + std::to_string(key.head_order);
}
std::string text_of(const Name& name) {
  return name.id + " " + name.key + " " + std::to_string(static_cast<int>(name.state)) +
         (name.cancelled ? " cancelled" : "") + " " + name.reason;
}
std::string text_of(const std::vector<wire::Offer>& rows) {
  std::string text;
  for (const wire::Offer& one : rows) {
    text += " " + one.id + "@" + std::to_string(one.order) + (one.offered_before ? "o" : "") +
            (one.cancelled ? "c" : "");
  }
  return text;
}
// What both must say. Of a key that is not the row's the table does not say more than its name.
std::string text_of(const ParkingAnswer& answer) {
  if (const auto* put = std::get_if<PutAnswer>(&answer)) {
    const std::string key = put->end == PutEnd::kOther ? "" : text_of(put->key);
    return "put " + std::to_string(static_cast<int>(put->end)) + text_of(put->name) + key;
  }
  if (const auto* head = std::get_if<HeadAnswer>(&answer)) {
    return "head" + text_of(head->rows) + (head->more ? " more " : " ") + text_of(head->key);
  }
  if (const auto* settle = std::get_if<SettleAnswer>(&answer)) {
    return "settle " + std::to_string(static_cast<int>(settle->end)) + text_of(settle->key);
  }
  if (const auto* reorder = std::get_if<ReorderAnswer>(&answer)) {
    return "reorder " + std::to_string(reorder->there ? 1 : 0) + text_of(reorder->key);
  }
  if (const auto* lookup = std::get_if<LookupAnswer>(&answer)) {
    return "lookup " + (lookup->name ? text_of(*lookup->name) : "") + " " +
           (lookup->ahead ? std::to_string(*lookup->ahead) : "-") + text_of(lookup->key);
  }
  if (const auto* cancel = std::get_if<CancelAnswer>(&answer)) {
    return "cancel " + (cancel->name ? text_of(*cancel->name) : "") +
           (cancel->row ? text_of(std::vector{*cancel->row}) : "");
  }
  if (const auto* keys = std::get_if<KeysAnswer>(&answer)) {
    std::string text = keys->more ? "more" : "all";
    for (const KeyFacts& key : keys->keys) text += " | " + text_of(key);
    return text;
  }
  if (const auto* failed = std::get_if<ParkingFailed>(&answer)) return "failed " + failed->what;
  return "another";
}

TEST_P(ParkingTable, AnswersAsTheOracleDoes) {
  const std::map<Emulator, int> fewer = {{Emulator::kMoto, 150}, {Emulator::kDynamoDbLocal, 500}};
  const int calls = fewer.contains(GetParam()) ? fewer.at(GetParam()) : 1'500;
  MemoryParking oracle;
  Medley medley(7);
  for (int n = 0; n < calls; ++n) {
    const Call call = medley.next();
    const std::string right = text_of(oracle.apply(call));
    ASSERT_EQ(text_of(second_->apply(call)), right) << "call " << n << " " << call.index();
  }
}

}  // namespace
}  // namespace sluice::ingest
