// Calls of the store that were not answered yet. An answer may be lost, and the store may fail:
// every call is said again, under a new number, until it is answered; an answer to an old number is
// no answer. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "limiter/store.h"

namespace sluice::limiter {

class Calls {
 public:
  StoreAsk say(Call call, Instant now) {
    const std::uint64_t id = ++last_id_;
    open_.emplace(id, Open{call, now});
    return StoreAsk{id, std::move(call)};
  }
  // What was asked, when this is its answer.
  std::optional<Call> answered(std::uint64_t call_id) {
    const auto at = open_.find(call_id);
    if (at == open_.end()) return std::nullopt;
    Call call = std::move(at->second.call);
    open_.erase(at);
    return call;
  }
  // What a person wanted of it before is no longer to be said again.
  void drop_holds(const std::string& upstream, const std::string& key) {
    const auto of_it = [&](const Call& call) {
      const auto* hold = std::get_if<SetHold>(&call);
      return hold != nullptr && hold->upstream == upstream && hold->key == key;
    };
    std::erase_if(open_, [&](const auto& entry) { return of_it(entry.second.call); });
    std::erase_if(later_, [&](const auto& entry) { return of_it(entry.second); });
  }
  // A hold of this upstream, or of a key of it, is not known to be written yet.
  [[nodiscard]] bool holding(const std::string& upstream) const {
    const auto of_it = [&](const Call& call) {
      const auto* hold = std::get_if<SetHold>(&call);
      return hold != nullptr && hold->upstream == upstream;
    };
    return std::any_of(open_.begin(), open_.end(),
                       [&](const auto& entry) { return of_it(entry.second.call); }) ||
           std::any_of(later_.begin(), later_.end(),
                       [&](const auto& entry) { return of_it(entry.second); });
  }
  void again_at(Call call, Instant when) { later_.emplace(when, std::move(call)); }
  // What is to be said again now: said longer ago than `patience`, or put off until now.
  std::vector<Call> take_due(Instant now, Duration patience) {
    std::vector<Call> due;
    while (!open_.empty() && open_.begin()->second.said_at + patience <= now) {
      due.push_back(std::move(open_.begin()->second.call));
      open_.erase(open_.begin());
    }
    while (!later_.empty() && later_.begin()->first <= now) {
      due.push_back(std::move(later_.begin()->second));
      later_.erase(later_.begin());
    }
    return due;
  }
  [[nodiscard]] Instant next(Duration patience) const {
    Instant next = open_.empty() ? Instant::never() : open_.begin()->second.said_at + patience;
    if (!later_.empty() && later_.begin()->first < next) next = later_.begin()->first;
    return next;
  }
  // Some that are to be written wait for an answer or for being said again. Mere questions (what
  // time is it, when would it go, how long is it closed, which limits hold) keep nobody from
  // leaving: a store that is away has no answers. Nor does what others remember as well.
  [[nodiscard]] bool writes() const {
    const auto writes = [](const Call& call) {
      if (const auto* emptied = std::get_if<Emptied>(&call)) return !emptied->lines.empty();
      if (const auto* edit = std::get_if<SetLimits>(&call)) return edit->said_at.us == 0;
      return !std::holds_alternative<AskClock>(call) && !std::holds_alternative<Peek>(call) &&
             !std::holds_alternative<AskLimits>(call);
    };
    return std::any_of(open_.begin(), open_.end(),
                       [&](const auto& entry) { return writes(entry.second.call); }) ||
           std::any_of(later_.begin(), later_.end(),
                       [&](const auto& entry) { return writes(entry.second); });
  }

 private:
  struct Open {
    Call call;
    Instant said_at;
  };
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Open> open_;  // in the order said
  std::multimap<Instant, Call> later_;
};

}  // namespace sluice::limiter
