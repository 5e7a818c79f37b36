// Fair turns: shares follow weights, whatever the costs, and nobody starves.
#include "limiter/turns.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace sluice::limiter {
namespace {

struct Member {
  std::uint32_t weight = 1;
  std::uint32_t cost = 1;
  Standing standing = {};
  std::uint64_t charged = 0;
  std::uint64_t waited = 0;   // what others were charged since its last turn
  std::uint64_t longest = 0;  // of these
};

void enter(Turns<Member>& turns, Member& member) {
  turns.enter(member, member.standing, member.cost, member.weight);
}

// One turn: the first is charged and stands again.
Member& turn(Turns<Member>& turns, std::vector<Member>& members) {
  Member& first = turns.front();
  turns.pop_front();
  turns.charge(first.standing, first.cost);
  first.charged += first.cost;
  for (Member& member : members) {
    if (&member != &first) member.waited += first.cost;
    member.longest = std::max(member.longest, member.waited);
  }
  first.waited = 0;
  enter(turns, first);
  return first;
}

TEST(Turns, ByTheRingWhenAllAreAlike) {
  Turns<Member> turns;
  std::vector<Member> members(3);
  for (Member& member : members) enter(turns, member);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(&turn(turns, members), &members[i % 3]);
}

TEST(Turns, AMillionTakesNoMoreStepsThanOne) {
  Turns<Member> turns;
  std::vector<Member> members(2);
  members[0].cost = 1'000'000;
  for (Member& member : members) enter(turns, member);
  while (members[0].charged == 0) turn(turns, members);
  EXPECT_NEAR(static_cast<double>(members[1].charged), 1e6, 1);
}

TEST(Turns, AloneItNeverWaits) {
  Turns<Member> turns;
  std::vector<Member> members(1);
  members[0].cost = 1'000'000;
  enter(turns, members[0]);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(&turn(turns, members), &members[0]);
}

TEST(Turns, WhoKeepsItsTurnIsTheNextAgain) {
  Turns<Member> turns;
  std::vector<Member> members(4);
  for (Member& member : members) enter(turns, member);
  for (int i = 0; i < 3; ++i) turns.pop_front();  // three were asked for; the last two came back
  turns.charge(members[0].standing, 1);
  enter(turns, members[0]);
  for (const int i : {2, 1}) {
    Turns<Member>::keep(members[static_cast<std::size_t>(i)].standing);
    enter(turns, members[static_cast<std::size_t>(i)]);
  }
  for (const std::size_t i : {1U, 2U, 3U, 0U}) EXPECT_EQ(&turn(turns, members), &members[i]);
}

// A visit that came to nothing costs nothing and gives nothing.
TEST(Turns, AVisitInVainChangesNoShare) {
  Turns<Member> turns;
  std::vector<Member> members(2);
  for (Member& member : members) enter(turns, member);
  for (int i = 0; i < 1000; ++i) {
    while (&turns.front() == &members[1] && i % 2 == 0) {
      turns.pop_front();
      enter(turns, members[1]);
    }
    turn(turns, members);
  }
  EXPECT_NEAR(static_cast<double>(members[0].charged), 500, 2);
}

TEST(Turns, WhoWasAwayIsOwedNothingAndItsDebtIsPaid) {
  Turns<Member> turns;
  std::vector<Member> members(2);
  for (Member& member : members) enter(turns, member);
  Member late;
  for (int i = 0; i < 1000; ++i) turn(turns, members);
  enter(turns, late);  // joins the round that is on: two turns before it at most
  int before = 0;
  while (&turns.front() != &late) turn(turns, members), ++before;
  EXPECT_LE(before, 3);
  turns.pop_front();
  turns.charge(late.standing, 1'000);  // dearer than it was when it entered
  for (int i = 0; i < 4000; ++i) turn(turns, members);
  enter(turns, late);
  before = 0;
  while (&turns.front() != &late) turn(turns, members), ++before;
  EXPECT_LE(before, 3);
}

RC_GTEST_PROP(Turns, SharesFollowWeightsAndNobodyStarves, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(2, 9);
  std::vector<Member> members(count);
  std::uint64_t weights = 0;
  std::uint32_t dearest = 1, lightest = 1000;
  for (Member& member : members) {
    member.weight = *rc::gen::inRange(1U, 50U);
    member.cost = *rc::gen::weightedElement<std::uint32_t>({{4, 1}, {2, 7}, {1, 300}, {1, 5000}});
    weights += member.weight;
    dearest = std::max(dearest, member.cost);
    lightest = std::min(lightest, member.weight);
  }
  Turns<Member> turns;
  for (Member& member : members) enter(turns, member);
  for (int i = 0; i < 20'000; ++i) turn(turns, members);
  std::uint64_t total = 0;
  for (const Member& member : members) total += member.charged;
  // In units of rounds: everyone has had what its weight is worth, up to one message and a round.
  const double rounds = static_cast<double>(total) / static_cast<double>(weights);
  const double slack = 3.0 + 2.0 * dearest / lightest;
  for (const Member& member : members) {
    const double had = static_cast<double>(member.charged) / member.weight;
    RC_ASSERT(had > rounds - slack);
    RC_ASSERT(had < rounds + slack);
    const double worst =
        (static_cast<double>(member.cost) / member.weight + 2) * static_cast<double>(weights) +
        2.0 * dearest * static_cast<double>(count);
    RC_ASSERT(static_cast<double>(member.longest) <= worst);
  }
}

}  // namespace
}  // namespace sluice::limiter
