// What persons said and what upstreams closed, heard by several ways: the last word counts, and a
// penalty holds, wherever it comes from. Tables of (now, input) -> effects.
#include <gtest/gtest.h>

#include "lib/wire/words.h"
#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

// Two ingests with parkings of their own, p and q.
struct TwoIngests : Started {
  explicit TwoIngests(Config config = Bench::config())
      : Started(std::move(config)), other(bench.up(wire::Role::kIngest)) {
    bench.clear();
  }
  wire::PeerId other;
  StoreTime start = bench.store_now();

  [[nodiscard]] StoreTime after(int moments) const { return start + milliseconds(moments); }
  void control(wire::PeerId from, wire::Verb verb, StoreTime said_at,
               const std::string& key = "api:k") {
    wire::Control word;
    word.control_id = 7;
    word.verb = verb;
    word.upstream = "api";
    word.key = key;
    word.by = "ann";
    word.said_at = said_at;
    bench.say(from, word);
  }
  void announce(wire::PeerId from, StoreTime until, StoreTime said_at, std::uint64_t rows = 0) {
    const wire::Hold word{wire::HoldKind::kPause, until, "ann", said_at};
    bench.say(from, wire::Parked{from == other ? "q" : "p", "api:k", "api", rows, 1, {word}});
  }
  [[nodiscard]] std::vector<wire::Word> told(wire::PeerId peer) const {
    std::vector<wire::Word> words;
    for (const auto& send : bench.sent) {
      const auto* word = std::get_if<wire::Word>(&send.item);
      if (word != nullptr && send.peer == peer) words.push_back(*word);
    }
    return words;
  }
  [[nodiscard]] std::size_t sent_now(const std::string& id) {
    bench.clear();
    bench.say(ingest, bench.offer(id, 1));
    return bench.said<wire::Dispatch>().size();
  }
};

const StoreTime kForGood;

TEST(Hearing, AResumeAtAnotherIngestEndsThePauseInEveryParking) {
  TwoIngests s;
  s.control(s.ingest, wire::Verb::kPause, s.after(1));
  ASSERT_EQ(s.told(s.other).size(), 1U);
  EXPECT_EQ(s.told(s.other)[0].hold.until, kForGood);
  EXPECT_TRUE(s.told(s.ingest).empty()) << "it has said so itself";
  s.control(s.other, wire::Verb::kResume, s.after(2));
  ASSERT_EQ(s.told(s.ingest).size(), 1U);
  EXPECT_EQ(s.told(s.ingest)[0].hold.until, wire::kOpened);
  // It was lost: an hour later that ingest still announces the pause, and is told again.
  s.bench.announces.reset();
  s.bench.pass(hours(1));
  s.bench.clear();
  s.announce(s.ingest, kForGood, s.after(1), 3);
  ASSERT_EQ(s.told(s.ingest).size(), 1U);
  EXPECT_EQ(s.told(s.ingest)[0].hold.said_at, s.after(2));
  EXPECT_EQ(s.sent_now("1"), 1U);
}

TEST(Hearing, WhatAParkingDoesNotNameItIsTold) {
  TwoIngests s;
  s.control(s.ingest, wire::Verb::kPause, s.after(1));
  s.bench.clear();
  s.bench.say(s.other, wire::Announced{"q", 0});
  ASSERT_EQ(s.told(s.other).size(), 1U);
  EXPECT_EQ(s.told(s.other)[0].key, "api:k");
  s.bench.clear();
  s.announce(s.other, kForGood, s.after(1));
  s.bench.say(s.other, wire::Announced{"q", 1});
  EXPECT_TRUE(s.told(s.other).empty());
  s.bench.say(s.other, wire::Announced{"q", 0});  // its parking was lost
  EXPECT_EQ(s.told(s.other).size(), 1U);
}

// It was cut off from that ingest while the key was opened.
TEST(Hearing, AResumeThatWasMissedIsHeardOfFromParking) {
  TwoIngests s;
  s.control(s.ingest, wire::Verb::kPause, s.after(1));
  EXPECT_EQ(s.sent_now("1"), 0U);
  s.announce(s.other, wire::kOpened, s.after(2));
  EXPECT_EQ(s.bench.said<wire::Record>().size(), 1U);  // on record here, too
  s.bench.pass(seconds(1));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  EXPECT_TRUE(s.bench.store().shard("api")->key("api:k")->holds.empty())
      << "the store had heard of the pause alone";
  s.bench.store().wipe("another");
  s.bench.pass(minutes(10));
  const KeyRecord* key = s.bench.store().shard("api")->key("api:k");
  EXPECT_TRUE(key == nullptr || key->holds.empty());
}

