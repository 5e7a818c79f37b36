// One round of the auditor: some records and alerts on their way through look, append and book; or
// some costs, through look and book. Pure: says what to ask, and from the answer what to write, to
// book and to answer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "auditor/config.h"
#include "auditor/ledger_port.h"
#include "auditor/trail_facts.h"
#include "auditor/trail_port.h"
#include "auditor/watch.h"
#include "lib/wire/peer.h"

namespace sluice::auditor {

// No single cost is larger: USD 1 million. What is larger is a mistake somewhere, and is refused.
inline constexpr std::int64_t kCostMax = 1'000'000'000'000'000;

// What the process has counted since its start.
struct Counts {
  std::uint64_t records_written = 0;
  std::uint64_t records_known = 0;  // said again: not written twice
  std::uint64_t costs_booked = 0;
  std::uint64_t costs_known = 0;
  std::uint64_t costs_refused = 0;
  std::uint64_t alerts_raised = 0;
  std::uint64_t violations_certain = 0;
  std::uint64_t violations_possible = 0;
  std::uint64_t unwatched = 0;   // attempts under limits that the watch does not know
  std::uint64_t overflowed = 0;  // came while pending_max waited: not taken, not answered
  std::uint64_t reopened = 0;    // times that trail and ledger had to be opened again
};

struct PendingRecord {
  wire::PeerId peer;
  wire::Record record;
};
struct PendingCost {
  wire::PeerId peer;
  wire::Cost cost;
};

// Texts, each once, with their places.
class Unique {
 public:
  std::size_t add(const std::string& text);
  [[nodiscard]] const std::vector<std::string>& all() const { return all_; }

 private:
  std::vector<std::string> all_;
  std::unordered_map<std::string, std::size_t> places_;
};

// Whoever looks at what is written.
struct Watchers {
  Watch& watch;
  Figures* figures;  // none: the attempt is of a former life, and says nothing of today
  Counts& counts;
};

// Moves at most `most` from the front of one to the back of the other.
template <class T>
void move_front(std::deque<T>& from, std::vector<T>& to, std::size_t most) {
  const auto count = static_cast<std::ptrdiff_t>(std::min(most, from.size()));
  std::move(from.begin(), from.begin() + count, std::back_inserter(to));
  from.erase(from.begin(), from.begin() + count);
}

// What a round works with: `chain` gets the lines, the watchers the attempts.
struct Desk {
  const std::vector<Budget>& budgets;
  Chain& chain;
  Watchers watchers;
  StoreTime now;  // at least
  Duration long_penalty = hours(1);
};

class Round {
 public:
  std::vector<PendingRecord> records;
  std::vector<PendingCost> costs;
  std::vector<wire::Alert> alerts;  // that are to get their line
  std::vector<wire::Alert> raised;  // by others than records and costs: to be booked
  std::uint64_t torn_bytes = 0;     // of a line that was cut

  // What must be known first. Without records and costs: nothing.
  LedgerLook look(std::string_view trail_secret);

  // From what is known: what to write, book and answer.
  void judge(const LedgerFound& found, const Desk& desk);

  std::vector<wire::Send> at_once;       // known before, refused
  std::vector<wire::Send> after_append;  // records
  std::vector<wire::Send> after_book;    // costs
  std::vector<std::size_t> fresh;        // places of the records that are written
  LedgerBook book;

 private:
  void judge_records(const LedgerFound& found, const Desk& desk);
  void learn_limits(const wire::Record& record, const Desk& desk);
  void judge_costs(const LedgerFound& found, const Desk& desk);
  void write_alerts(Chain& chain);

  StoreTime newest_;  // of records: costs, and so alerts about them, may be of any time
  Unique record_names_;
  std::vector<std::size_t> name_places_;  // of each of `records`
  Unique keys_;
  Unique events_;
  Unique months_;
};

// What the watch says of an attempt, as alerts to be raised.
void watch_attempt(const AttemptSeen& attempt, const Watchers& watchers,
                   std::vector<wire::Alert>& alerts);

wire::Recorded recorded(const wire::Record& record, wire::Written written);
wire::Recorded recorded(const wire::Cost& cost, wire::Written written, std::string error = {});

}  // namespace sluice::auditor
