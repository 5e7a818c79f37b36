// Ingest's core: limiters come, leave and die, and keys move with them. (now, input) -> effects.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "ingest/rendezvous.h"
#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

// Twenty keys of two limiters, each with one copy that its limiter has.
struct TwoLimiters : World {
  TwoLimiters() {
    limiter_up(1, "limiter-1");
    limiter_up(2, "limiter-2");
    for (int n = 0; n < 20; ++n) {
      const std::string key = "onlyfans:k" + std::to_string(n);
      accept(queue_copy("id" + std::to_string(n), key, "r" + std::to_string(n)));
    }
    for (const wire::Send& send : sends) {
      if (const auto* offer = std::get_if<wire::Offer>(&send.item))
        keys[send.peer.n].insert(offer->key);
    }
    clear();
  }
  std::map<std::uint64_t, std::set<std::string>> keys;  // by peer

  std::set<std::string> offered_to(std::uint64_t peer) {
    std::set<std::string> found;
    for (const wire::Send& send : sends) {
      const auto* offer = std::get_if<wire::Offer>(&send.item);
      if (offer != nullptr && send.peer.n == peer) found.insert(offer->key);
    }
    return found;
  }
};

TEST(Owners, BothHaveKeysAndEachHasItsOwn) {
  TwoLimiters w;
  EXPECT_GT(w.keys[1].size(), 3U);
  EXPECT_GT(w.keys[2].size(), 3U);
  EXPECT_EQ(w.keys[1].size() + w.keys[2].size(), 20U);
}

TEST(Owners, WhoDiesLeavesItsKeysToTheOthers) {
  TwoLimiters w;
  w.complete(wire::PeerDown{PeerId{1}});
  const auto heirs = w.offered_to(2);
  EXPECT_TRUE(std::includes(heirs.begin(), heirs.end(), w.keys[1].begin(), w.keys[1].end()));
  EXPECT_TRUE(w.sent<wire::Moved>().empty());  // nobody is there to be told
}

TEST(Owners, WhoSaysThatItLeavesIsOfferedNothingMore) {
  TwoLimiters w;
  w.from(1, wire::Moved{});
  const auto heirs = w.offered_to(2);
  EXPECT_TRUE(std::includes(heirs.begin(), heirs.end(), w.keys[1].begin(), w.keys[1].end()));
  EXPECT_TRUE(w.offered_to(1).empty());
  EXPECT_TRUE(w.sent<wire::Moved>().empty());  // it has let go by itself
  EXPECT_EQ(w.sent<wire::Announced>().size(), 1U);
  w.clear();
  w.complete(wire::PeerDown{PeerId{1}});
  EXPECT_TRUE(w.sends.empty());  // its heirs have everything
  // What it holds while it finishes is nobody's concern.
  TwoLimiters again;
  again.from(1, wire::Moved{});
  again.clear();
  for (int n = 0; n < 5; ++n) again.complete(wire::PeerFacts{PeerId{1}, {}, 3, 77, {}});
  EXPECT_TRUE(again.sent<wire::Announced>().empty());
}

TEST(Owners, WhenAllLeaveCopiesWaitForWhoComes) {
  TwoLimiters w;
  w.from(1, wire::Moved{});
  w.from(2, wire::Moved{});
  w.clear();
  w.accept(queue_copy("new", "onlyfans:new", "r"));
  EXPECT_TRUE(w.sent<wire::Offer>().empty());
  w.limiter_up(3, "limiter-3");
  EXPECT_EQ(w.offered_to(3).size(), 21U);
}