TEST(Hearing, WhoSaysAnEarlierWordIsToldThatALaterOneIsKnown) {
  TwoIngests s;
  s.control(s.ingest, wire::Verb::kPause, s.after(5));
  s.bench.clear();
  s.control(s.other, wire::Verb::kResume, s.after(4));
  auto answer = s.bench.said<wire::Controlled>().at(0);
  EXPECT_FALSE(answer.done);
  EXPECT_TRUE(answer.stale);
  EXPECT_EQ(answer.at, s.after(5));
  EXPECT_FALSE(answer.by.empty());
  EXPECT_EQ(s.sent_now("1"), 0U);
  // Another limiter may know what this one does not: then the store says so.
  TwoIngests heir;
  const wire::Hold theirs{wire::HoldKind::kPause, kForGood, "bob", heir.after(9)};
  const StoreAsk ask{1, SetHold{"api", "api:k", true, theirs}};
  static_cast<void>(heir.bench.store().perform(ask, heir.bench.store_now()));
  heir.control(heir.other, wire::Verb::kResume, heir.after(8));
  answer = heir.bench.said<wire::Controlled>().at(0);
  EXPECT_TRUE(answer.stale);
  EXPECT_EQ(answer.at, heir.after(9));
  EXPECT_EQ(answer.by, "bob");
  heir.bench.clear();
  heir.control(heir.other, wire::Verb::kResume, heir.after(10));
  EXPECT_TRUE(heir.bench.said<wire::Controlled>().at(0).done);
}

// A call that was said again came after the resume of another limiter.
TEST(Hearing, AStoreThatIsPausedByAnEarlierWordIsOpened) {
  TwoIngests s;
  s.control(s.ingest, wire::Verb::kResume, s.after(2));
  const wire::Hold late{wire::HoldKind::kPause, kForGood, "ann", s.after(1)};
  const StoreAsk ask{1, SetHold{"api", "", true, late}};
  static_cast<void>(s.bench.store().perform(ask, s.bench.store_now()));
  s.control(s.ingest, wire::Verb::kResume, s.after(3), "");
  static_cast<void>(s.bench.store().perform(ask, s.bench.store_now()));
  s.bench.clear();
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  s.bench.pass(seconds(1));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
}

TEST(Hearing, AfterAClosureWordsAreSaidOfKeysThatNothingIsKnownOf) {
  Config config = Bench::config();
  config.ingest_stores = {"p", "q"};
  TwoIngests s(config);
  s.control(s.ingest, wire::Verb::kPause, s.after(1), "");
  s.bench.store().wipe("another");
  s.bench.pass(seconds(10));
  s.bench.say(s.other, wire::Announced{"q", 0});
  s.bench.pass(minutes(1));
  MemoryShard& store = *s.bench.store().shard("api");
  ASSERT_NE(store.key(""), nullptr);
  ASSERT_EQ(store.key("")->holds.size(), 1U);
  EXPECT_EQ(store.key("")->holds[0].said_at, s.after(1));
}

// ---- penalties

TEST(Hearing, APenaltyOfAKeyWithRowsIsRecalledSaidToWhoComesAndSurvivesAResume) {
  TwoIngests s;
  const StoreTime until = s.bench.store_now() + hours(1);
  s.bench.say(
      s.ingest,
      wire::Parked{"p", "api:k", "api", 5, 1, {{wire::HoldKind::kPenalty, until, "upstream"}}});
  ASSERT_EQ(s.bench.said<wire::Recall>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Recall>()[0].until, until);
  s.bench.clear();
  s.bench.up(wire::Role::kIngest);
  s.bench.dispatcher();
  EXPECT_EQ(s.bench.said<wire::Recall>().size(), 2U);
  s.control(s.ingest, wire::Verb::kPause, s.after(1));
  s.control(s.ingest, wire::Verb::kResume, s.after(2));
  s.bench.pass(minutes(2));
  EXPECT_EQ(s.sent_now("1"), 0U);
  EXPECT_EQ(s.bench.core->explain_key("api:k", s.bench.now)->key_why, wire::Wait::kPenalty);
}

TEST(Hearing, AbnormalUsageIsPutIntoParkingAndHoldsWhenAllHaveForgotten) {
  TwoIngests s;
  s.bench.say(s.dispatcher, wire::Penalty{"api", "api:k", false, {}, true});
  ASSERT_EQ(s.told(s.ingest).size(), 1U);
  ASSERT_EQ(s.told(s.other).size(), 1U);
  const wire::Word word = s.told(s.ingest)[0];
  EXPECT_EQ(word.hold.until, kForGood);
  EXPECT_EQ(word.hold.by, "abnormal_usage");
  TwoIngests later;
  later.announce(later.ingest, word.hold.until, word.hold.said_at, 1);
  EXPECT_EQ(later.sent_now("1"), 0U);
  later.control(later.ingest, wire::Verb::kResume, word.hold.said_at + seconds(1));
  later.bench.pass(seconds(1));
  EXPECT_EQ(later.bench.said<wire::Dispatch>().size(), 1U);
}

TEST(Hearing, WhichStoresAreAwaitedIsNamed) {
  Config config = Bench::config();
  config.ingest_stores = {"p", "q"};
  TwoIngests s(config);
  EXPECT_TRUE(s.bench.core->awaited().empty());
  s.bench.store().wipe("another");
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  s.bench.pass(seconds(10));
  EXPECT_EQ(s.bench.core->awaited(), std::set<std::string>{"q"});
  EXPECT_EQ(s.bench.core->explain_key("api:k", s.bench.now)->awaited,
            std::vector<std::string>{"q"});
  s.bench.say(s.other, wire::Announced{"q", 0});
  EXPECT_TRUE(s.bench.core->awaited().empty());
}

}  // namespace
}  // namespace sluice::limiter
