// What goes in order (rule 4 of design 4.2): of a key's messages that say so one goes after the
// other has ended. Tables of (now, input) -> effects.
#include <gtest/gtest.h>

#include "lib/wire/words.h"
#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

Config crowded() {
  Config config = Bench::config();
  config.upstreams.front().in_flight_per_key = 3;
  return config;
}

struct Ordered : Started {
  explicit Ordered(Config config = crowded()) : Started(std::move(config)) { bench.clear(); }

  void offer(const std::string& id, std::int64_t order, bool in_order = true) {
    wire::Offer offer = bench.offer(id, order);
    offer.in_order = in_order;
    offer.stops_dead = stops;
    bench.say(ingest, std::move(offer));
  }
  void end(wire::Ended ended) {
    wire::Outcome outcome = bench.outcome(bench.said<wire::Dispatch>().back(), ended);
    if (ended == wire::Ended::kRefused) outcome.status = 404;
    bench.say(dispatcher, std::move(outcome));
  }
  void record() {
    for (const auto& line : bench.said<wire::Record>()) {
      bench.say(auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
    }
  }
  // The ids of those that went, in their order.
  [[nodiscard]] std::string gone() const {
    std::string ids;
    for (const auto& dispatch : bench.said<wire::Dispatch>()) ids += dispatch.request.body;
    return ids;
  }

  bool stops = false;
};

TEST(InOrder, OneGoesAfterTheOtherHasEnded) {
  Ordered line;
  for (const char* id : {"c", "a", "b"}) line.offer(id, id[0]);
  EXPECT_EQ(line.gone(), "c") << "nothing else was there yet";
  line.end(wire::Ended::kDelivered);
  EXPECT_EQ(line.gone(), "ca");
  line.end(wire::Ended::kRefused);
  EXPECT_EQ(line.gone(), "cab");
}

TEST(InOrder, OthersOfAKeyGoSideBySide) {
  Ordered line;
  for (const char* id : {"a", "b", "c"}) line.offer(id, id[0], false);
  EXPECT_EQ(line.gone(), "abc");
}

TEST(InOrder, ARetryStaysTheHead) {
  Ordered line;
  line.offer("a", 1);
  line.offer("b", 2);
  line.end(wire::Ended::kFailed);
  line.bench.pass(seconds(4));
  EXPECT_EQ(line.gone(), "a");
  EXPECT_TRUE(line.bench.said<wire::Park>().empty());
  line.bench.pass(minutes(1));
  EXPECT_EQ(line.gone(), "aa");
  line.end(wire::Ended::kDelivered);
  EXPECT_EQ(line.gone(), "aab");
}

TEST(InOrder, ARetryThatGivesWayWouldNot) {
  Config config = crowded();
  config.mutations.retry_gives_way = true;
  Ordered line(std::move(config));
  line.offer("a", 1);
  line.offer("b", 2);
  line.end(wire::Ended::kFailed);
  EXPECT_EQ(line.gone(), "ab");
}

TEST(InOrder, WhatIsInNoOrderPassesWhoWaits) {
  Ordered line;
  line.offer("a", 1);
  line.offer("b", 2);
  line.offer("x", 3, false);
  EXPECT_EQ(line.gone(), "a") << "one at a time, whatever in_flight_per_key says";
  line.end(wire::Ended::kFailed);
  EXPECT_EQ(line.gone(), "ax");
  line.end(wire::Ended::kDelivered);
  EXPECT_EQ(line.gone(), "ax");
  line.bench.pass(minutes(1));
  EXPECT_EQ(line.gone(), "axa");
}

TEST(InOrder, WhoWaitsForItsTimeHoldsUpThoseBehindIt) {
  Ordered line;
  wire::Offer later = line.bench.offer("a", 1);
  later.in_order = true;
  later.not_before = line.bench.store_now() + seconds(90);
  line.bench.say(line.ingest, later);
  line.offer("b", 2);
  line.bench.pass(seconds(89));
  EXPECT_EQ(line.gone(), "");
  line.bench.pass(seconds(2));
  EXPECT_EQ(line.gone(), "a");
  line.end(wire::Ended::kDelivered);
  EXPECT_EQ(line.gone(), "ab");
}

// Nobody says what became of the attempt: the next one goes only when the message has ended.
TEST(InOrder, AnAttemptOfUnknownFateHoldsUpThoseBehindIt) {
  Ordered line;
  line.offer("a", 1);
  line.offer("b", 2);
  line.bench.down(line.dispatcher);
  line.dispatcher = line.bench.dispatcher();
  line.bench.announces = line.ingest;
  line.bench.pass(minutes(3));
  EXPECT_EQ(line.gone().substr(0, 2), "aa");
  EXPECT_EQ(line.gone().find('b'), std::string::npos);
  line.end(wire::Ended::kDelivered);
  EXPECT_EQ(line.gone().back(), 'b');
}

TEST(InOrder, WhatIsCancelledHoldsUpNobody) {
  Ordered line;
  line.offer("a", 1);
  line.end(wire::Ended::kFailed);
  line.offer("b", 2);
  wire::Offer cancelled = line.bench.offer("a", 1);
  cancelled.in_order = cancelled.cancelled = true;
  line.bench.say(line.ingest, cancelled);
  EXPECT_EQ(line.gone(), "ab");
}

// ---- a dead message that stops its key

struct Stop : Ordered {
  Stop() {
    stops = true;
    offer("a", 1);
    offer("b", 2);
    end(wire::Ended::kRefused);
  }
  void resume(Duration later) {
    wire::Control word;
    word.control_id = 7;
    word.verb = wire::Verb::kResume;
    word.upstream = "api";
    word.key = "api:k";
    word.by = "ann";
    word.said_at = bench.store_now() + later;
    bench.say(ingest, word);
  }
};

TEST(InOrder, ADeadOneStopsItsKeyUntilAPersonOpensIt) {
  Stop line;
  EXPECT_EQ(line.gone(), "a");
  const auto words = line.bench.said<wire::Word>();
  ASSERT_EQ(words.size(), 1U);
  EXPECT_EQ(words[0].key, "api:k");
  EXPECT_EQ(words[0].hold.by, wire::kDeadMessage);
  EXPECT_EQ(words[0].hold.until, StoreTime{});
  EXPECT_EQ(line.bench.core->explain_key("api:k", line.bench.now)->key_why, wire::Wait::kPaused);
  line.bench.announces = line.ingest;
  line.bench.pass(minutes(5));
  EXPECT_EQ(line.gone(), "a");
  line.resume(milliseconds(1));
  line.bench.pass(seconds(1));
  EXPECT_EQ(line.gone(), "ab");
}

TEST(InOrder, OneThatIsNotDeadStopsNothing) {
  Ordered line;
  line.stops = true;
  line.offer("a", 1);
  line.offer("b", 2);
  line.end(wire::Ended::kDelivered);
  EXPECT_EQ(line.gone(), "ab");
  EXPECT_TRUE(line.bench.said<wire::Word>().empty());
}

// Its row is read once more after a person has opened the key: that was the last word.
TEST(InOrder, ADeathThatIsHeardOfAgainStopsNothing) {
  Stop line;
  line.record();
  line.resume(milliseconds(1));
  line.bench.pass(seconds(3));
  EXPECT_EQ(line.gone(), "ab");
  line.end(wire::Ended::kDelivered);
  line.offer("a", 1);
  line.offer("c", 3);
  line.bench.pass(seconds(1));
  EXPECT_EQ(line.gone(), "abc");
}

}  // namespace
}  // namespace sluice::limiter
