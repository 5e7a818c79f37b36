// Who is next, of those that compete for a limit or for a dispatcher's room: deficit round robin by
// weight and cost (Shreedhar and Varghese, 1996), without visiting anybody in vain: each member
// stands in the round in which its deficit will suffice for its next message, so that a cost of a
// million takes no more steps than a cost of one. Entering and leaving are O(log n). Pure.
//
// What holds of members that always have something to send:
//   - the costs that they were charged grow as their weights, up to one message and one round each;
//   - a message goes at the latest after cost / weight rounds, so that none starves.
// A member that was away is owed nothing for it; what it owed is paid by the rounds that passed.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>

namespace sluice::limiter {

// What is left of a member's turns while it is away.
struct Owed {
  std::int64_t deficit = 0;  // what it may spend; below 0: spent before it was due
  std::uint64_t round = 0;   // the last one whose share is in the deficit
};

// One member's standing; it stays with the member while it is away.
struct Standing : Owed {
  struct Place {
    std::uint64_t round = 0;
    std::uint64_t number = 0;  // within a round, in the order in which they came
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  Place place;         // where it stands, or stood last
  bool keeps = false;  // it comes back to the place that it had
};

template <class Member>
class Turns {
 public:
  // Requires cost >= 1, weight >= 1, and that it is not in already.
  void enter(Member& member, Standing& standing, std::uint32_t cost, std::uint32_t weight) {
    if (standing.keeps && standing.round > 0) {
      standing.keeps = false;
    } else {
      stand(standing, cost, weight);
    }
    members_.emplace(standing.place, &member);
  }
  // It came to nothing, and nobody else's turn came for it: it is to stand where it stood.
  static void keep(Standing& standing) { standing.keeps = true; }
  // Its message goes: only that makes its round the one that is on.
  void charge(Standing& standing, std::uint32_t cost) {
    round_ = std::max(round_, standing.place.round);
    standing.deficit -= cost;
    standing.keeps = false;
  }

  [[nodiscard]] bool empty() const { return members_.empty(); }
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] Member& front() const { return *members_.begin()->second; }
  [[nodiscard]] std::uint64_t front_round() const { return members_.begin()->first.round; }
  // Of the last one whose message went.
  [[nodiscard]] std::uint64_t round() const { return round_; }
  void pop_front() { members_.erase(members_.begin()); }

 private:
  void stand(Standing& standing, std::uint32_t cost, std::uint32_t weight) {
    if (standing.round < round_) {
      // Rounds without it: they pay what it owes, and this one is the first that it shares in.
      const auto missed = static_cast<std::int64_t>(
          std::min<std::uint64_t>(round_ - 1 - standing.round, 1'000'000'000));
      if (standing.deficit < 0) {
        standing.deficit = std::min<std::int64_t>(0, standing.deficit + missed * weight);
      }
      standing.round = round_ - 1;
    }
    const std::int64_t lacks = std::int64_t{cost} - standing.deficit;
    if (lacks > 0) {
      const std::int64_t rounds = (lacks + weight - 1) / weight;
      standing.deficit += rounds * weight;
      standing.round += static_cast<std::uint64_t>(rounds);
    }
    standing.place = {std::max(standing.round, round_), ++last_number_};
  }

  std::uint64_t round_ = 1;
  std::uint64_t last_number_ = 0;
  std::map<Standing::Place, Member*> members_;
};

}  // namespace sluice::limiter
