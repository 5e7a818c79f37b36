// The conformance suite of where replies are kept, next to that of parking: what a settlement
// writes belongs to it. Traits as in parking_suite.h, and `ReplyStore& replies()`.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ingest/replies.h"
#include "tests/ingest/parking_suite.h"

namespace sluice::ingest::suite {

inline wire::Offer wanting(const std::string& id, const std::string& url) {
  wire::Offer offer = row(id, "k", 1);
  offer.reply_to = url;
  return offer;
}

template <class Traits>
class RepliesSuite : public testing::Test {
 protected:
  void put(const wire::Offer& offer) { store_.apply(Put{offer, true, StoreTime{2'000}}); }
  void settle(const wire::Offer& offer, std::int64_t at_us,
              wire::Settlement how = wire::Settlement::kDelivered) {
    wire::Settled word = settled(offer, how);
    word.at = StoreTime{at_us};
    word.answer = std::string("\0\xff!", 3);
    store_.apply(SettleRow{word, StoreTime{100'000}});
  }
  std::vector<Reply> due(std::int64_t now_us, std::uint32_t count = 100) {
    return store_.replies().due("https://h.example", StoreTime{now_us}, count).value();
  }
  std::vector<std::string> ids(const std::vector<Reply>& replies) {
    std::vector<std::string> found;
    for (const Reply& reply : replies) found.push_back(reply.id);
    return found;
  }
  Traits store_;
};

TYPED_TEST_SUITE_P(RepliesSuite);

using Ids = std::vector<std::string>;

TYPED_TEST_P(RepliesSuite, ASettlementIsToBeToldFromItsTimeOn) {
  const wire::Offer one = wanting("a", "https://h.example/x");
  this->put(one);
  EXPECT_TRUE(this->due(1'000'000).empty()) << "it waits";
  this->settle(one, 5'000, wire::Settlement::kDead);
  EXPECT_TRUE(this->due(4'999).empty());
  const auto due = this->due(5'000);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].url, "https://h.example/x");
  EXPECT_EQ(due[0].host, "https://h.example");
  EXPECT_EQ(due[0].source, "embedded");
  EXPECT_EQ(due[0].first_seen, one.first_seen);
  EXPECT_EQ(due[0].settled.identity, one.identity);
  EXPECT_EQ(due[0].settled.settlement, wire::Settlement::kDead);
  EXPECT_EQ(due[0].settled.reason, "attempts");
  EXPECT_EQ(due[0].settled.answer, std::string("\0\xff!", 3));
  EXPECT_EQ(due[0].tries, 0U);
  EXPECT_EQ(this->store_.replies().waiting().value(), 1U);
}

TYPED_TEST_P(RepliesSuite, WhoWantsNoReplyGetsNone) {
  this->put(row("a", "k", 1));
  this->settle(row("a", "k", 1), 5'000);
  EXPECT_EQ(this->store_.replies().waiting().value(), 0U);
}

TYPED_TEST_P(RepliesSuite, OneSettlementIsOneReply) {
  const wire::Offer one = wanting("a", "https://h.example/x");
  this->put(one);
  this->put(one);
  this->settle(one, 5'000);
  this->settle(one, 6'000);
  ASSERT_EQ(this->due(9'000).size(), 1U);
  EXPECT_EQ(this->due(9'000)[0].settled.at, StoreTime{5'000});
}

TYPED_TEST_P(RepliesSuite, AnotherHostsAreNotDueHere) {
  this->put(wanting("a", "https://other.example/x"));
  this->settle(wanting("a", ""), 5'000);
  EXPECT_TRUE(this->due(9'000).empty());
  EXPECT_EQ(this->store_.replies().due("https://other.example", StoreTime{9'000}, 9)->size(), 1U);
}

TYPED_TEST_P(RepliesSuite, TheLongestDueComeFirst) {
  for (const char* id : {"c", "a", "b"}) {
    this->put(wanting(id, "https://h.example/x"));
    this->settle(wanting(id, ""), 5'000 + id[0]);
  }
  EXPECT_EQ(this->ids(this->due(9'000, 2)), (Ids{"a", "b"}));
  const ReplyNote later{this->due(9'000)[0].number, false, 1, StoreTime{8'000}};
  ASSERT_TRUE(this->store_.replies().note({&later, 1}).ok());
  EXPECT_EQ(this->ids(this->due(9'000)), (Ids{"b", "c", "a"}));
  EXPECT_EQ(this->ids(this->due(7'999)), (Ids{"b", "c"}));
  EXPECT_EQ(this->due(9'000).back().tries, 1U);
}

TYPED_TEST_P(RepliesSuite, WhatIsOverIsGone) {
  this->put(wanting("a", "https://h.example/x"));
  this->settle(wanting("a", ""), 5'000);
  const ReplyNote over{this->due(9'000)[0].number, true, 1, StoreTime{}};
  ASSERT_TRUE(this->store_.replies().note({&over, 1}).ok());
  ASSERT_TRUE(this->store_.replies().note({&over, 1}).ok()) << "said again";
  EXPECT_EQ(this->store_.replies().waiting().value(), 0U);
}

TYPED_TEST_P(RepliesSuite, TheOldOnesAreFoundByTheirSettlementWhateverTheirHost) {
  this->put(wanting("young", "https://h.example/x"));
  this->put(wanting("old", "https://other.example/x"));
  this->put(wanting("waits", "https://h.example/x"));
  this->settle(wanting("young", ""), 6'000);
  this->settle(wanting("old", ""), 5'000);
  auto before = [&](std::int64_t us, std::uint32_t count = 9) {
    return this->ids(this->store_.replies().settled_before(StoreTime{us}, count).value());
  };
  EXPECT_EQ(before(5'000), Ids{});
  EXPECT_EQ(before(6'000), Ids{"old"});
  EXPECT_EQ(before(6'001), (Ids{"old", "young"}));
  EXPECT_EQ(before(6'001, 1), Ids{"old"});
}

REGISTER_TYPED_TEST_SUITE_P(RepliesSuite, ASettlementIsToBeToldFromItsTimeOn,
                            WhoWantsNoReplyGetsNone, OneSettlementIsOneReply,
                            AnotherHostsAreNotDueHere, TheLongestDueComeFirst, WhatIsOverIsGone,
                            TheOldOnesAreFoundByTheirSettlementWhateverTheirHost);

}  // namespace sluice::ingest::suite
