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

// ---- what dies before it is a row

struct Stops : Groups {
  using Groups::Groups;
  static QueueCopy stopping(const std::string& id, const std::string& receipt = {}) {
    QueueCopy copy = in_order(id, receipt);
    copy.message.stops_dead = true;
    return copy;
  }
  static QueueCopy otherwise(const std::string& id, const std::string& receipt) {
    QueueCopy copy = stopping(id, receipt);
    copy.message.request.body = "other";
    return copy;
  }
  static QueueCopy malformed(const std::string& id) {
    QueueCopy copy = stopping(id);
    copy.malformed = true;
    return copy;
  }
  void limiter_hears() {
    const auto words = sent<wire::Control>();
    ASSERT_FALSE(words.empty());
    from(7, wire::Controlled{words.back().control_id, true, ""});
  }
  [[nodiscard]] const wire::Hold* hold() {
    key_ = std::get<LookupAnswer>(parking.apply(LookupId{"q.fifo", {}, "k"})).key;
    return wire::word_among(key_.holds);
  }

 private:
  KeyFacts key_;
};

TEST(IngestGroups, AnIdOfOtherBytesStopsItsKeyBeforeAnythingBehindItIsARow) {
  Stops w;
  w.accept(w.stopping("a"));
  w.accept(w.otherwise("a", "r2"));
  w.accept(w.stopping("b"));
  ASSERT_NE(w.hold(), nullptr);
  EXPECT_EQ(w.hold()->by, wire::kDeadMessage);
  EXPECT_EQ(w.hold()->until, StoreTime{});
  EXPECT_EQ(w.rows(), "a");
  EXPECT_TRUE(w.asked<DeadLetter>().empty()) << "no limiter has heard of it yet";
  const auto word = w.sent<wire::Control>().at(0);
  EXPECT_EQ(word.verb, wire::Verb::kPause);
  EXPECT_EQ(word.key, "k");
  EXPECT_EQ(word.by, wire::kDeadMessage);
  w.limiter_hears();
  ASSERT_EQ(w.asked<DeadLetter>().size(), 1U);
  const DeadLetter letter = w.asked<DeadLetter>()[0];
  EXPECT_EQ(letter.receipt, "r2");
  EXPECT_TRUE(letter.stops);
  EXPECT_EQ(letter.why.reason, wire::kIdConflict);
  EXPECT_EQ(letter.why.identity, name_of("a"));
  EXPECT_EQ(letter.why.at, word.said_at);
  EXPECT_EQ(w.rows(), "ab");
  EXPECT_TRUE(w.responds.empty());
  EXPECT_EQ(w.core.copies(), 0U);
}

TEST(IngestGroups, AnIdOfOtherBytesThatIsHereStopsItsKeyInItsTurn) {
  Stops w;
  w.parking_answers = false;
  w.accept(w.stopping("a"));
  w.accept(w.otherwise("a", "r2"));
  w.accept(w.otherwise("a", "r3"));  // that one once more
  w.accept(w.stopping("b"));
  EXPECT_EQ(w.putting(), "a");
  w.answer();
  EXPECT_EQ(w.putting(), "") << "its key is not stopped yet";
  w.answer();
  w.answer();
  w.limiter_hears();
  ASSERT_EQ(w.asked<DeadLetter>().size(), 2U);
  EXPECT_EQ(w.asked<DeadLetter>()[0].receipt, "r2");
  EXPECT_EQ(w.asked<DeadLetter>()[1].receipt, "r3");
  EXPECT_EQ(w.putting(), "b");
}

TEST(IngestGroups, WhatIsMalformedStopsTheKeyThatItNames) {
  Stops w;
  w.accept(w.malformed("a"));
  w.accept(w.stopping("b"));
  EXPECT_EQ(w.rows(), "");
  w.limiter_hears();
  ASSERT_EQ(w.asked<DeadLetter>().size(), 1U);
  EXPECT_EQ(w.asked<DeadLetter>()[0].why.reason, "malformed");
  EXPECT_EQ(w.rows(), "b");
  ASSERT_FALSE(w.sent<wire::Parked>().empty());
  EXPECT_EQ(w.sent<wire::Parked>().back().holds.size(), 1U);
}

TEST(IngestGroups, WhatNoRowCanHoldStopsItsKey) {
  Stops w;
  w.parking_answers = false;
  w.accept(w.stopping("a"));
  w.accept(w.stopping("b"));
  PutAnswer answer;
  answer.end = PutEnd::kTooLarge;
  w.complete(ParkingReply{w.unanswered.at(0).call_id, answer});
  w.unanswered.erase(w.unanswered.begin());
  EXPECT_EQ(w.putting(), "");
  w.answer();
  w.answer();
  w.limiter_hears();
  EXPECT_EQ(w.asked<DeadLetter>().at(0).why.reason, "too_large");
  EXPECT_EQ(w.putting(), "b");
}

// Without a limiter it is in parking, and whoever comes learns it with the rows.
TEST(IngestGroups, WithoutALimiterAKeyIsStoppedAllTheSame) {
  Stops w;
  w.complete(wire::PeerDown{PeerId{7}});
  w.accept(w.malformed("a"));
  EXPECT_EQ(w.asked<DeadLetter>().size(), 1U);
  w.accept(w.stopping("b"));
  w.limiter_up(8);
  ASSERT_EQ(w.sent<wire::Parked>().size(), 1U);
  EXPECT_EQ(w.sent<wire::Parked>()[0].holds.at(0).by, wire::kDeadMessage);
}

TEST(IngestGroups, WhatCannotStopItsKeyGoesBackWithAllThatIsBehindIt) {
  Stops w;
  w.parking_answers = false;
  w.accept(w.malformed("a"));
  w.accept(w.stopping("b"));
  w.answer(true);
  EXPECT_EQ(w.asked<SetVisibility>().size(), 2U);
  EXPECT_TRUE(w.asked<DeadLetter>().empty());
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestGroups, AStopWaitsForAPersonsWordAndIsLater) {
  Stops w;
  w.parking_answers = false;
  ControlKey resume;
  resume.request_id = 1;
  resume.verb = wire::Verb::kResume;
  resume.upstream = "onlyfans";
  resume.key = "k";
  w.accept(resume);
  w.accept(w.malformed("a"));
  ASSERT_EQ(w.unanswered.size(), 1U);
  w.answer();
  w.answer();
  w.limiter_hears();
  EXPECT_NE(w.World::answer<ControlTaken>(1), nullptr);
  w.parking_answers = true;
  w.pass(seconds(1));
  w.limiter_hears();
  EXPECT_EQ(w.asked<DeadLetter>().size(), 1U);
  EXPECT_EQ(w.hold()->by, wire::kDeadMessage);
}

TEST(IngestGroups, WithoutAKeyOrWithOnDeadContinueNothingStops) {
  Stops w;
  QueueCopy nobodys = w.malformed("a");
  nobodys.message.key.clear();
  w.accept(nobodys);
  QueueCopy goes_on = w.malformed("b");
  goes_on.message.stops_dead = false;
  w.accept(goes_on);
  EXPECT_EQ(w.asked<DeadLetter>().size(), 2U);
  EXPECT_FALSE(w.asked<DeadLetter>()[0].stops);
  EXPECT_EQ(w.hold(), nullptr);
  EXPECT_TRUE(w.sent<wire::Control>().empty());
}

}  // namespace
}  // namespace sluice::ingest
