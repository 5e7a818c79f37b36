// Ingest's core: the front door of a queue.
#include <gtest/gtest.h>

#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

constexpr const char* kQueue = "orders";

Config of_queue() {
  Config config;
  config.queues = {kQueue};
  config.door_queue = kQueue;
  config.door_max = 3;
  return config;
}

Submit posted(std::uint64_t request, const std::string& id, const std::string& key = "k") {
  Submit submit = submission(request, id, key);
  submit.document = "{\"id\":\"" + id + "\"}";
  return submit;
}

struct DoorWorld : World {
  DoorWorld() : World(of_queue()) {}

  const QueueCall& last_sent() {
    for (auto call = queue.rbegin(); call != queue.rend(); ++call) {
      if (std::holds_alternative<SendPosted>(call->call)) return *call;
    }
    ADD_FAILURE() << "nothing was sent";
    return queue.emplace_back();
  }
  void post(std::uint64_t request, const std::string& id) { accept(posted(request, id)); }
  void queue_says(bool done) { complete(QueueReply{last_sent().call_id, done}); }
  // What was sent last, as it comes back.
  void it_comes(const std::string& receipt) {
    const SendPosted sent = std::get<SendPosted>(last_sent().call);
    QueueCopy copy{receipt, sent.message};
    copy.message.identity.clear();
    copy.posted = true;
    accept(copy);
  }
  NameState state(const std::string& id) {
    return parking.names().at(identity(kQueue, id, "k")).state;
  }
};

TEST(IngestDoor, SaysItOnceNameAndQueueHaveIt) {
  DoorWorld w;
  w.parking_answers = false;
  w.post(1, "a");
  w.complete(ParkingReply{w.unanswered.at(0).call_id, LookupAnswer{}});
  EXPECT_TRUE(w.queue.empty()) << "it has no name yet";
  const ParkingCall put = w.unanswered.at(1);
  w.complete(ParkingReply{put.call_id, w.parking.apply(put.call)});
  EXPECT_EQ(w.state("a"), NameState::kAccepted);
  EXPECT_TRUE(w.responds.empty()) << "the queue has not said so";
  const auto sent = std::get<SendPosted>(w.last_sent().call);
  EXPECT_EQ(sent.document, "{\"id\":\"a\"}");
  EXPECT_EQ(sent.message.source, kQueue);
  w.queue_says(true);
  const auto* answer = w.answer<Accepted>(1);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->name.state, NameState::kAccepted);
  EXPECT_FALSE(answer->repeat);
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestDoor, IsRememberedUntilAfterItsEnd) {
  DoorWorld w;
  w.parking_answers = false;
  w.post(1, "a");
  w.complete(ParkingReply{w.unanswered.at(0).call_id, LookupAnswer{}});
  const auto put = std::get<Put>(w.unanswered.at(1).call);
  EXPECT_EQ(put.accept_until, put.row.expires_at + hours(14 * 24));
}

TEST(IngestDoor, WhatTheQueueDidNotTakeIsSentAgainByARepeat) {
  DoorWorld w;
  w.post(1, "a");
  const auto first = std::get<SendPosted>(w.last_sent().call);
  w.queue_says(false);
  ASSERT_NE(w.answer<Unavailable>(1), nullptr);
  EXPECT_GT(w.answer<Unavailable>(1)->retry_after, Duration{});
  EXPECT_EQ(w.state("a"), NameState::kAccepted);
  Submit again = posted(2, "a");
  again.at = again.at + seconds(5);
  w.accept(again);
  const auto second = std::get<SendPosted>(w.last_sent().call);
  EXPECT_EQ(w.asked<SendPosted>().size(), 2U);
  EXPECT_EQ(second.message.first_seen, first.message.first_seen) << "it is the same message";
  EXPECT_EQ(second.message.expires_at, first.message.expires_at);
  w.queue_says(true);
  ASSERT_NE(w.answer<Accepted>(2), nullptr);
  EXPECT_TRUE(w.answer<Accepted>(2)->repeat);
}

TEST(IngestDoor, AnAnswerThatDoesNotComeIsNone) {
  DoorWorld w;
  w.post(1, "a");
  w.pass(seconds(30));
  EXPECT_NE(w.answer<Unavailable>(1), nullptr);
  EXPECT_TRUE(w.core.idle());
  w.queue_says(true);
  EXPECT_EQ(w.responds.size(), 1U);
}

TEST(IngestDoor, OtherBytesOrAnotherKeyOfAnAcceptedIdAreRefused) {
  DoorWorld w;
  w.post(1, "a");
  w.queue_says(true);
  Submit other = posted(2, "a");
  other.message.request.body = "other";
  w.accept(other);
  w.accept(posted(3, "a", "l"));
  ASSERT_NE(w.answer<Conflict>(2), nullptr);
  EXPECT_FALSE(w.answer<Conflict>(2)->key);
  ASSERT_NE(w.answer<Conflict>(3), nullptr);
  EXPECT_TRUE(w.answer<Conflict>(3)->key);
  EXPECT_EQ(w.asked<SendPosted>().size(), 1U);
}

