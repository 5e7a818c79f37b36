// Ingest's core: messages of FIFO queues. Of a group one is put after the other.
#include <gtest/gtest.h>

#include "lib/wire/words.h"
#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

QueueCopy in_order(const std::string& id, const std::string& receipt = {}) {
  QueueCopy copy = queue_copy(id, "k", receipt.empty() ? "r" + id : receipt);
  copy.message.source = "q.fifo";
  copy.message.in_order = true;
  copy.group = "g";
  return copy;
}

std::string name_of(const std::string& id) { return identity("q.fifo", id, "k"); }

struct Groups : World {
  explicit Groups(Config config = {}) : World(std::move(config)) { limiter_up(7); }

  // Parking answers, oldest first.
  void answer(bool fails = false) {
    ASSERT_FALSE(unanswered.empty());
    const ParkingCall call = unanswered.front();
    unanswered.erase(unanswered.begin());
    ParkingAnswer answer = fails ? ParkingAnswer(ParkingFailed{"no"}) : parking.apply(call.call);
    complete(ParkingReply{call.call_id, std::move(answer)});
  }
  // The ids of what is being put.
  [[nodiscard]] std::string putting() const {
    std::string ids;
    for (const ParkingCall& call : unanswered) {
      if (const auto* put = std::get_if<Put>(&call.call)) ids += put->row.id;
    }
    return ids;
  }
  [[nodiscard]] std::string deleted() {
    std::string receipts;
    for (const DeleteCopy& one : asked<DeleteCopy>()) receipts += one.receipt;
    return receipts;
  }
  // The ids of the key's rows, in their order.
  [[nodiscard]] std::string rows() {
    std::string ids;
    const auto head = std::get<HeadAnswer>(parking.apply(ReadHead{"k", 99, 1'000'000}));
    for (const wire::Offer& row : head.rows) ids += row.id;
    return ids;
  }
};

TEST(IngestGroups, AMessageIsARowBeforeItIsOffered) {
  Groups w;
  w.accept(in_order("a"));
  EXPECT_TRUE(w.sent<wire::Offer>().empty());
  EXPECT_EQ(w.rows(), "a");
  EXPECT_EQ(w.deleted(), "ra");
  ASSERT_EQ(w.sent<wire::Parked>().size(), 1U);
  EXPECT_EQ(w.core.copies(), 0U);
  w.from(7, wire::Want{1, w.sent<wire::Parked>()[0].store, "k", 5});
  ASSERT_EQ(w.sent<wire::Offer>().size(), 1U);
  EXPECT_TRUE(w.sent<wire::Offer>()[0].in_order);
}

TEST(IngestGroups, OneIsPutAfterTheOther) {
  Groups w;
  w.parking_answers = false;
  for (const char* id : {"a", "b", "c"}) w.accept(in_order(id));
  EXPECT_EQ(w.putting(), "a");
  w.answer();
  EXPECT_EQ(w.deleted(), "ra");
  EXPECT_EQ(w.putting(), "b");
  w.answer();
  w.answer();
  EXPECT_EQ(w.deleted(), "rarbrc");
  EXPECT_EQ(w.core.copies(), 0U);
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestGroups, GroupsDoNotWaitForEachOther) {
  Groups w;
  w.parking_answers = false;
  QueueCopy other = in_order("x");
  other.group = "h";
  w.accept(in_order("a"));
  w.accept(other);
  EXPECT_EQ(w.putting(), "ax");
}

TEST(IngestGroups, TheRowsKeepTheQueuesOrderWhateverItsClocksSay) {
  Groups w;
  const struct {
    const char* id;
    std::int64_t sent;
    int priority;
    std::int64_t not_before;
  } kSent[] = {{"a", 900, 5, 0}, {"b", 100, -5, 0}, {"c", 100, 0, 5'000}, {"d", 2'000, 0, 0}};
  for (const auto& one : kSent) {
    QueueCopy copy = in_order(one.id);
    copy.message.first_seen = StoreTime{1'700'000'000'000'000 + one.sent};
    copy.message.priority = one.priority;
    if (one.not_before > 0) copy.message.not_before = copy.message.first_seen + hours(1);
    w.accept(copy);
  }
  EXPECT_EQ(w.rows(), "abcd");
}

TEST(IngestGroups, WhatGoesBackTakesWithItWhatIsBehindIt) {
  Groups w;
  w.parking_answers = false;
  for (const char* id : {"a", "b", "c"}) w.accept(in_order(id));
  w.answer(true);
  const auto back = w.asked<SetVisibility>();
  ASSERT_EQ(back.size(), 3U);
  EXPECT_EQ(back[0].receipt, "ra");
  for (const SetVisibility& one : back) EXPECT_EQ(one.visibility, minutes(5));
  EXPECT_TRUE(w.unanswered.empty());
  EXPECT_EQ(w.core.copies(), 0U);
  w.parking_answers = true;
  for (const char* id : {"a", "b", "c"}) w.accept(in_order(id, std::string("s") + id));
  EXPECT_EQ(w.rows(), "abc");
}

// Its visibility ended, and the queue gave it again: one put, and both receipts go.
// Else what is behind it would come again and again, until the queue takes it for dead.
TEST(IngestGroups, OtherBytesUnderAnIdThatWaitsAreDeadAtOnce) {
  Groups w;
  w.accept(in_order("a"));
  ASSERT_EQ(w.rows(), "a");
  QueueCopy other = in_order("a", "r2");
  other.message.request.body = "other";
  w.accept(other);
  w.accept(in_order("b"));
  const auto letters = w.asked<DeadLetter>();
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].receipt, "r2");
  EXPECT_EQ(letters[0].why.reason, wire::kIdConflict);
  EXPECT_TRUE(w.asked<SetVisibility>().empty());
  EXPECT_EQ(w.rows(), "ab");
}

