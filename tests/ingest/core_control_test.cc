// The core: lists with forecasts, keys, and what persons want of them.
#include <gtest/gtest.h>

#include "lib/wire/words.h"
#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

ControlKey word(std::uint64_t request, wire::Verb verb, const std::string& key = "onlyfans:k") {
  ControlKey control;
  control.request_id = request;
  control.verb = verb;
  control.upstream = "onlyfans";
  control.key = key;
  control.by = "ann";
  if (verb == wire::Verb::kConsume) control.amount = 3;
  return control;
}

wire::Controlled done(const wire::Control& control) { return {control.control_id, true, ""}; }

TEST(CoreControl, APauseIsInParkingBeforeALimiterHearsOfItAndIsAnsweredAfter) {
  World world;
  world.limiter_up(7);
  world.parking_answers = false;
  world.clear();
  world.accept(word(1, wire::Verb::kPause));
  EXPECT_TRUE(world.sent<wire::Control>().empty());
  world.complete(ParkingReply{world.unanswered.back().call_id, LookupAnswer{}});
  ASSERT_TRUE(std::holds_alternative<SetHolds>(world.unanswered.back().call));
  EXPECT_TRUE(world.sent<wire::Control>().empty());
  world.complete(ParkingReply{world.unanswered.back().call_id, Acknowledged{}});
  const auto controls = world.sent<wire::Control>();
  ASSERT_EQ(controls.size(), 1U);
  EXPECT_EQ(controls[0].key, "onlyfans:k");
  EXPECT_EQ(controls[0].by, "ann");
  EXPECT_TRUE(world.responds.empty());
  world.from(7, done(controls[0]));
  const auto* taken = world.answer<ControlTaken>(1);
  ASSERT_NE(taken, nullptr);
  EXPECT_TRUE(taken->heard);
  ASSERT_EQ(taken->key.holds.size(), 1U);
}

TEST(CoreControl, WithoutALimiterAPauseHoldsAndComesBackWithParked) {
  World world;
  world.accept(word(1, wire::Verb::kPause));
  ASSERT_NE(world.answer<ControlTaken>(1), nullptr);
  EXPECT_FALSE(world.answer<ControlTaken>(1)->heard);
  world.limiter_up(7);
  const auto parked = world.sent<wire::Parked>();
  ASSERT_EQ(parked.size(), 1U);
  EXPECT_EQ(parked[0].key, "onlyfans:k");
  EXPECT_EQ(parked[0].count, 0U);
  ASSERT_EQ(parked[0].holds.size(), 1U);
  EXPECT_EQ(parked[0].holds[0].kind, wire::HoldKind::kPause);
}

TEST(CoreControl, AnUpstreamsHoldIsSaidToEveryLimiter) {
  World world;
  world.limiter_up(7, "limiter-1");
  world.limiter_up(8, "limiter-2");
  world.clear();
  world.accept(word(1, wire::Verb::kPause, ""));
  const auto controls = world.sent<wire::Control>();
  ASSERT_EQ(controls.size(), 2U);
  EXPECT_EQ(world.sent<wire::Parked>().size(), 2U);
  EXPECT_EQ(world.sent<wire::Parked>()[0].key, "onlyfans");
  world.from(7, done(controls[0]));
  EXPECT_TRUE(world.responds.empty());
  world.from(8, done(controls[1]));
  ASSERT_NE(world.answer<ControlTaken>(1), nullptr);
  world.accept(LookKey{2, "onlyfans", ""});
  ASSERT_NE(world.answer<KeyFound>(2), nullptr);
  EXPECT_EQ(world.answer<KeyFound>(2)->key.holds.size(), 1U);
  world.accept(ListKeyPage{3, "", 10, {}});
  EXPECT_TRUE(world.answer<KeysListed>(3)->keys.empty());  // an upstream is no key
}

// What limiters tell is kept beside what persons want, once, and is announced when it is written.
TEST(CoreControl, APenaltyIsParkedOnALimitersWord) {
  World world;
  world.accept(word(1, wire::Verb::kPause));
  world.limiter_up(7);
  const StoreTime until = StoreTime{} + hours(24 * 365 * 200);
  world.clear();
  world.from(7, wire::Recall{"onlyfans", "onlyfans:k", until});
  const auto parked = world.sent<wire::Parked>();
  ASSERT_EQ(parked.size(), 1U);
  ASSERT_EQ(parked[0].holds.size(), 2U);
  EXPECT_EQ(parked[0].holds[0].kind, wire::HoldKind::kPause);
  EXPECT_EQ(parked[0].holds[1].kind, wire::HoldKind::kPenalty);
  EXPECT_EQ(parked[0].holds[1].until, until);
  world.clear();
  world.from(7, wire::Recall{"onlyfans", "onlyfans:k", until});
  world.from(7, wire::Recall{"onlyfans", "onlyfans:k", StoreTime{} + hours(1)});  // over
  EXPECT_TRUE(world.sent<wire::Parked>().empty());
}