TEST(IngestDoor, WhatComesIsARowBeforeAnythingElse) {
  DoorWorld w;
  w.limiter_up(7);
  w.post(1, "a");
  w.pass(milliseconds(100));
  w.queue_says(true);
  w.it_comes("r1");
  EXPECT_EQ(w.state("a"), NameState::kWaiting);
  EXPECT_EQ(w.parking.rows().size(), 1U);
  EXPECT_TRUE(w.sent<wire::Offer>().empty()) << "a row is offered when it is wanted";
  ASSERT_EQ(w.sent<wire::Parked>().size(), 1U);
  ASSERT_EQ(w.asked<DeleteCopy>().size(), 1U);
  EXPECT_EQ(w.asked<DeleteCopy>()[0].receipt, "r1");
}

TEST(IngestDoor, ASecondCopyAndALateRepeatFindWhatBecameOfIt) {
  DoorWorld w;
  w.post(1, "a");
  w.queue_says(true);
  w.it_comes("r1");
  w.it_comes("r2");
  EXPECT_EQ(w.asked<DeleteCopy>().size(), 2U);
  EXPECT_EQ(w.parking.rows().size(), 1U);
  w.limiter_up(7);
  w.from(7, settled(identity(kQueue, "a", "k"), "k"));
  w.it_comes("r3");
  EXPECT_EQ(w.asked<DeleteCopy>().size(), 3U);
  EXPECT_TRUE(w.parking.rows().empty());
  w.post(2, "a");
  ASSERT_NE(w.answer<Accepted>(2), nullptr);
  EXPECT_EQ(w.answer<Accepted>(2)->name.state, NameState::kDelivered);
  EXPECT_EQ(w.asked<SendPosted>().size(), 1U);
}

TEST(IngestDoor, ThatCannotBeParkedStaysInTheQueue) {
  DoorWorld w;
  w.post(1, "a");
  w.queue_says(true);
  w.parking_answers = false;
  w.it_comes("r1");
  w.pass(seconds(5));
  EXPECT_TRUE(w.asked<DeleteCopy>().empty());
  EXPECT_EQ(w.asked<SetVisibility>().size(), 1U);
}

// However often the queue has handed it out, nobody has tried to send it.
TEST(IngestDoor, ItsRowIsNew) {
  DoorWorld w;
  w.post(1, "a");
  w.queue_says(true);
  QueueCopy copy{"r1", std::get<SendPosted>(w.last_sent().call).message};
  copy.message.offered_before = true;
  copy.posted = true;
  w.accept(copy);
  EXPECT_FALSE(w.parking.rows().begin()->second.offered_before);
}

TEST(IngestDoor, CancelledBeforeItComesItGoesOutOfTurn) {
  DoorWorld w;
  w.limiter_up(7);
  w.post(1, "a");
  w.pass(milliseconds(100));
  w.queue_says(true);
  w.accept(Cancel{2, "a"});
  ASSERT_NE(w.answer<CancelTaken>(2), nullptr);
  EXPECT_TRUE(w.answer<CancelTaken>(2)->name.cancelled);
  EXPECT_TRUE(w.sent<wire::Offer>().empty());
  w.it_comes("r1");
  ASSERT_EQ(w.sent<wire::Offer>().size(), 1U);
  EXPECT_TRUE(w.sent<wire::Offer>()[0].cancelled);
  w.accept(Lookup{3, "a"});
  w.pass(milliseconds(100));
  ASSERT_NE(w.answer<Found>(3), nullptr);
  EXPECT_TRUE(w.answer<Found>(3)->name.cancelled);
}

TEST(IngestDoor, TakesSoManyAtATime) {
  DoorWorld w;
  for (std::uint64_t n = 1; n <= 3; ++n) w.post(n, "m" + std::to_string(n));
  EXPECT_EQ(w.core.door_room(), 0U);
  EXPECT_GT(w.core.room(), 0U) << "copies have room of their own";
  w.post(4, "m4");
  EXPECT_NE(w.answer<Unavailable>(4), nullptr);
  EXPECT_FALSE(w.parking.names().contains(identity(kQueue, "m4", "k")));
  w.queue_says(true);
  EXPECT_EQ(w.core.door_room(), 1U);
}

TEST(IngestDoor, FinishesWhatIsUnderWayWhenItStops) {
  DoorWorld w;
  w.post(1, "a");
  w.accept(Drain{});
  EXPECT_FALSE(w.core.idle());
  w.post(2, "b");
  EXPECT_NE(w.answer<Unavailable>(2), nullptr);
  w.queue_says(true);
  EXPECT_NE(w.answer<Accepted>(1), nullptr);
  EXPECT_TRUE(w.core.idle());
}

