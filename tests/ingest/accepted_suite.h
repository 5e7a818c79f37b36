// The conformance suite of parking stores, what is accepted before it comes: a name without a row.
// A store under test is given as for parking_suite.h.
#pragma once

#include "tests/ingest/parking_suite.h"

namespace sluice::ingest::suite {

template <class Traits>
class AcceptedSuite : public ParkingSuite<Traits> {
 protected:
  static constexpr StoreTime kUntil{500'000};

  PutAnswer accept(const wire::Offer& offer, StoreTime now = {2'000}) {
    return this->template ask<PutAnswer>(Put{offer, true, now, kUntil});
  }
  // Out of the queue, by which it was sent.
  PutAnswer comes(const wire::Offer& offer, StoreTime now = {3'000}) {
    return this->template ask<PutAnswer>(Put{offer, true, now, {}, true});
  }
  LookupAnswer look(const std::string& id) {
    return this->template ask<LookupAnswer>(LookupId{"embedded", id, "k"});
  }
  CancelAnswer cancel(const std::string& id) {
    return this->template ask<CancelAnswer>(MarkCancelled{"embedded", id});
  }
};

TYPED_TEST_SUITE_P(AcceptedSuite);

TYPED_TEST_P(AcceptedSuite, IsANameWithoutARow) {
  const wire::Offer one = row("a", "k", 10);
  const PutAnswer accepted = this->accept(one);
  EXPECT_EQ(accepted.end, PutEnd::kCreated);
  EXPECT_EQ(accepted.name.state, NameState::kAccepted);
  EXPECT_EQ(accepted.name.first_seen, one.first_seen);
  EXPECT_EQ(accepted.key.count, 0U);
  const LookupAnswer found = this->look("a");
  ASSERT_TRUE(found.name);
  EXPECT_EQ(*found.name, accepted.name);
  EXPECT_TRUE(this->head("k", 5).rows.empty());
  EXPECT_TRUE(this->template ask<KeysAnswer>(ListKeys{"", 5}).keys.empty());
}

TYPED_TEST_P(AcceptedSuite, SaidAgainItIsTheSame) {
  const wire::Offer one = row("a", "k", 10);
  const PutAnswer first = this->accept(one);
  wire::Offer later = row("a", "k", 99);
  const PutAnswer again = this->accept(later);
  EXPECT_EQ(again.end, PutEnd::kSame);
  EXPECT_EQ(again.name, first.name);
  EXPECT_EQ(this->accept(row("a", "k", 10, "[]")).end, PutEnd::kOther);
  EXPECT_EQ(this->accept(row("a", "other", 10)).end, PutEnd::kOther);
  EXPECT_EQ(this->look("a").name->key, "k");
}

TYPED_TEST_P(AcceptedSuite, BecomesARowWhenItComes) {
  const wire::Offer one = row("a", "k", 10);
  this->accept(one);
  const PutAnswer waits = this->comes(one);
  EXPECT_EQ(waits.end, PutEnd::kCreated);
  EXPECT_EQ(waits.name.state, NameState::kWaiting);
  EXPECT_EQ(waits.key.count, 1U);
  EXPECT_EQ(this->look("a").name->state, NameState::kWaiting);
  ASSERT_EQ(this->head("k", 5).rows.size(), 1U);
  EXPECT_EQ(this->comes(one).end, PutEnd::kSame);
  EXPECT_EQ(this->accept(one).end, PutEnd::kSame);
  EXPECT_EQ(this->head("k", 5).rows.size(), 1U);
  EXPECT_EQ(this->settle(one).end, SettleEnd::kSettled);
  const PutAnswer late = this->comes(one);
  EXPECT_EQ(late.end, PutEnd::kSame);
  EXPECT_EQ(late.name.state, NameState::kDelivered);
  EXPECT_TRUE(this->head("k", 5).rows.empty());
}

TYPED_TEST_P(AcceptedSuite, WhatWasPostedCountsAsItIsReadWhenItComes) {
  this->accept(row("a", "k", 10));
  const wire::Offer read_anew = row("a", "k", 10, "[]");
  EXPECT_EQ(this->comes(read_anew).end, PutEnd::kCreated);
  EXPECT_EQ(this->head("k", 5).rows.at(0).content_hash, read_anew.content_hash);
  EXPECT_EQ(this->look("a").name->content_hash, read_anew.content_hash);
}

// SQS may give it twice, and the settings may have been edited in between: it is no other message.
TYPED_TEST_P(AcceptedSuite, WhatWasPostedAndIsReadOtherwiseTheSecondTimeIsTheSame) {
  this->accept(row("a", "k", 10));
  EXPECT_EQ(this->comes(row("a", "k", 10)).end, PutEnd::kCreated);
  const wire::Offer read_anew = row("a", "k", 10, "[]");
  EXPECT_EQ(this->comes(read_anew).end, PutEnd::kSame);
  this->settle(row("a", "k", 10));
  EXPECT_EQ(this->comes(read_anew).end, PutEnd::kSame);
  EXPECT_EQ(this->comes(row("a", "other", 10)).end, PutEnd::kOther);
}

// Not by the front door: it may be another one's.
TYPED_TEST_P(AcceptedSuite, ByItsIdentityItMustHaveTheSameBytes) {
  this->accept(row("a", "k", 10));
  const PutAnswer other = this->put(row("a", "k", 10, "[]"), false);
  EXPECT_EQ(other.end, PutEnd::kOther);
  EXPECT_EQ(other.name.state, NameState::kAccepted);
  EXPECT_EQ(this->put(row("a", "k", 10), false).end, PutEnd::kCreated);
  EXPECT_EQ(this->look("a").name->state, NameState::kWaiting);
}

TYPED_TEST_P(AcceptedSuite, CancelledBeforeItComesItsRowIsMarked) {
  const wire::Offer one = row("a", "k", 10);
  this->accept(one);
  const CancelAnswer marked = this->cancel("a");
  ASSERT_TRUE(marked.name);
  EXPECT_TRUE(marked.name->cancelled);
  EXPECT_EQ(marked.name->state, NameState::kAccepted);
  EXPECT_FALSE(marked.row);
  EXPECT_TRUE(this->accept(one).name.cancelled);
  const PutAnswer waits = this->comes(one);
  EXPECT_EQ(waits.end, PutEnd::kCreated);
  EXPECT_TRUE(waits.name.cancelled);
  EXPECT_TRUE(this->head("k", 1).rows.at(0).cancelled);
  const auto ending = this->template ask<EndingAnswer>(ListEnding{{1'000}, {}, 5, 1'000'000});
  ASSERT_EQ(ending.rows.size(), 1U);
  EXPECT_TRUE(ending.rows[0].cancelled);
  EXPECT_EQ(this->settle(one, wire::Settlement::kCancelled).end, SettleEnd::kSettled);
  EXPECT_EQ(this->comes(one).end, PutEnd::kSame);
}

// A copy without our attribute may have been sent.
TYPED_TEST_P(AcceptedSuite, MayEndBeforeItComes) {
  const wire::Offer one = row("a", "k", 10);
  this->put(row("b", "k", 11));
  this->accept(one);
  const SettleAnswer ended = this->settle(one);
  EXPECT_EQ(ended.end, SettleEnd::kSettled);
  EXPECT_EQ(ended.key.count, 1U);
  EXPECT_EQ(this->settle(one).end, SettleEnd::kBefore);
  EXPECT_EQ(this->comes(one).end, PutEnd::kSame);
  EXPECT_EQ(this->look("a").name->state, NameState::kDelivered);
  EXPECT_EQ(this->head("k", 5).rows.size(), 1U);
}

// It came, and could not be kept. A row is another one's.
TYPED_TEST_P(AcceptedSuite, DiesBeforeItIsARow) {
  const wire::Offer one = row("a", "k", 10);
  this->accept(one);
  wire::Settled end{one.identity, "k", "onlyfans", wire::Settlement::kDead,
                    "malformed",  0,   0,          StoreTime{5'000}};
  const SettleRow dies{end, StoreTime{900'000}, true, true};
  const auto ended = this->template ask<SettleAnswer>(dies);
  EXPECT_EQ(ended.end, SettleEnd::kSettled);
  EXPECT_FALSE(ended.stopped);
  EXPECT_EQ(this->look("a").name->state, NameState::kDead);
  EXPECT_EQ(this->look("a").name->reason, "malformed");
  EXPECT_EQ(this->template ask<SettleAnswer>(dies).end, SettleEnd::kOther);
  const wire::Offer waits = row("b", "k", 11);
  this->put(waits);
  end.identity = waits.identity;
  const SettleRow other{end, StoreTime{900'000}, true, true};
  EXPECT_EQ(this->template ask<SettleAnswer>(other).end, SettleEnd::kOther);
  EXPECT_EQ(this->head("k", 5).rows.size(), 1U);
}

TYPED_TEST_P(AcceptedSuite, WhatNeverComesIsForgotten) {
  const wire::Offer one = row("a", "k", 10);
  this->accept(one);
  EXPECT_EQ(this->accept(one, StoreTime{500'000}).end, PutEnd::kSame);
  this->template ask<ForgetAnswer>(ForgetNames{StoreTime{500'001}, 100});
  EXPECT_FALSE(this->look("a").name);
  EXPECT_EQ(this->comes(one, StoreTime{500'001}).end, PutEnd::kCreated);
  EXPECT_EQ(this->look("a").name->state, NameState::kWaiting);
}

// It is not remembered by the time of its acceptance any more.
TYPED_TEST_P(AcceptedSuite, ARowThatCameWaitsHoweverLong) {
  const wire::Offer one = row("a", "k", 10);
  this->accept(one);
  this->comes(one);
  this->template ask<ForgetAnswer>(ForgetNames{StoreTime{900'000}, 100});
  EXPECT_EQ(this->look("a").name->state, NameState::kWaiting);
  EXPECT_EQ(this->comes(one, StoreTime{900'000}).end, PutEnd::kSame);
}

REGISTER_TYPED_TEST_SUITE_P(AcceptedSuite, IsANameWithoutARow, SaidAgainItIsTheSame,
                            BecomesARowWhenItComes, WhatWasPostedCountsAsItIsReadWhenItComes,
                            WhatWasPostedAndIsReadOtherwiseTheSecondTimeIsTheSame,
                            ByItsIdentityItMustHaveTheSameBytes,
                            CancelledBeforeItComesItsRowIsMarked, MayEndBeforeItComes,
                            DiesBeforeItIsARow, WhatNeverComesIsForgotten,
                            ARowThatCameWaitsHoweverLong);

}  // namespace sluice::ingest::suite