// One change of an item at a time; parking that is away is asked again.
TEST(CoreControl, APenaltyWaitsForAPersonAndForParking) {
  World world;
  world.limiter_up(7);
  world.parking_answers = false;
  world.accept(word(1, wire::Verb::kPause));
  const std::size_t asked = world.unanswered.size();
  world.from(7, wire::Recall{"onlyfans", "onlyfans:k", StoreTime{} + hours(24 * 365 * 200)});
  EXPECT_EQ(world.unanswered.size(), asked);
  world.complete(ParkingReply{world.unanswered.back().call_id, LookupAnswer{}});
  world.complete(ParkingReply{world.unanswered.back().call_id, Acknowledged{}});
  for (const auto& control : world.sent<wire::Control>()) world.from(7, done(control));
  world.parking_answers = true;
  world.clear();
  world.pass(seconds(2));
  const auto parked = world.sent<wire::Parked>();
  ASSERT_FALSE(parked.empty());
  ASSERT_FALSE(parked.back().holds.empty());
  EXPECT_EQ(parked.back().holds.back().kind, wire::HoldKind::kPenalty);
}

TEST(CoreControl, ResumeTakesTheHoldOutSoThatNoAnnouncementNamesIt) {
  World world;
  world.limiter_up(7);
  world.accept(submission(9, "m", "onlyfans:k", {Preference::Kind::kAsync, {}}));
  world.pass(seconds(1));  // no limiter quotes it
  world.accept(word(1, wire::Verb::kPause));
  world.from(7, done(world.sent<wire::Control>().back()));
  world.accept(word(2, wire::Verb::kResume));
  world.from(7, done(world.sent<wire::Control>().back()));
  ASSERT_NE(world.answer<ControlTaken>(2), nullptr);
  EXPECT_TRUE(world.answer<ControlTaken>(2)->key.holds.empty());
  world.clear();
  const auto keys = std::get<KeysAnswer>(world.parking.apply(ListKeys{"", 10}));
  world.complete(ParkingChanged{keys.keys});
  ASSERT_EQ(world.sent<wire::Parked>().size(), 1U);
  ASSERT_EQ(world.sent<wire::Parked>()[0].holds.size(), 1U);
  EXPECT_EQ(world.sent<wire::Parked>()[0].holds[0].until, wire::kOpened);
}

// ---- the last word counts

const wire::Hold* parked_word(World& world) {
  static KeyFacts key;
  key = std::get<LookupAnswer>(world.parking.apply(LookupId{"front", {}, "onlyfans:k"})).key;
  return wire::word_among(key.holds);
}

TEST(CoreControl, AWordSaidElsewhereIsKeptUnlessALaterOneIsThere) {
  World world;
  world.limiter_up(7);
  world.accept(word(1, wire::Verb::kPause));
  world.from(7, done(world.sent<wire::Control>().back()));
  const StoreTime paused_at = parked_word(world)->said_at;
  const auto elsewhere = [&](StoreTime until, StoreTime said_at) {
    const wire::Hold hold{wire::HoldKind::kPause, until, "bob", said_at};
    world.from(7, wire::Word{"onlyfans", "onlyfans:k", hold});
  };
  elsewhere(wire::kOpened, paused_at - Duration{1});
  EXPECT_EQ(parked_word(world)->until, StoreTime{}) << "it was opened before it was closed";
  world.clear();
  elsewhere(wire::kOpened, paused_at + Duration{1});
  EXPECT_EQ(parked_word(world)->until, wire::kOpened);
  ASSERT_EQ(world.sent<wire::Parked>().size(), 1U);
  EXPECT_EQ(world.sent<wire::Parked>()[0].holds[0].said_at, paused_at + Duration{1});
  world.accept(LookKey{2, "onlyfans", "onlyfans:k"});
  world.pass(seconds(1));
  EXPECT_TRUE(world.answer<KeyFound>(2)->key.holds.empty());
  world.clear();
  elsewhere(wire::kOpened, paused_at + Duration{1});  // known
  EXPECT_TRUE(world.sent<wire::Parked>().empty());
}