TEST(IngestDoor, AsksTheLimiterAsEver) {
  DoorWorld w;
  w.limiter_up(7);
  w.accept(Submit{1, message("a", "k"), within(1), StoreTime{1'700'000'000'000'000}, "{}"});
  w.from(7, quoted(w.sent<wire::Quote>().at(0), seconds(30)));
  EXPECT_NE(w.answer<TooMany>(1), nullptr);
  EXPECT_TRUE(w.parking.names().empty());
  w.post(2, "b");
  w.from(7, quoted(w.sent<wire::Quote>().at(1), seconds(2)));
  w.queue_says(true);
  ASSERT_NE(w.answer<Accepted>(2), nullptr);
  EXPECT_TRUE(w.answer<Accepted>(2)->forecast);
}

// Who sends into the queue without the front door has ids of its own there.
TEST(IngestDoor, ACopyOfOtherBytesUnderAnAcceptedNameIsDead) {
  DoorWorld w;
  w.limiter_up(7);
  w.post(1, "a");
  w.pass(milliseconds(100));
  w.queue_says(true);
  QueueCopy other = queue_copy("a", "k", "r1", "other");
  other.message.source = kQueue;
  w.accept(other);
  w.from(7,
         wire::Park{
             identity(kQueue, "a", "k"), "k", wire::Origin::kQueueCopy, wire::Wait::kBehind, {}});
  ASSERT_EQ(w.asked<DeadLetter>().size(), 1U);
  EXPECT_EQ(w.asked<DeadLetter>()[0].why.reason, wire::kIdConflict);
  EXPECT_EQ(w.state("a"), NameState::kAccepted);
}

// ---- what cannot be read when it comes, or kept

struct DyingWorld : DoorWorld {
  DyingWorld() {
    post(1, "a");
    queue_says(true);
  }
  void comes_malformed(const std::string& receipt) {
    QueueCopy copy{receipt, {}, {}, true, true};
    copy.message.source = kQueue;
    copy.message.id = "a";
    copy.message.request.body = "{";
    copy.message.first_seen = StoreTime{1'700'000'000'000'000};
    accept(copy);
  }
  void letter(bool taken) {
    for (auto call = queue.rbegin(); call != queue.rend(); ++call) {
      if (std::holds_alternative<DeadLetter>(call->call)) {
        const std::uint64_t id = call->call_id;
        return complete(QueueReply{id, taken});
      }
    }
    ADD_FAILURE() << "no dead letter";
  }
};

TEST(IngestDoor, WhatIsMalformedWhenItComesEndsItsName) {
  DyingWorld w;
  w.comes_malformed("r1");
  EXPECT_EQ(w.state("a"), NameState::kAccepted) << "its letter is nowhere yet";
  EXPECT_TRUE(w.asked<DeleteCopy>().empty());
  w.letter(true);
  EXPECT_EQ(w.state("a"), NameState::kDead);
  EXPECT_EQ(w.parking.names().at(identity(kQueue, "a", "k")).reason, "malformed");
  EXPECT_TRUE(w.parking.dead().empty()) << "its letter is the queue's";
  ASSERT_EQ(w.asked<DeleteCopy>().size(), 1U);
  EXPECT_EQ(w.asked<DeleteCopy>()[0].receipt, "r1");
  EXPECT_TRUE(w.core.idle());
  EXPECT_EQ(w.core.counts().dead, 1U);
}

TEST(IngestDoor, WhatNoRowCanHoldWhenItComesEndsItsName) {
  DyingWorld w;
  w.parking_answers = false;
  w.it_comes("r1");
  PutAnswer answer;
  answer.end = PutEnd::kTooLarge;
  w.complete(ParkingReply{w.unanswered.back().call_id, answer});
  w.parking_answers = true;
  w.letter(true);
  EXPECT_EQ(w.state("a"), NameState::kDead);
  EXPECT_EQ(w.parking.names().at(identity(kQueue, "a", "k")).reason, "too_large");
  EXPECT_EQ(w.asked<DeleteCopy>().size(), 1U);
}

TEST(IngestDoor, WithoutALetterTheNameWaitsAndTheCopyComesAgain) {
  DyingWorld w;
  w.comes_malformed("r1");
  w.letter(false);
  EXPECT_EQ(w.state("a"), NameState::kAccepted);
  EXPECT_EQ(w.asked<SetVisibility>().size(), 1U);
  EXPECT_TRUE(w.core.idle());
  w.comes_malformed("r2");
  w.parking_answers = false;
  w.letter(true);
  w.complete(ParkingReply{w.unanswered.back().call_id, ParkingFailed{"no"}});
  EXPECT_EQ(w.asked<SetVisibility>().size(), 2U);
  EXPECT_TRUE(w.asked<DeleteCopy>().empty());
}

// Another copy of it was read before the settings changed.
TEST(IngestDoor, WhatIsMalformedEndsNoRow) {
  DyingWorld w;
  w.it_comes("r1");
  ASSERT_EQ(w.state("a"), NameState::kWaiting);
  w.clear();
  w.comes_malformed("r2");
  w.letter(true);
  EXPECT_EQ(w.state("a"), NameState::kWaiting);
  EXPECT_EQ(w.asked<DeleteCopy>().size(), 1U);
}

}  // namespace
}  // namespace sluice::ingest
