// The conformance suite of parking stores: each that ingest may stand on answers alike. A store
// under test is given as a Traits type:
//
//   struct Traits { Traits(); ParkingAnswer apply(const Call& call); };
//
// fresh and empty when made; `static std::string why_absent()` where it may not be there, and
// `kForgetsByItself` where names go without being counted. The simulation's hostile store runs it
// with its hostility off.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "ingest/parking.h"
#include "lib/wire/identity.h"
#include "lib/wire/words.h"

namespace sluice::ingest::suite {

inline wire::Offer row(const std::string& id, const std::string& key, std::int64_t order,
                       const std::string& body = "{}") {
  wire::Offer offer;
  offer.source = "embedded";
  offer.key = key;
  offer.id = id;
  offer.upstream = "onlyfans";
  offer.store = "ingest-1";
  offer.order = order;
  offer.first_seen = StoreTime{1'000 + order};
  offer.expires_at = StoreTime{1'000'000};
  offer.request = {"POST", "/", {{"content-type", "application/json"}}, body};
  offer.identity = wire::identity_of(offer.source, key, id, offer.generation);
  offer.content_hash = wire::content_hash_of(offer.request);
  return offer;
}

inline wire::Settled settled(const wire::Offer& of, wire::Settlement how) {
  const char* reason = how == wire::Settlement::kDead ? "attempts" : "";
  return {of.identity, of.key, of.upstream, how, reason, 200, 1, {5'000}, {}, of.content_hash};
}

template <class Traits>
class ParkingSuite : public testing::Test {
 protected:
  void SetUp() override {
    if constexpr (requires { Traits::why_absent(); }) {
      if (const std::string why = Traits::why_absent(); !why.empty()) GTEST_SKIP() << why;
    }
  }
  template <class Answer>
  Answer ask(const Call& call) {
    ParkingAnswer answer = store_.apply(call);
    if (const auto* failed = std::get_if<ParkingFailed>(&answer)) ADD_FAILURE() << failed->what;
    return std::holds_alternative<Answer>(answer) ? std::get<Answer>(answer) : Answer{};
  }
  PutAnswer put(const wire::Offer& offer, bool id_alone = true, StoreTime now = {2'000}) {
    return ask<PutAnswer>(Put{offer, id_alone, now});
  }
  HeadAnswer head(const std::string& key, std::uint32_t count) {
    return ask<HeadAnswer>(ReadHead{key, count, 1'000'000});
  }
  SettleAnswer settle(const wire::Offer& of, wire::Settlement how = wire::Settlement::kDelivered,
                      bool buried = false) {
    return ask<SettleAnswer>(SettleRow{settled(of, how), StoreTime{100'000}, buried});
  }
  Traits store_;
};

TYPED_TEST_SUITE_P(ParkingSuite);

TYPED_TEST_P(ParkingSuite, PutsOnceAndAnswersWithTheKey) {
  const wire::Offer first = row("a", "k", 10);
  const PutAnswer created = this->put(first);
  EXPECT_EQ(created.end, PutEnd::kCreated);
  EXPECT_EQ(created.name.identity, first.identity);
  EXPECT_EQ(created.name.state, NameState::kWaiting);
  EXPECT_EQ(created.name.first_seen, first.first_seen);
  EXPECT_EQ(created.key.key, "k");
  EXPECT_EQ(created.key.upstream, "onlyfans");
  EXPECT_EQ(created.key.count, 1U);
  EXPECT_EQ(created.key.head_order, 10);
  const PutAnswer again = this->put(row("a", "k", 99));
  EXPECT_EQ(again.end, PutEnd::kSame);
  EXPECT_EQ(again.name, created.name);
  EXPECT_EQ(again.key.count, 1U);
}

TYPED_TEST_P(ParkingSuite, OtherBytesOrKeyChangeNothing) {
  this->put(row("a", "k", 10));
  EXPECT_EQ(this->put(row("a", "k", 10, "other")).end, PutEnd::kOther);
  const PutAnswer other_key = this->put(row("a", "k2", 10));
  EXPECT_EQ(other_key.end, PutEnd::kOther);
  EXPECT_EQ(other_key.name.key, "k");
  EXPECT_TRUE(this->head("k2", 5).rows.empty());
  EXPECT_EQ(this->head("k", 5).rows.at(0).request.body, "{}");
}

TYPED_TEST_P(ParkingSuite, WithoutIdAloneTheKeyIsPartOfTheName) {
  EXPECT_EQ(this->put(row("a", "k", 10), false).end, PutEnd::kCreated);
  EXPECT_EQ(this->put(row("a", "k2", 10), false).end, PutEnd::kCreated);
  EXPECT_EQ(this->put(row("a", "k", 10), false).end, PutEnd::kSame);
}

TYPED_TEST_P(ParkingSuite, ReadsTheHeadInOrderAndTiesByIdentity) {
  for (const char* id : {"d", "b", "e", "a", "c"}) this->put(row(id, "k", id[0]));
  const wire::Offer tie1 = row("t1", "k", 1);
  const wire::Offer tie2 = row("t2", "k", 1);
  this->put(tie2);
  this->put(tie1);
  const HeadAnswer three = this->head("k", 3);
  ASSERT_EQ(three.rows.size(), 3U);
  EXPECT_EQ(three.rows[0].identity, std::min(tie1.identity, tie2.identity));
  EXPECT_EQ(three.rows[1].identity, std::max(tie1.identity, tie2.identity));
  EXPECT_EQ(three.rows[2].id, "a");
  EXPECT_TRUE(three.more);
  EXPECT_EQ(three.key.count, 7U);
  EXPECT_EQ(three.key.head_order, 1);
  const HeadAnswer all = this->head("k", 7);
  EXPECT_EQ(all.rows.size(), 7U);
  EXPECT_FALSE(all.more);
  const RowPlace first{1, three.rows[0].identity};
  const HeadAnswer rest = this->template ask<HeadAnswer>(ReadHead{"k", 2, 1'000'000, first});
  ASSERT_EQ(rest.rows.size(), 2U);
  EXPECT_EQ(rest.rows[0].identity, three.rows[1].identity);
  EXPECT_EQ(rest.rows[1].id, "a");
  EXPECT_TRUE(rest.more);
}

TYPED_TEST_P(ParkingSuite, TheHeadIsBoundedByBytes) {
  for (const char* id : {"a", "b", "c"}) this->put(row(id, "k", id[0], std::string(100, 'x')));
  const HeadAnswer answer = this->template ask<HeadAnswer>(ReadHead{"k", 10, 1});
  EXPECT_EQ(answer.rows.size(), 1U);
  EXPECT_TRUE(answer.more);
}

TYPED_TEST_P(ParkingSuite, MarksOfferedWithTheFirstRead) {
  this->put(row("a", "k", 1));
  this->put(row("b", "k", 2));
  EXPECT_FALSE(this->head("k", 1).rows.at(0).offered_before);
  const HeadAnswer both = this->head("k", 2);
  EXPECT_TRUE(both.rows.at(0).offered_before);
  EXPECT_FALSE(both.rows.at(1).offered_before);
  EXPECT_TRUE(this->head("k", 2).rows.at(1).offered_before);
}

TYPED_TEST_P(ParkingSuite, GivesBackWhatWasPut) {
  wire::Offer full = row("a", "k", 7, std::string("\0\xff body", 7));
  full.priority = -2;
  full.weight = 3;
  full.cost = 4;
  full.not_before = StoreTime{77};
  full.traceparent = "00-1-2-01";
  full.reply_to = "queue:x";
  full.attempts = 2;
  full.throttles = 9;
  full.offered_before = true;
  this->put(full);
  const wire::Offer back = this->head("k", 1).rows.at(0);
  EXPECT_EQ(back.request, full.request);
  EXPECT_EQ(back.identity, full.identity);
  EXPECT_EQ(back.content_hash, full.content_hash);
  EXPECT_EQ(back.priority, -2);
  EXPECT_EQ(back.weight, 3U);
  EXPECT_EQ(back.cost, 4U);
  EXPECT_EQ(back.not_before, full.not_before);
  EXPECT_EQ(back.expires_at, full.expires_at);
  EXPECT_EQ(back.first_seen, full.first_seen);
  EXPECT_EQ(back.traceparent, full.traceparent);
  EXPECT_EQ(back.reply_to, full.reply_to);
  EXPECT_EQ(back.attempts, 2U);
  EXPECT_EQ(back.throttles, 9U);
  EXPECT_TRUE(back.offered_before);
  EXPECT_EQ(back.origin, wire::Origin::kRow);
  EXPECT_EQ(back.store, "ingest-1");
  EXPECT_EQ(back.order, 7);
}

TYPED_TEST_P(ParkingSuite, SettlementTakesTheRowAndKeepsTheName) {
  const wire::Offer one = row("a", "k", 1);
  this->put(one);
  this->put(row("b", "k", 2));
  const SettleAnswer done = this->settle(one);
  EXPECT_EQ(done.end, SettleEnd::kSettled);
  EXPECT_EQ(done.identity, one.identity);
  EXPECT_EQ(done.key.count, 1U);
  EXPECT_EQ(done.key.head_order, 2);
  EXPECT_EQ(this->settle(one, wire::Settlement::kDead).end, SettleEnd::kBefore);
  const PutAnswer repeat = this->put(one);
  EXPECT_EQ(repeat.end, PutEnd::kSame);
  EXPECT_EQ(repeat.name.state, NameState::kDelivered);
  EXPECT_EQ(repeat.name.status, 200U);
  EXPECT_EQ(repeat.name.settled_at, StoreTime{5'000});
  EXPECT_EQ(this->head("k", 5).rows.size(), 1U);
}

TYPED_TEST_P(ParkingSuite, TheEndOfOtherBytesIsNotTheRows) {
  const wire::Offer one = row("a", "k", 1);
  this->put(one, false);
  EXPECT_EQ(this->settle(row("a", "k", 1, "other")).end, SettleEnd::kOther);
  EXPECT_EQ(this->head("k", 5).rows.size(), 1U);
  EXPECT_EQ(this->settle(one).end, SettleEnd::kSettled);
  EXPECT_EQ(this->settle(row("a", "k", 1, "other")).end, SettleEnd::kOther);
}

// What lost its identity to another message does not stand before that one.
TYPED_TEST_P(ParkingSuite, AnIdentityThatWasLostIsFreeForTheOther) {
  const wire::Offer one = row("a", "k", 1);
  const wire::Offer other = row("a", "k", 1, "other");
  this->put(one, false);
  EXPECT_EQ(this->put(other, false).end, PutEnd::kOther);
  wire::Settled lost = settled(one, wire::Settlement::kDead);
  lost.reason = wire::kIdConflict;
  this->template ask<SettleAnswer>(SettleRow{lost, StoreTime{100'000}});
  EXPECT_EQ(this->put(one, false).end, PutEnd::kSame);
  EXPECT_EQ(this->put(other, true).end, PutEnd::kOther);  // the front door's ids are never free
  EXPECT_EQ(this->put(other, false).end, PutEnd::kCreated);
  EXPECT_EQ(this->head("k", 5).rows.at(0).content_hash, other.content_hash);
  EXPECT_EQ(this->settle(other).end, SettleEnd::kSettled);
}

TYPED_TEST_P(ParkingSuite, SettlingWhatIsNotKnownDoesNothing) {
  EXPECT_EQ(this->settle(row("a", "k", 1)).end, SettleEnd::kUnknown);
  EXPECT_EQ(this->put(row("a", "k", 1)).end, PutEnd::kCreated);
}

TYPED_TEST_P(ParkingSuite, ANameIsForgottenAfterItsTime) {
  const wire::Offer one = row("a", "k", 1);
  this->put(one);
  EXPECT_EQ(this->template ask<ForgetAnswer>(ForgetNames{StoreTime{900'000}, 100}).gone, 0U);
  EXPECT_EQ(this->put(one).end, PutEnd::kSame);  // it waits: no time ends that
  this->settle(one);
  EXPECT_EQ(this->put(one, true, StoreTime{100'000}).end, PutEnd::kSame);
  EXPECT_EQ(this->put(one, true, StoreTime{100'001}).end, PutEnd::kCreated);
  this->settle(one);
  constexpr bool kByItself = requires { TypeParam::kForgetsByItself; };
  const auto forgot = this->template ask<ForgetAnswer>(ForgetNames{StoreTime{100'001}, 100});
  EXPECT_EQ(forgot.gone, kByItself ? 0U : 1U);
  EXPECT_FALSE(this->template ask<LookupAnswer>(LookupId{"embedded", "a", "k"}).name);
}

TYPED_TEST_P(ParkingSuite, ReordersARow) {
  const wire::Offer one = row("a", "k", 1);
  this->put(one);
  this->put(row("b", "k", 2));
  const auto moved = this->template ask<ReorderAnswer>(Reorder{one.identity, 3, "k"});
  EXPECT_TRUE(moved.there);
  EXPECT_EQ(moved.key.head_order, 2);
  const HeadAnswer rows = this->head("k", 2);
  EXPECT_EQ(rows.rows.at(0).id, "b");
  EXPECT_EQ(rows.rows.at(1).id, "a");
  EXPECT_EQ(rows.rows.at(1).order, 3);
  EXPECT_FALSE(this->template ask<ReorderAnswer>(Reorder{row("x", "k", 1).identity, 3, "k"}).there);
}

TYPED_TEST_P(ParkingSuite, LooksUpByIdWithItsPlace) {
  for (const char* id : {"a", "b", "c"}) this->put(row(id, "k", id[0]));
  const auto third = this->template ask<LookupAnswer>(LookupId{"embedded", "c", {}});
  ASSERT_TRUE(third.name);
  EXPECT_EQ(third.name->key, "k");
  EXPECT_EQ(third.ahead, 2U);
  EXPECT_EQ(third.key.count, 3U);
  const auto none = this->template ask<LookupAnswer>(LookupId{"embedded", "x", "k"});
  EXPECT_FALSE(none.name);
  EXPECT_EQ(none.key.count, 3U);
  EXPECT_FALSE(this->template ask<LookupAnswer>(LookupId{"sqs", "a", "k"}).name);
}

TYPED_TEST_P(ParkingSuite, CancelMarksNameAndRow) {
  const wire::Offer one = row("a", "k", 1);
  this->put(one);
  const auto marked = this->template ask<CancelAnswer>(MarkCancelled{"embedded", "a"});
  ASSERT_TRUE(marked.name && marked.row);
  EXPECT_TRUE(marked.name->cancelled);
  EXPECT_EQ(marked.name->state, NameState::kWaiting);
  EXPECT_TRUE(marked.row->cancelled);
  EXPECT_TRUE(this->head("k", 1).rows.at(0).cancelled);
  EXPECT_TRUE(this->head("k", 1).rows.at(0).offered_before);
  this->settle(one, wire::Settlement::kCancelled);
  const auto late = this->template ask<CancelAnswer>(MarkCancelled{"embedded", "a"});
  ASSERT_TRUE(late.name);
  EXPECT_EQ(late.name->state, NameState::kCancelled);
  EXPECT_FALSE(late.row);
  EXPECT_FALSE(this->template ask<CancelAnswer>(MarkCancelled{"embedded", "x"}).name);
}

TYPED_TEST_P(ParkingSuite, ListsKeysInPages) {
  for (const char* key : {"k3", "k1", "k2"}) {
    this->put(row(std::string("a") + key, key, 5));
    this->put(row(std::string("b") + key, key, 4));
  }
  const auto page = this->template ask<KeysAnswer>(ListKeys{"", 2});
  ASSERT_EQ(page.keys.size(), 2U);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.keys[0].key, "k1");
  EXPECT_EQ(page.keys[0].count, 2U);
  EXPECT_EQ(page.keys[0].head_order, 4);
  EXPECT_EQ(page.keys[0].upstream, "onlyfans");
  const auto rest = this->template ask<KeysAnswer>(ListKeys{"k2", 2});
  ASSERT_EQ(rest.keys.size(), 1U);
  EXPECT_FALSE(rest.more);
  EXPECT_EQ(rest.keys[0].key, "k3");
}

TYPED_TEST_P(ParkingSuite, AKeyWithoutRowsIsNotListed) {
  const wire::Offer one = row("a", "k", 1);
  this->put(one);
  this->settle(one);
  EXPECT_TRUE(this->template ask<KeysAnswer>(ListKeys{"", 10}).keys.empty());
}

TYPED_TEST_P(ParkingSuite, HoldsComeBackWithTheKey) {
  const wire::Hold pause{wire::HoldKind::kPause, StoreTime{0}, "ann"};
  this->template ask<Acknowledged>(SetHolds{"k", "onlyfans", {pause}});
  const auto alone = this->template ask<KeysAnswer>(ListKeys{"", 10});
  ASSERT_EQ(alone.keys.size(), 1U);
  EXPECT_EQ(alone.keys[0].count, 0U);
  const PutAnswer put = this->put(row("a", "k", 1));
  ASSERT_EQ(put.key.holds.size(), 1U);
  EXPECT_EQ(put.key.holds[0].kind, wire::HoldKind::kPause);
  EXPECT_EQ(put.key.holds[0].by, "ann");
  this->template ask<Acknowledged>(SetHolds{"k", "onlyfans", {}});
  EXPECT_TRUE(this->head("k", 1).key.holds.empty());
  EXPECT_EQ(this->head("k", 1).rows.size(), 1U);
}

TYPED_TEST_P(ParkingSuite, ListsWhatNeedsNoTurn) {
  wire::Offer expired = row("a", "k", 1);
  expired.expires_at = StoreTime{3'000};
  this->put(expired);
  this->put(row("b", "k", 2));
  this->put(row("c", "k", 3));
  this->template ask<CancelAnswer>(MarkCancelled{"embedded", "c"});
  const auto page = [this](StoreTime now, const EndingPlace& after, std::uint32_t count) {
    return this->template ask<EndingAnswer>(ListEnding{now, after, count, 9'999});
  };
  EXPECT_EQ(page(StoreTime{2'999}, {}, 9).rows.size(), 1U);
  const EndingAnswer both = page(StoreTime{3'000}, {}, 9);
  EXPECT_EQ(both.rows.size(), 2U);
  EXPECT_FALSE(both.next);
  const EndingAnswer first = page(StoreTime{3'000}, {}, 1);
  ASSERT_EQ(first.rows.size(), 1U);
  ASSERT_TRUE(first.next);
  const EndingAnswer rest = page(StoreTime{3'000}, *first.next, 1);
  ASSERT_EQ(rest.rows.size(), 1U);
  EXPECT_FALSE(rest.next);
  EXPECT_NE(rest.rows[0].id, first.rows[0].id);
  EXPECT_TRUE(rest.rows[0].offered_before);
}

// What goes in order stands behind all of its key that does, whatever order it comes with.
TYPED_TEST_P(ParkingSuite, GivesRowsThatGoInOrderTheirOrder) {
  const auto in_order = [](const char* id, std::int64_t order) {
    wire::Offer one = row(id, "k", order);
    one.in_order = true;
    return one;
  };
  EXPECT_EQ(this->put(in_order("a", 50), false).key.head_order, 50);
  this->put(in_order("b", 20), false);
  this->put(in_order("c", 51), false);
  this->put(in_order("d", 90), false);
  this->put(in_order("e", 90), false);
  this->put(row("x", "k", 10));
  this->put(row("y", "k", 1'000));
  this->put(in_order("f", 30), false);
  EXPECT_EQ(this->put(in_order("a", 99), false).end, PutEnd::kSame);
  std::string ids;
  std::vector<std::int64_t> orders;
  for (const wire::Offer& one : this->head("k", 99).rows) {
    ids += one.id;
    orders.push_back(one.order);
  }
  EXPECT_EQ(ids, "xabcdefy");
  EXPECT_EQ(orders, (std::vector<std::int64_t>{10, 50, 51, 52, 90, 91, 92, 1'000}));
  EXPECT_TRUE(this->head("k", 2).rows.at(1).in_order);
}

// Also while others of its key have gone, and in keys of their own.
TYPED_TEST_P(ParkingSuite, TheOrderOfRowsGrowsWhileTheKeyHasAny) {
  const auto put = [this](const char* id, const char* key, std::int64_t order) {
    wire::Offer one = row(id, key, order);
    one.in_order = true;
    this->put(one, false);
    return one;
  };
  const wire::Offer first = put("a", "k", 50);
  put("b", "k", 40);
  this->settle(first);
  put("c", "k", 30);
  put("d", "other", 7);
  EXPECT_EQ(this->head("k", 9).rows.at(0).order, 51);
  EXPECT_EQ(this->head("k", 9).rows.at(1).order, 52);
  EXPECT_EQ(this->head("other", 9).rows.at(0).order, 7);
}

TYPED_TEST_P(ParkingSuite, WhatGoesInOrderIsNotReordered) {
  wire::Offer one = row("a", "k", 1);
  one.in_order = true;
  this->put(one, false);
  this->put(row("b", "k", 2));
  EXPECT_TRUE(this->template ask<ReorderAnswer>(Reorder{one.identity, 3, "k"}).there);
  EXPECT_EQ(this->head("k", 2).rows.at(0).id, "a");
  EXPECT_EQ(this->head("k", 2).rows.at(0).order, 1);
}

TYPED_TEST_P(ParkingSuite, ADeadRowHoldsItsKeyIfItSaysSo) {
  for (const bool stops : {true, false}) {
    const std::string key = stops ? "k" : "other";
    wire::Offer one = row("a", key, 1);
    one.in_order = true;
    one.stops_dead = stops;
    this->put(one, false);
    const SettleAnswer done = this->settle(one, wire::Settlement::kDead);
    EXPECT_EQ(done.stopped, stops);
    EXPECT_EQ(done.key.holds.size(), stops ? 1U : 0U);
    if (!stops) continue;
    EXPECT_EQ(done.key.holds[0].kind, wire::HoldKind::kPause);
    EXPECT_EQ(done.key.holds[0].by, wire::kDeadMessage);
    EXPECT_EQ(done.key.holds[0].until, StoreTime{});
    EXPECT_EQ(done.key.holds[0].said_at, StoreTime{5'000});
    EXPECT_FALSE(this->settle(one, wire::Settlement::kDead).stopped);
  }
  const auto keys = this->template ask<KeysAnswer>(ListKeys{"", 10}).keys;
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].key, "k");
}

// The dead letter of a buried one is elsewhere; its key stops all the same.
TYPED_TEST_P(ParkingSuite, ReadsARowBeforeItGoes) {
  wire::Offer one = row("a", "k", 1);
  one.in_order = one.stops_dead = true;
  one.envelope = R"({"group":"g"})";
  this->put(one, false);
  EXPECT_EQ(this->head("k", 1).rows.at(0).envelope, "");
  const auto read = this->template ask<RowAnswer>(ReadRow{one.identity, "k"}).row;
  ASSERT_TRUE(read);
  EXPECT_EQ(read->request, one.request);
  EXPECT_EQ(read->source, one.source);
  EXPECT_EQ(read->envelope, one.envelope);
  EXPECT_FALSE(this->template ask<RowAnswer>(ReadRow{row("b", "k", 1).identity, "k"}).row);
  const SettleAnswer done = this->settle(one, wire::Settlement::kDead, true);
  EXPECT_EQ(done.end, SettleEnd::kSettled);
  EXPECT_TRUE(done.stopped);
  EXPECT_FALSE(this->template ask<RowAnswer>(ReadRow{one.identity, "k"}).row);
}

// The limiter's word of it may have come before.
TYPED_TEST_P(ParkingSuite, ADeathThatWasHeardOfIsNoLessOne) {
  wire::Offer one = row("a", "k", 1);
  one.in_order = one.stops_dead = true;
  this->put(one, false);
  const wire::Hold word{wire::HoldKind::kPause, {}, wire::kDeadMessage, StoreTime{5'000}};
  this->template ask<Acknowledged>(SetHolds{"k", "onlyfans", {word}});
  const SettleAnswer done = this->settle(one, wire::Settlement::kDead);
  EXPECT_TRUE(done.stopped);
  EXPECT_EQ(done.key.holds.size(), 1U);
}

// Who has opened the key since then had the last word.
TYPED_TEST_P(ParkingSuite, ALaterWordOutlivesTheDeath) {
  wire::Offer one = row("a", "k", 1);
  one.in_order = one.stops_dead = true;
  this->put(one, false);
  const wire::Hold opened{wire::HoldKind::kPause, wire::kOpened, "ann", StoreTime{5'001}};
  this->template ask<Acknowledged>(SetHolds{"k", "onlyfans", {opened}});
  const SettleAnswer done = this->settle(one, wire::Settlement::kDead);
  EXPECT_FALSE(done.stopped);
  ASSERT_EQ(done.key.holds.size(), 1U);
  EXPECT_EQ(done.key.holds[0].by, "ann");
}

TYPED_TEST_P(ParkingSuite, ADeathOutlivesAnEarlierWordThatIsWrittenAfterIt) {
  wire::Offer one = row("a", "k", 1);
  one.in_order = one.stops_dead = true;
  this->put(one, false);
  this->settle(one, wire::Settlement::kDead);
  for (const std::int64_t said_at : {4'999, 5'001}) {
    const wire::Hold opened{wire::HoldKind::kPause, wire::kOpened, "ann", StoreTime{said_at}};
    this->template ask<Acknowledged>(SetHolds{"k", "onlyfans", {opened}});
    EXPECT_EQ(this->head("k", 1).key.holds.at(0).by, said_at < 5'000 ? wire::kDeadMessage : "ann");
  }
}

REGISTER_TYPED_TEST_SUITE_P(ParkingSuite, PutsOnceAndAnswersWithTheKey,
                            OtherBytesOrKeyChangeNothing, WithoutIdAloneTheKeyIsPartOfTheName,
                            ReadsTheHeadInOrderAndTiesByIdentity, TheHeadIsBoundedByBytes,
                            MarksOfferedWithTheFirstRead, GivesBackWhatWasPut,
                            SettlementTakesTheRowAndKeepsTheName, TheEndOfOtherBytesIsNotTheRows,
                            AnIdentityThatWasLostIsFreeForTheOther,
                            SettlingWhatIsNotKnownDoesNothing, ANameIsForgottenAfterItsTime,
                            ReordersARow, LooksUpByIdWithItsPlace, CancelMarksNameAndRow,
                            ListsKeysInPages, AKeyWithoutRowsIsNotListed, HoldsComeBackWithTheKey,
                            ListsWhatNeedsNoTurn, GivesRowsThatGoInOrderTheirOrder,
                            TheOrderOfRowsGrowsWhileTheKeyHasAny, WhatGoesInOrderIsNotReordered,
                            ADeadRowHoldsItsKeyIfItSaysSo, ReadsARowBeforeItGoes,
                            ADeathThatWasHeardOfIsNoLessOne, ALaterWordOutlivesTheDeath,
                            ADeathOutlivesAnEarlierWordThatIsWrittenAfterIt);

}  // namespace sluice::ingest::suite