// The other ingest's clock is ahead: what is said here later is to count all the same.
TEST(CoreControl, AWordThatALimiterTakesForAnEarlierOneIsSaidAnew) {
  World world;
  world.limiter_up(7);
  world.limiter_up(8);
  world.accept(word(1, wire::Verb::kResume));
  const auto first = world.sent<wire::Control>();
  ASSERT_EQ(first.size(), 2U);
  wire::Controlled stale{first[0].control_id, false, "a later word is known"};
  stale.stale = true;
  stale.at = first[0].said_at + minutes(1);
  world.from(7, done(first[1]));
  world.clear();
  world.from(7, stale);
  const auto anew = world.sent<wire::Control>();
  ASSERT_EQ(anew.size(), 2U);
  EXPECT_EQ(anew[0].said_at, stale.at + Duration{1});
  EXPECT_EQ(parked_word(world)->said_at, anew[0].said_at);
  EXPECT_EQ(world.answer<ControlTaken>(1), nullptr);
  world.from(7, done(anew[0]));
  world.from(8, done(anew[1]));
  ASSERT_NE(world.answer<ControlTaken>(1), nullptr);
  EXPECT_TRUE(world.answer<ControlTaken>(1)->heard);
}

// ---- a message has died since then

wire::Controlled stopped_since(const wire::Control& said) {
  wire::Controlled stale{said.control_id, false, "a later word is known"};
  stale.stale = true;
  stale.by = wire::kDeadMessage;
  stale.at = said.said_at + Duration{7};
  return stale;
}

// The resume was said of the first death. Said anew it would open the key behind a second one.
TEST(CoreControl, AResumeOpensNothingBehindAMessageThatHasDiedSince) {
  World world;
  world.limiter_up(7);
  world.limiter_up(8);
  world.accept(word(1, wire::Verb::kResume));
  const auto said = world.sent<wire::Control>();
  ASSERT_EQ(said.size(), 2U);
  world.clear();
  world.from(7, stopped_since(said[0]));
  world.from(8, done(said[1]));
  EXPECT_TRUE(world.sent<wire::Control>().empty());
  ASSERT_NE(world.answer<Unavailable>(1), nullptr);
  EXPECT_NE(world.answer<Unavailable>(1)->what.find("died"), std::string::npos);
  EXPECT_EQ(parked_word(world)->by, wire::kDeadMessage);
  EXPECT_EQ(parked_word(world)->said_at, said[0].said_at + Duration{7});
  world.clear();
  world.accept(word(2, wire::Verb::kResume));
  const auto again = world.sent<wire::Control>();
  ASSERT_EQ(again.size(), 2U);
  EXPECT_GT(again[0].said_at, said[0].said_at + Duration{7});
}

TEST(CoreControl, APauseForAWhileDoesNotTakeThePlaceOfALaterStop) {
  World world;
  world.limiter_up(7);
  ControlKey pause = word(1, wire::Verb::kPause);
  pause.until = StoreTime{} + hours(24 * 365 * 200);
  world.accept(pause);
  const auto said = world.sent<wire::Control>();
  world.clear();
  world.from(7, stopped_since(said.at(0)));
  EXPECT_TRUE(world.sent<wire::Control>().empty());
  const auto* taken = world.answer<ControlTaken>(1);
  ASSERT_NE(taken, nullptr);
  ASSERT_EQ(taken->key.holds.size(), 1U);
  EXPECT_EQ(taken->key.holds[0].by, wire::kDeadMessage);
  EXPECT_EQ(parked_word(world)->until, StoreTime{});
}

// A person's word that is later than the death counts, and what is asked for now after it.
TEST(CoreControl, OfLaterWordsTheLastDecides) {
  World world;
  world.limiter_up(7);
  world.limiter_up(8);
  world.accept(word(1, wire::Verb::kResume));
  const auto said = world.sent<wire::Control>();
  wire::Controlled by_a_person = stopped_since(said[1]);
  by_a_person.by = "bob";
  by_a_person.at = by_a_person.at + Duration{1};
  world.clear();
  world.from(7, stopped_since(said[0]));
  world.from(8, by_a_person);
  ASSERT_EQ(world.sent<wire::Control>().size(), 2U);
  EXPECT_EQ(world.sent<wire::Control>()[0].said_at, by_a_person.at + Duration{1});
}

TEST(CoreControl, WhoIsAlwaysTooEarlyIsToldToSayItAgain) {
  World world;
  world.limiter_up(7);
  world.accept(word(1, wire::Verb::kResume));
  for (int n = 0; n < 4; ++n) {
    ASSERT_FALSE(world.sent<wire::Control>().empty());
    const auto said = world.sent<wire::Control>().back();
    wire::Controlled stale{said.control_id, false, "a later word is known"};
    stale.stale = true;
    stale.at = said.said_at;
    world.clear();
    world.from(7, stale);
  }
  EXPECT_TRUE(world.sent<wire::Control>().empty());
  EXPECT_NE(world.answer<Unavailable>(1), nullptr);
}

