// The attempts of one key (or of one upstream as a whole) that the watch remembers, in the order of
// their grants, and the questions that limits ask of them. Pure.
//
// A set of attempts is held against the limits that its last grant was given under: an edit that
// tightens holds from its first grant on, one that loosens is not held against what came before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/instant.h"

namespace sluice::auditor {

// One attempt: its request arrived somewhere in [granted, completed].
struct Interval {
  StoreTime granted;
  StoreTime completed;
  StoreTime freed;            // its first end that is known: a late answer moves only `completed`
  std::uint64_t attempt = 0;  // its name, shortened: the same attempt takes its own place
  std::uint64_t units = 1;    // of a rate limit
  std::uint32_t version = 0;  // of the limits that it was granted under; 0: not known
  bool answered = false;      // only an answer proves arrival
};

// The fullest set that was found.
struct Fullest {
  std::uint64_t units = 0;
  std::uint32_t attempts = 0;
  StoreTime first_granted;
  StoreTime last_completed;
};

// What a question is about: sets that hold the attempt at `place` and whose last grant is under
// `version`; what does not exceed n is of no interest and may be answered with nothing.
struct Asked {
  std::size_t place = 0;
  std::uint32_t version = 0;
  std::uint64_t n = 0;
};

class WatchLog {
 public:
  // From now on open_together() may be asked.
  void count_ends();

  // Keeps what completed within `span` before the newest completion. Returns the attempt's place.
  std::size_t remember(Interval attempt, Duration span);

  // The most units of answered attempts that lie whole in one closed window.
  [[nodiscard]] Fullest certainly_within(const Asked& asked, Duration window) const;
  // The most units that can have arrived in one closed window.
  [[nodiscard]] std::uint64_t possibly_within(const Asked& asked, Duration window) const;
  // The most units that were open at one instant, and all of them for longer than `overlap`.
  [[nodiscard]] Fullest open_together(const Asked& asked, Duration overlap) const;

  // Versions of the attempts from this place on, each once: whose limits may be asked about it.
  [[nodiscard]] std::vector<std::uint32_t> versions_from(std::size_t place) const;
  [[nodiscard]] std::size_t size() const { return log_.size(); }
  [[nodiscard]] std::uint64_t units() const { return units_before(log_.size()) - forgotten_; }
  [[nodiscard]] StoreTime newest() const { return newest_; }

 private:
  struct Entry : Interval {
    std::uint64_t before = 0;  // units of all that were granted before it
  };
  [[nodiscard]] std::size_t first_granted_from(StoreTime at) const;
  [[nodiscard]] std::uint64_t units_before(std::size_t place) const;
  [[nodiscard]] std::uint64_t units_granted(StoreTime from, StoreTime to) const;
  void take_out(const Interval& attempt, StoreTime& freed);
  void trim(StoreTime before);
  [[nodiscard]] Fullest within(std::size_t first, const Asked& asked, StoreTime end) const;

  [[nodiscard]] std::size_t open_at(StoreTime at) const;

  std::vector<Entry> log_;
  std::vector<StoreTime> ends_;  // `freed` of all in the log, sorted
  bool counts_ends_ = false;
  bool is_weighted_ = false;     // some cost more than one unit
  StoreTime newest_;             // completion
  std::uint64_t forgotten_ = 0;  // units of what was trimmed
  Duration longest_;             // from a grant to a completion
};

}  // namespace sluice::auditor
