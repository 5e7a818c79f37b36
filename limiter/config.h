// What sluice-limiter can be told. All durations are already scaled (time_scale).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/settings.h"
#include "lib/base/upstream.h"

namespace sluice::limiter {

// What the simulation breaks on purpose, to prove that its checkers see it (style.md 5). Nothing
// but the simulation sets these; no setting leads here.
struct Mutations {
  bool rows_not_announced = false;   // rule 1 out: an announcement of rows is not listened to
  bool forget_on_any_empty = false;  // rule 1 out: any empty answer to a Want forgets the key
  bool want_said_once = false;       // rule 3 out: an unanswered Want is not said again
  bool no_overflow = false;          // rule 3 out: a full line turns newcomers away, any order
  // Rule 4 out: queue copies are taken though there are rows, and rows leave a full line for them.
  bool copies_beside_rows = false;
  bool settle_before_record = false;  // P5 broken: Settled before the trail has the lines
  bool one_grant_too_many = false;    // P1 broken: a full window does not stop a message
  bool never_settled_again = false;   // P2 broken: a message that was settled before is ignored
  bool penalty_not_held = false;      // P7 broken: a penalty closes nothing
  bool pause_not_held = false;        // P7 broken: a pause closes nothing
  bool opens_unheard = false;         // P7 broken: opens after a closure whatever is not announced
  bool crowds_after_warning = false;  // P7 broken: not one attempt at a time after a warning
  bool turns_not_taken = false;       // P6 broken: the first key that can go always goes first
  bool one_key_stops_all = false;     // P6 broken: a key's full window stops its whole upstream
  bool retry_gives_way = false;       // order broken: what goes in order lets others pass to retry
};

struct Config {
  std::uint64_t life = 1;           // boot id; grants belong to it
  std::vector<Upstream> upstreams;  // with the settings' limits, until the store says which hold
  Duration guard_min = milliseconds(501);  // of a limit: twice clock_error_max, and 1 ms

  bool shares_store = false;  // with other limiters
  // After a closure nothing is granted before these have announced; empty: any one.
  std::vector<std::string> ingest_stores;

  std::uint32_t line_min = 32;  // line_max = max(this, what goes in line_span)
  Duration line_span = seconds(5);
  std::uint32_t line_cap = 4'096;
  Duration hold_horizon = seconds(30);  // a queue copy that waits longer is parked
  Duration park_after = seconds(5);     // a retry due later than this leaves the line
  Duration ask_latest = seconds(30);    // a refused key is asked for again at the latest then

  Duration want_again = seconds(1);          // until Rows came
  Duration asked_again = seconds(1);         // until the outcome came
  Duration record_again = seconds(5);        // until Recorded came
  Duration store_again = seconds(5);         // a call without an answer is taken for lost
  Duration store_retry = milliseconds(200);  // after the store said that it failed
  Duration clock_age_max = seconds(2);       // an older round trip is measured anew
  Duration ask_within = seconds(2);          // the store refuses a question older than this
  Duration clock_age_grant = seconds(5);     // nothing is asked for with an older one
  // How far the store's clock may be from what is known of it, and how long further off before it
  // is taken for one that stepped.
  Duration clock_error_max = milliseconds(250);
  Duration doubt_for = seconds(2);
  Duration yields_for = minutes(1);         // once it was put right: else two might do so for ever
  Duration tidy_every = milliseconds(100);  // outboxes are emptied, and records forgotten, so often
  Duration share_again = milliseconds(50);  // a limit that others may have left is asked for again
  Duration look_again = seconds(1);         // what is kept by others is looked at again so often
  Duration told_for = seconds(2);           // a settled message without Forgotten is taken for gone
  Duration backlog_every = seconds(10);     // the auditor hears how much waits
  Duration forecast_age_max = seconds(1);   // a key's forecast serves quotes so long

  std::size_t unrecorded_max = 10'000;          // lines that wait for the auditor; then no grants
  std::size_t words_max = 1'000;                // beyond them, of people about keys and upstreams
  std::size_t messages_max = 200'000;           // in lines, under way, or being recorded
  std::size_t bytes_max = 512UL * 1024 * 1024;  // their bodies
  std::uint32_t offers_max = 1'000;             // queue copies that each ingest may offer unasked
  std::size_t batch_max = 256;                  // questions in one call of the store

  Mutations mutations;
};

// The rows of [limiter] in sluice.toml; --help, --print-settings and README.md say the same.
std::span<const SettingRow> setting_rows();
// What the table says; life and upstreams come from elsewhere.
Config read_config(const SettingTable& table);

// What a limiter that runs makes of edited upstreams: those that are gone stay until a restart, as
// messages of them may wait.
std::vector<Upstream> edited(const std::vector<Upstream>& before, std::vector<Upstream> after);

}  // namespace sluice::limiter