TEST(IngestGroups, OtherBytesUnderAnIdThatIsHereAreDeadAtOnce) {
  Groups w;
  w.parking_answers = false;
  w.accept(in_order("a"));
  QueueCopy other = in_order("a", "r2");
  other.message.request.body = "other";
  w.accept(other);
  w.accept(in_order("b"));
  ASSERT_EQ(w.asked<DeadLetter>().size(), 1U);
  EXPECT_EQ(w.asked<DeadLetter>()[0].receipt, "r2");
  w.answer();
  w.answer();
  EXPECT_EQ(w.rows(), "ab");
}

TEST(IngestGroups, ACopyThatComesAgainIsPutOnce) {
  Groups w;
  w.parking_answers = false;
  w.accept(in_order("a"));
  w.accept(in_order("b"));
  w.accept(in_order("a", "again"));
  EXPECT_EQ(w.putting(), "a");
  w.answer();
  EXPECT_EQ(w.deleted(), "raagain");
  EXPECT_EQ(w.putting(), "b");
}

// Its deletion was lost: it is a row already, and stays where it is.
TEST(IngestGroups, ARowThatComesAgainKeepsItsPlace) {
  Groups w;
  for (const char* id : {"a", "b"}) w.accept(in_order(id));
  w.clear();
  w.accept(in_order("a", "again"));
  w.accept(in_order("c"));
  EXPECT_EQ(w.rows(), "abc");
  EXPECT_EQ(w.deleted(), "againrc");
}

TEST(IngestGroups, OneThatIsSettledWhileItWaitsHoldsUpNobody) {
  Groups w;
  w.accept(in_order("b"));  // a row from before
  w.parking_answers = false;
  w.accept(in_order("a"));
  w.accept(in_order("b", "again"));
  w.accept(in_order("c"));
  w.parking_answers = true;
  w.from(7, settled(name_of("b"), "k"));
  EXPECT_EQ(w.core.copies(), 2U);
  w.parking_answers = false;
  w.answer();
  EXPECT_EQ(w.putting(), "c");
}

TEST(IngestGroups, OneThatIsSettledWhileItIsPutLetsTheNextOneGo) {
  Groups w;
  w.parking_answers = false;
  w.accept(in_order("a"));
  w.accept(in_order("b"));
  w.parking_answers = true;
  w.from(7, settled(name_of("a"), "k"));
  EXPECT_EQ(w.rows(), "b");
  EXPECT_EQ(w.core.copies(), 0U);
}

TEST(IngestGroups, DrainingGivesBackWhatIsNotBeingPut) {
  Groups w;
  w.parking_answers = false;
  for (const char* id : {"a", "b", "c"}) w.accept(in_order(id));
  w.accept(Drain{});
  ASSERT_EQ(w.asked<SetVisibility>().size(), 2U);
  EXPECT_EQ(w.asked<SetVisibility>()[0].visibility.us, 0);
  w.answer();
  EXPECT_EQ(w.deleted(), "ra");
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestGroups, WhatWaitsForItsTurnIsHeldHidden) {
  Config patient;
  patient.parking_wait = minutes(5);
  Groups w(patient);
  w.parking_answers = false;
  w.accept(in_order("a"));
  w.accept(in_order("b"));
  w.pass(seconds(61));
  ASSERT_EQ(w.asked<SetVisibility>().size(), 2U);
  EXPECT_EQ(w.asked<SetVisibility>()[1].visibility, seconds(120));
}

TEST(IngestGroups, ALateParkOfALimiterPutsNothingOutOfTurn) {
  Groups w;
  w.parking_answers = false;
  w.accept(in_order("a"));
  w.accept(in_order("b"));
  w.from(7, wire::Park{name_of("b"), "k", wire::Origin::kQueueCopy, wire::Wait::kBehind, {}});
  EXPECT_EQ(w.putting(), "a");
}

// ---- on_dead = "stop"

TEST(IngestGroups, ADeadRowThatStopsItsKeyIsAnnouncedWithTheHold) {
  Groups w;
  QueueCopy copy = in_order("a");
  copy.message.stops_dead = true;
  w.accept(copy);
  w.accept(in_order("b"));
  w.clear();
  w.from(7, settled(name_of("a"), "k", wire::Settlement::kDead));
  ASSERT_EQ(w.parking.dead().size(), 1U);
  const auto parked = w.sent<wire::Parked>();
  ASSERT_EQ(parked.size(), 1U);
  EXPECT_EQ(parked[0].count, 1U);
  ASSERT_EQ(parked[0].holds.size(), 1U);
  EXPECT_EQ(parked[0].holds[0].by, wire::kDeadMessage);
  EXPECT_EQ(parked[0].holds[0].until, StoreTime{});
  EXPECT_EQ(w.sent<wire::Forgotten>().size(), 1U);
}

}  // namespace
}  // namespace sluice::ingest
