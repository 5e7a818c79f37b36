// Which faults a run has and how often: drawn once from the seed, all gone after heal().
#pragma once

#include <cstdint>

#include "lib/base/instant.h"
#include "lib/base/prng.h"

namespace sluice::sim {

// The five endings of every outside call.
enum class Ending : std::uint8_t {
  kDone,        // applied, answered
  kRefused,     // not applied, and the answer says that it failed
  kLostBefore,  // not applied, no answer
  kLostAfter,   // applied, no answer
  kLate,        // applied, answered after whoever asked may have given up
};

// How often a call of one kind ends badly; per million.
struct Endings {
  std::uint32_t refused = 0;
  std::uint32_t lost_before = 0;
  std::uint32_t lost_after = 0;
  std::uint32_t late = 0;
  bool in_order = true;  // what is asked later is applied and answered later, unless late
  Duration quick_max = milliseconds(3);  // each way
  Duration late_max = seconds(12);

  Ending draw(Prng& prng) const;
};

struct LinkFaults {
  Duration cut_every{0};  // mean; 0: never
  Duration cut_max = seconds(12);
  Duration stall_every{0};  // mean; a stalled pipe delivers nothing for a while, then all of it
  Duration stall_max = seconds(9);
  Duration delay_max = milliseconds(2);
  std::uint32_t next_life = 0;  // frames for a dead listener reach its next life instead of nobody
};

struct ProcessFaults {
  std::uint32_t crash_at_effect = 0;  // before each effect of a step
  Duration crash_every{0};            // mean
  Duration down_max = seconds(4);
  Duration freeze_every{0};  // mean
  Duration freeze_max = seconds(3);
  Duration stop_every{0};  // mean; SIGTERM: it drains, and leaves when idle
  Duration stop_timeout = seconds(10);
  Duration wall_leap_every{0};  // mean; its wall clock is set, forward or back
  Duration wall_leap_max = minutes(5);
};

struct UpstreamFaults {
  std::uint32_t throttled = 0;      // 429, mostly with Retry-After
  std::uint32_t failed = 0;         // 5xx
  std::uint32_t refused = 0;        // 4xx
  std::uint32_t no_connect = 0;     // the connection is not established
  std::uint32_t hangs_up = 0;       // arrives, is accepted, the connection ends without an answer
  std::uint32_t late_answer = 0;    // arrives, is accepted, answers after our timeout
  std::uint32_t stuck = 0;          // arrives up to unknown_hold later (design 2.1 A5)
  std::uint32_t never_arrives = 0;  // bytes left, nothing arrived, no answer
  Duration answer_max = milliseconds(300);
  Duration retry_after_max = seconds(8);
  Duration outage_every{0};  // mean; for a while no connection at all
  Duration outage_max = seconds(20);
  Duration ban_every{0};  // mean; a key is answered 429 for a while, whatever it sends
  Duration ban_max = seconds(20);
  std::uint32_t abnormal = 0;  // 403 that speaks of abnormal usage
  std::uint32_t lost_end = 0;  // the HTTP port never says how it ended
};

// What befalls the limiter's store as a whole.
struct StoreFaults {
  Duration forget_every{0};       // mean; FLUSHALL, or a replica that lags takes over
  Duration lag_max = seconds(2);  // of such a replica
  std::uint32_t snapshot = 0;     // per million: it is an old snapshot instead
  Duration snapshot_age_max = minutes(1);
  std::uint32_t two_primaries = 0;    // per million: the old one serves some for so long more
  Duration overlap_max = seconds(2);  // at most Settings::store_overlap
  std::uint32_t with_limiter = 0;     // so often its limiter dies at the same moment
  Duration leap_every{0};             // mean; its clock leaps further than anybody tolerates
  Duration leap_max = minutes(2);
};

// What people do: they close and open keys and whole upstreams, and edit limits.
struct PeopleFaults {
  Duration every{0};  // mean
  Duration pause_max = seconds(20);
  Duration edit_every{0};           // mean
  Duration edit_late = seconds(3);  // at most so long after others a process hears of settings
};

struct QueueFaults {
  std::uint32_t second_copy = 0;  // a copy that somebody holds is handed out again
  Duration delay_max = milliseconds(500);
};

struct Faults {
  LinkFaults link;
  ProcessFaults ingest, limiter, dispatcher, auditor, alerter;
  UpstreamFaults upstream;
  QueueFaults queue;
  StoreFaults store_as_whole;
  PeopleFaults people;
  Endings store, parking, queue_calls, trail, ledger, costs, sinks;
  Duration store_step_every{0};  // the store's clock jumps forward, within what callers tolerate
  Duration store_step_max = milliseconds(200);

  // Each family of faults is there or not, and then anywhere between rare and frequent.
  static Faults drawn(Prng& prng);
  // What came later has draws of its own: seeds that are named in scenarios keep most of theirs.
  void draw_later(Prng& prng);
  void draw_latest(Prng& prng);
  // Of costs that are elsewhere.
  void draw_costs(Prng& prng);
  // The world as its builders hoped it would be.
  static Faults none() { return {}; }
};

}  // namespace sluice::sim
