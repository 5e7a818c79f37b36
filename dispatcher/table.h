// The one table of attempts (design 4 step 4), pure:
//
//   state      means                               leaves to
//   queued     taken, waits for room in flight      running, ended (not started)
//   running    StartHttp was asked for              ended
//   ended      has an outcome that no limiter has   completed
//              said Completed for; said again
//   completed  the store has it (completed.h)       gone, when its lease has ended
//
// An attempt that is in the table is never started a second time, whoever asks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dispatcher/completed.h"
#include "lib/base/instant.h"
#include "lib/wire/messages.h"
#include "lib/wire/peer.h"

namespace sluice::dispatcher {

enum class AttemptState : std::uint8_t { kQueued, kRunning, kEnded };

// What is known of an attempt that is not completed.
struct OpenAttempt {
  std::string upstream;
  std::string key;
  std::uint64_t owner_life = 0;  // of the limiter that dispatched it, or asked for it
  wire::PeerId asker;            // another limiter that wants to know; 0: none
  StoreTime granted_at;
  StoreTime start_by;
  StoreTime deadline;       // then it has ended; 0: an older limiter says none
  wire::Dispatch dispatch;  // queued: what to start
  bool trial = false;       // running: the one that a half-open breaker let through
  bool recalled = false;    // running: it may not leave any more, if it has not yet
  wire::Outcome outcome;    // ended
  std::uint32_t said = 0;   // how often
  Instant due;              // queued, running: given up; ended: said again
};

// An upstream's entries, by state.
struct InUpstream {
  std::size_t queued = 0;
  std::size_t running = 0;
  std::size_t ended = 0;
  std::size_t entries = 0;  // these and the completed ones
  std::size_t own_max = 0;  // of the entries, those that take nobody else's place
  [[nodiscard]] std::size_t open() const { return queued + running + ended; }
};

struct Entry {
  std::uint64_t number = 0;  // grows with each entry: the order of arrival
  wire::Attempt attempt;
  AttemptState state = AttemptState::kQueued;
  InUpstream* in = nullptr;  // where it is counted
  StoreTime lease_end;
  std::unique_ptr<OpenAttempt> open;
};

// Attempts that are not completed, by upstream and by who dispatched them.
struct Held {
  std::uint64_t count = 0;
  std::uint64_t hash = 0;  // XOR of short_hash(identity)
};
class AttemptTable {
 public:
  // Not completed.
  Entry* find(const wire::Attempt& attempt);
  [[nodiscard]] const Entry* find(const wire::Attempt& attempt) const;
  // Completed.
  [[nodiscard]] std::optional<HowEnded> completed(const wire::Attempt& attempt) const {
    return completed_.find(attempt);
  }
  // A bulkhead: so many entries of this upstream take no room of `shared`.
  void set_own(const std::string& upstream, std::size_t max) { upstreams_[upstream].own_max = max; }
  // How many more of this upstream there is room for, where all share `shared` beyond their own.
  [[nodiscard]] std::size_t room(const std::string& upstream, std::size_t shared) const;
  // Enters it as queued. It must not be in the table; `due` as in OpenAttempt.
  Entry& enter(const wire::Attempt& attempt, OpenAttempt open, StoreTime lease_end);
  void run(Entry& entry, Instant due);
  // Queued or running -> ended.
  void end(Entry& entry, wire::Outcome outcome, Instant due);
  void set_due(Entry& entry, Instant due);
  // The entry leaves; how it ended stays.
  void complete(Entry& entry);
  // Completed entries whose lease ended before `low` leave.
  void let_go(StoreTime low);

  // The queued or running (`ended` false) or ended entry that is due first; nullptr: none.
  [[nodiscard]] Entry* first_due(bool ended) const;
  [[nodiscard]] Instant next_due(bool ended) const;
  // The queued attempts of an upstream in the order of their arrival.
  [[nodiscard]] const std::map<std::uint64_t, Entry*>& queued(const std::string& upstream) const;
  // Those of one key; an empty key: all of them.
  [[nodiscard]] std::vector<Entry*> queued_of(const std::string& upstream,
                                              const std::string& key) const;
  [[nodiscard]] std::vector<Entry*> running_of(const std::string& upstream,
                                               const std::string& key) const;
  // All that are ended and not completed, oldest first.
  [[nodiscard]] std::vector<Entry*> unsettled() const;

  [[nodiscard]] std::size_t size() const { return entries_.size() + completed_.size(); }
  [[nodiscard]] bool all_completed() const { return entries_.empty(); }
  [[nodiscard]] InUpstream in_upstream(const std::string& upstream) const;
  [[nodiscard]] Held held_of(std::uint64_t life) const;
  [[nodiscard]] std::size_t open_of(std::uint64_t life, const std::string& upstream) const;

 private:
  struct HashAttempt {
    std::size_t operator()(const wire::Attempt& attempt) const noexcept {
      return std::hash<std::string>{}(attempt.identity) ^ (attempt.serial * 0x9e3779b97f4a7c15ULL);
    }
  };
  using Agenda = std::map<std::pair<Instant, std::uint64_t>, Entry*>;

  Agenda& agenda_of(const Entry& entry);
  void count(const Entry& entry, bool in);

  std::unordered_map<wire::Attempt, Entry, HashAttempt> entries_;
  std::uint64_t entered_ = 0;
  Agenda unfinished_;
  Agenda unsaid_;
  CompletedAttempts<InUpstream*> completed_;
  std::map<std::string, std::map<std::uint64_t, Entry*>> queues_;
  std::map<std::string, InUpstream> upstreams_;
  std::size_t shared_used_ = 0;
  std::map<std::uint64_t, Held> held_;
  std::map<std::pair<std::uint64_t, std::string>, std::size_t> open_;
};

}  // namespace sluice::dispatcher