// Who had the key is told that it moved, and is asked for no more of it; copies go to the newcomer.
TEST(Owners, WhoComesTakesItsKeysFromWhoHadThem) {
  TwoLimiters w;
  w.limiter_up(3, "limiter-3");
  std::set<std::string> moved;
  for (const wire::Send& send : w.sends) {
    const auto* word = std::get_if<wire::Moved>(&send.item);
    if (word == nullptr) continue;
    EXPECT_TRUE(w.keys[send.peer.n].contains(word->key));
    EXPECT_EQ(word->store, "ingest-1");
    EXPECT_EQ(word->upstream, "onlyfans");
    moved.insert(word->key);
  }
  EXPECT_GT(moved.size(), 2U);
  EXPECT_EQ(w.offered_to(3), moved);
  for (const std::string& key : moved) {
    EXPECT_GT(rendezvous_score("limiter-3", key), rendezvous_score("limiter-1", key));
    EXPECT_GT(rendezvous_score("limiter-3", key), rendezvous_score("limiter-2", key));
  }
}

TEST(Owners, AKeyThatMovesWhileItsRowsAreReadIsWithdrawn) {
  World w;
  for (std::uint64_t n = 0; n < 20; ++n)
    w.accept(submission(n, std::to_string(n), "onlyfans:k" + std::to_string(n)));
  w.limiter_up(1, "limiter-1");
  w.parking_answers = false;
  for (int n = 0; n < 20; ++n) {
    const auto id = static_cast<std::uint64_t>(n + 1);
    w.from(1, wire::Want{id, "ingest-1", "onlyfans:k" + std::to_string(n), 4});
  }
  const std::vector<ParkingCall> reads = std::exchange(w.unanswered, {});
  w.limiter_up(2, "limiter-2");
  w.clear();
  for (const ParkingCall& read : reads)
    w.complete(ParkingReply{read.call_id, w.parking.apply(read.call)});
  const std::size_t moved = w.sent<wire::Moved>().size();
  EXPECT_GT(moved, 2U);
  EXPECT_EQ(w.sent<wire::Offer>().size(), 20U - moved);
  EXPECT_EQ(w.sent<wire::Rows>().size(), 20U);
}

// As above, but the rows are read because heartbeats differ: nothing else names those keys.
TEST(Owners, AKeyThatMovesWhileItsRowsAreOfferedAgainIsWithdrawn) {
  World w;
  for (std::uint64_t n = 0; n < 20; ++n)
    w.accept(submission(n, std::to_string(n), "onlyfans:k" + std::to_string(n)));
  w.limiter_up(1, "limiter-1");
  for (std::uint64_t n = 0; n < 20; ++n)
    w.from(1, wire::Want{n + 1, "ingest-1", "onlyfans:k" + std::to_string(n), 4});
  w.parking_answers = false;
  for (int n = 0; n < 3; ++n) w.complete(wire::PeerFacts{PeerId{1}, {}, 3, 77, {}});
  const std::vector<ParkingCall> reads = std::exchange(w.unanswered, {});
  w.clear();
  w.limiter_up(2, "limiter-2");
  w.parking_answers = true;
  for (const ParkingCall& read : reads)
    w.complete(ParkingReply{read.call_id, w.parking.apply(read.call)});
  const std::size_t moved = w.sent<wire::Moved>().size();
  EXPECT_GT(moved, 2U);
  EXPECT_EQ(w.sent<wire::Offer>().size(), 20U - moved);
}

// A pause closes a key wherever a grant for it may lie; what charges is said to one alone.
TEST(Owners, PausesGoToAllAndChargesToOne) {
  TwoLimiters w;
  ControlKey word;
  word.request_id = 1;
  word.verb = wire::Verb::kPause;
  word.upstream = "onlyfans";
  word.key = "onlyfans:k1";
  w.accept(word);
  EXPECT_EQ(w.sent<wire::Control>().size(), 2U);
  EXPECT_EQ(w.sent<wire::Parked>().size(), 2U);  // so does its hold, with rows or without
  w.clear();
  for (const std::string key : {"onlyfans:k2", ""}) {
    word.request_id += 1;
    word.verb = wire::Verb::kConsume;
    word.amount = 3;
    word.key = key;
    w.accept(word);
    EXPECT_EQ(w.sent<wire::Control>().size(), 1U) << key;
    w.clear();
  }
}

}  // namespace
}  // namespace sluice::ingest