TEST(CoreControl, WhatNobodyHeardIsSaidAgainByWhoAsked) {
  World world;
  world.accept(word(1, wire::Verb::kResume));
  EXPECT_NE(world.answer<Unavailable>(1), nullptr);
  world.accept(word(2, wire::Verb::kConsume));
  EXPECT_NE(world.answer<Unavailable>(2), nullptr);
  world.limiter_up(7);
  world.accept(word(3, wire::Verb::kConsume));
  EXPECT_EQ(world.answer<Unavailable>(3), nullptr);
  EXPECT_EQ(world.sent<wire::Control>().back().amount, 3U);
  world.accept(word(4, wire::Verb::kPause));  // one change of a key at a time
  EXPECT_NE(world.answer<Unavailable>(4), nullptr);
  world.complete(wire::PeerDown{PeerId{7}});
  EXPECT_NE(world.answer<Unavailable>(3), nullptr);
  world.limiter_up(8);
  world.accept(word(5, wire::Verb::kConsume));
  world.pass(seconds(6));
  EXPECT_NE(world.answer<Unavailable>(5), nullptr);
  world.accept(word(6, wire::Verb::kConsume));
  world.from(8, wire::Controlled{world.sent<wire::Control>().back().control_id, false, "why not"});
  ASSERT_NE(world.answer<Unavailable>(6), nullptr);
  EXPECT_EQ(world.answer<Unavailable>(6)->what, "why not");
}

// It is kept for a while, as an earlier word may come back; for people it is none.
TEST(CoreControl, AHoldWhoseTimeIsOverIsNotSaidAndGoes) {
  World world;
  world.accept(submission(9, "m", "onlyfans:other", {Preference::Kind::kAsync, {}}));  // the time
  ControlKey pause = word(1, wire::Verb::kPause);
  pause.until = StoreTime{1'700'000'000'000'000} + seconds(5);
  world.accept(pause);
  world.pass(seconds(6));
  world.accept(ListKeyPage{2, "", 10, {}});
  EXPECT_EQ(world.answer<KeysListed>(2)->keys.size(), 1U);
  EXPECT_EQ(std::get<KeysAnswer>(world.parking.apply(ListKeys{"", 10})).keys.size(), 2U);
  world.pass(wire::kWordKept);
  world.limiter_up(7);
  EXPECT_EQ(std::get<KeysAnswer>(world.parking.apply(ListKeys{"", 10})).keys.size(), 1U);
  for (const auto& parked : world.sent<wire::Parked>()) EXPECT_NE(parked.key, "onlyfans:k");
  world.accept(ListKeyPage{3, "", 10, {}});
  EXPECT_EQ(world.answer<KeysListed>(3)->keys.size(), 1U);
}

TEST(CoreControl, AKeysNextDepartureIsTheLimitersWord) {
  World world;
  world.limiter_up(7);
  world.accept(LookKey{1, "onlyfans", "onlyfans:k"});
  const auto quotes = world.sent<wire::Quote>();
  ASSERT_EQ(quotes.size(), 1U);
  EXPECT_EQ(quotes[0].ahead, 0U);
  world.from(7, quoted(quotes[0], seconds(3)));
  ASSERT_NE(world.answer<KeyFound>(1), nullptr);
  EXPECT_TRUE(world.answer<KeyFound>(1)->forecast);
  world.accept(LookKey{2, "onlyfans", "onlyfans:k"});
  world.pass(seconds(1));
  ASSERT_NE(world.answer<KeyFound>(2), nullptr);
  EXPECT_FALSE(world.answer<KeyFound>(2)->forecast);
}

TEST(CoreControl, OutsideTheScopeThereIsNoMessage) {
  World world;
  world.accept(submission(9, "m", "onlyfans:k", {Preference::Kind::kAsync, {}}));
  const Scope other{{}, {"onlyfans:other"}};
  world.accept(Lookup{1, "m", other});
  EXPECT_NE(world.answer<NotFound>(1), nullptr);
  world.accept(Cancel{2, "m", other});
  EXPECT_NE(world.answer<NotFound>(2), nullptr);
  world.accept(Lookup{3, "m"});
  EXPECT_FALSE(world.answer<Found>(3)->name.cancelled);
  world.accept(Cancel{4, "m", {{}, {"onlyfans:*"}}});
  EXPECT_TRUE(world.answer<CancelTaken>(4)->name.cancelled);
}

TEST(CoreControl, AListAsksForTimesAndDoesNotWaitForThem) {
  World world;
  world.limiter_up(7);
  IngestCore::Out out;
  world.core.accept(ListMessages{1, {}}, world.now, out);
  std::vector<IngestCore::Effect> effects;
  out.take(effects);
  const auto* call = std::get_if<ListCall>(&effects.at(0));
  ASSERT_NE(call, nullptr);
  ListPage page;
  for (const char* id : {"a", "b", "c"}) {
    Name name;
    name.identity = std::string(16, *id);
    name.id = id;
    name.key = "onlyfans:k";
    name.upstream = "onlyfans";
    page.messages.push_back({name, page.messages.size()});
  }
  page.messages[2].name.state = NameState::kDelivered;
  world.complete(ListReply{call->call_id, page});
  const auto quotes = world.sent<wire::Quote>();
  ASSERT_EQ(quotes.size(), 2U);
  EXPECT_EQ(quotes[1].ahead, 1U);
  world.from(7, quoted(quotes[1], seconds(3)));
  world.pass(seconds(1));
  const auto* listed = world.answer<Listed>(1);
  ASSERT_NE(listed, nullptr);
  EXPECT_FALSE(listed->forecasts[0]);
  EXPECT_TRUE(listed->forecasts[1]);
  EXPECT_FALSE(listed->forecasts[2]);
  world.complete(ListReply{call->call_id, page});  // late, or twice
}

TEST(CoreControl, TheBacklogGoesToOneAuditor) {
  World world;
  world.complete(ParkingSize{4, 2, {}});
  world.auditor_up(5);
  world.auditor_up(6);
  world.complete(ParkingSize{4, 2, {}});
  const auto sent = world.sent<wire::Backlog>();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].waiting, 4U);
  EXPECT_EQ(sent[0].dead, 2U);
}

