// What the five processes of a run are told: drawn from the seed, mostly ordinary, now and then at
// an extreme. Times are short, so that minutes of virtual time hold many windows.
#pragma once

#include <cstdint>
#include <vector>

#include "alerter/config.h"
#include "auditor/config.h"
#include "dispatcher/config.h"
#include "ingest/config.h"
#include "lib/base/prng.h"
#include "lib/base/upstream.h"
#include "limiter/config.h"

namespace sluice::sim {

// Planted in the store: what may go wrong with a person's edit of limits (saboteurs_limits.cc).
struct EditBugs {
  bool not_taken = false;       // it is answered, and the limits of before go on
  bool whatever_holds = false;  // made from other limits than hold it is taken, too
  bool said_again = false;      // it comes once more, later
  bool starts_undo = false;     // a limiter that starts takes its settings' limits for new ones
  bool any_version = false;     // who asks by other limits is granted all the same
};

// ... and what else (saboteurs_store.cc).
struct StoreBugs {
  bool old_lives_taken = false;  // a grant of another life of a limiter is given as its own
  bool clock_believed = false;   // whatever its clock says is taken for the time
  bool unknown_passes = false;   // a slot whose fate is unknown counts as if it had arrived
  bool closures_hidden = false;  // only the first limiter is told that it was closed
};

struct Settings {
  std::vector<Upstream> upstreams;
  int ingests = 1;
  int limiters = 1;      // several ask one store
  bool cut_off = false;  // the first ingest reaches the first limiter alone
  int dispatchers = 1;
  int keys = 4;
  int messages = 60;
  int costs = 10;
  std::uint32_t queued = 0;     // how many of the messages come by the queue; per million
  std::uint32_t otherwise = 0;  // how many of these come again with other bytes
  std::uint32_t in_order = 0;   // of how many keys they come by a FIFO queue
  std::uint32_t stops = 0;      // ... and one that is dead stops its key
  std::uint32_t impatient = 0;  // how many of the posted ones take 429 for an answer
  std::uint32_t cancelled = 0;
  std::uint32_t pressing = 0;      // with a priority
  std::uint32_t scheduled = 0;     // with not_before
  Duration sending = seconds(30);  // messages are sent over so long
  Duration safety = minutes(2);    // how long the faults last
  ingest::Config ingest;
  limiter::Config limiter;
  dispatcher::Config dispatcher;
  auditor::Config auditor;
  alerter::Config alerter;
  // A day on which nothing comes between what was said of a message and what happens: what was said
  // must be so (check_p9.cc). The longest that an answer of the upstream takes then.
  bool explained_day = false;
  Duration answer_max;
  // A day on which people are told when their messages go, and that is how it is (check_stated.cc).
  bool stated_day = false;
  bool quiet_morning = false;  // of such a day: nothing fails from the beginning
  // A day on which all keys share one limit, and nothing else holds them up (check_turns.cc).
  bool shared_day = false;
  // For saboteurs: the store's limits are wider than those that the upstream counts; a put is torn
  // so often (per million).
  std::uint32_t store_gives_more = 0;
  std::uint32_t parking_tears = 0;
  bool rows_by_sent_time = false;  // what goes in order is put where its queue's clock says
  EditBugs edit_bugs;
  StoreBugs store_bugs;
  bool edits_forget = false;            // an edit of the limits takes it that nothing went before
  bool warnings_pass = false;           // the store keeps a warning's hold, and nothing else of it
  bool pauses_pass = false;             // the store keeps no pause
  bool lives_pass = false;              // the store takes another life for the one before
  bool store_evicts = false;            // the store loses a key's logs now and then
  Duration store_overlap = seconds(2);  // what its closures allow for
  bool costs_elsewhere = false;         // as in DynamoDB, all else of the ledger is a file
  bool store_crowds = false;            // the store takes it that no attempt of a key is under way

  static Settings drawn(Prng& prng);
  // All who read the table of upstreams read this one.
  void share_upstreams();
  // As Faults::draw_later().
  void draw_later(Prng& prng);
  // Dispatchers have others than limiters, as while a change of them is rolled out.
  void draw_timeouts(Prng& prng);
  // Some keys' messages go in order, where nothing else is promised of their times.
  void draw_in_order(Prng& prng);
  // What is posted goes into a queue, and comes from there.
  void draw_door(Prng& prng);
  void send_into_queue();
  // Costs are elsewhere, and the auditor has little room.
  void draw_costs(Prng& prng);
  // One ingest, rows only, nothing shared that is scarce, nobody cancels.
  void be_explained(Duration longest_answer);
  // One ingest, rows only, keys share nothing, and wait long.
  void be_stated(Prng& prng);
  // One limit of the whole upstream, and more waits than it lets go.
  void be_shared(Prng& prng);
  // Within this after everything is healed, everything is settled.
  [[nodiscard]] Duration settles_within() const;
};

}  // namespace sluice::sim