TEST(CoreControl, TheBacklogSaysSinceWhenRowsWaitWithoutALimiter) {
  World world;
  world.auditor_up(5);
  const auto says = [&](std::uint64_t waiting, int at_s) {
    world.complete(ParkingSize{waiting, 0, {at_s * 1'000'000LL}});
    return world.sent<wire::Backlog>().back().held_since.us / 1'000'000;
  };
  EXPECT_EQ(says(0, 100), 0);
  EXPECT_EQ(says(1, 110), 110);
  EXPECT_EQ(says(2, 120), 110);
  world.limiter_up(7);
  EXPECT_EQ(says(2, 130), 0);  // it says itself what could go
  world.complete(wire::PeerDown{PeerId{7}});
  EXPECT_EQ(says(2, 140), 140);
  EXPECT_EQ(says(0, 150), 0);
}

TEST(CoreControl, TheBacklogCountsRowsAndQueueCopies) {
  World world;
  world.auditor_up(5);
  world.limiter_up(7);
  world.accept(queue_copy("a", "k", "r1"));
  world.complete(ParkingSize{2, 0, {}});
  EXPECT_EQ(world.sent<wire::Backlog>().back().waiting, 3U);
}

// Nobody but a store of old times has one.
TEST(CoreControl, AHoldOfAKeyThatNoMessageCanHaveGoes) {
  World world;
  const wire::Hold pause{wire::HoldKind::kPause, StoreTime{}, "ann"};
  world.parking.apply(SetHolds{"onlyfans:ren\xe9", "onlyfans", {pause}});
  world.parking.apply(SetHolds{"onlyfans:rene", "onlyfans", {pause}});
  world.limiter_up(7);
  const auto parked = world.sent<wire::Parked>();
  ASSERT_EQ(parked.size(), 1U);
  EXPECT_EQ(parked[0].key, "onlyfans:rene");
  const ParkingAnswer keys = world.parking.apply(ListKeys{"", 10});
  EXPECT_EQ(std::get<KeysAnswer>(keys).keys.size(), 1U);
}

// The limiter takes off what it has told and not heard the end of: nobody else does.
TEST(IngestCore, ARowThatHasSettledCountsUntilItIsForgotten) {
  World w;
  w.limiter_up(7);
  w.accept(submission(1, "a"));
  w.from(7, quoted(w.sent<wire::Quote>().at(0), seconds(0)));
  const Name name = w.answer<Accepted>(1)->name;
  w.accept(submission(2, "b"));
  w.parking_answers = false;
  w.from(7, settled(name.identity, name.key));
  w.parking_answers = true;
  w.clear();
  w.accept(submission(3, "c"));
  EXPECT_EQ(w.sent<wire::Quote>().at(0).ahead, 2U);
}

}  // namespace
}  // namespace sluice::ingest
