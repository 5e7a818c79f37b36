// What the core asks of its ledger, as values: each call is one transaction, and an answer means
// that it is durable (but see LedgerBook). An answer may be late or never come, a call may be
// applied although its answer is lost: every call can be said again with the same effect.
//
// The ledger holds money and facts: costs by event, totals by day and month, which alerts exist,
// which records are in the trail and up to which line that is known, and the secrets of keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "auditor/watch.h"
#include "lib/base/instant.h"
#include "lib/wire/messages.h"

namespace sluice::auditor {

// What the ledger knows at start. Lines after `indexed_line` are read from the trail again.
struct LedgerOpen {
  Duration watch_span;  // the watch wants lines not older than the newest one minus this
};
struct LedgerOpened {
  std::string trail_secret;        // 32 random bytes, made with the ledger; never erased
  std::uint64_t indexed_line = 0;  // all lines up to here have been booked by LedgerBook
  std::string indexed_hash;        // the hash of that line; zeros when it is 0
  std::uint64_t watch_from = 1;    // the first line that the watch wants
  std::vector<wire::Alert> due;    // alerts that are not known to have a line (cursor 0)
  std::vector<LimitsSeen> limits;  // that are kept, the newest last
  StoreTime newest;                // of the records up to indexed_line
};

// What is known of these? Makes (durably) a secret for each key that has none.
struct LedgerLook {
  std::vector<std::string> records;  // record names as in the trail (docs/trail.md), 16 bytes
  std::vector<std::string> keys;
  std::vector<std::string> events;
  std::vector<std::string> months;  // "2026-11"
};
struct ProviderTotal {
  std::string provider;
  std::int64_t amount_nano = 0;
};
struct LedgerFound {
  std::vector<bool> records;                       // it has a line
  std::vector<std::string> secrets;                // 32 bytes each
  std::vector<std::string> events;                 // content hash; empty: never seen
  std::vector<std::vector<ProviderTotal>> months;  // by provider
  // False: costs are elsewhere, and nothing is known of events and months now.
  bool knows_costs = true;
};

struct IndexedRecord {
  std::string record;
  std::uint64_t line = 0;
};
// All lines up to `line` are indexed by this call or were before; at: the newest time of records in
// them.
struct Indexed {
  std::uint64_t first_line = 0;
  std::uint64_t line = 0;
  std::string hash;
  StoreTime at;
};
// All of this, or nothing. Without costs and alerts it may be forgotten when the machine dies: the
// trail has it all, and is read again from the last line that is indexed. A cost whose event is
// there is skipped; an alert (by alert_id) that is there stays as it is, but learns its line.
struct LedgerBook {
  std::vector<wire::Cost> costs;
  std::vector<wire::Alert> alerts;  // cursor 0: due, to be written; else its line
  std::vector<IndexedRecord> records;
  std::optional<Indexed> indexed;
  // Each rules from its time on, in the place of others of its upstream; those are kept for
  // kept_for() more.
  std::vector<LimitsSeen> limits = {};
};
struct LedgerBooked {
  std::vector<bool> alerts_new;  // for each of LedgerBook.alerts: it was not there
  // False: all but the costs, which are elsewhere and may be booked or not.
  bool has_costs = true;
};

// Alerts that have a line after this one, in order.
struct LedgerFollow {
  std::uint64_t after = 0;
  std::uint32_t max = 1;
};
struct LedgerAlerts {
  std::vector<wire::Alert> alerts;
  bool more = false;
};

struct LedgerFailed {
  std::string what;
};

using LedgerCall = std::variant<LedgerOpen, LedgerLook, LedgerBook, LedgerFollow>;
using LedgerAnswer =
    std::variant<LedgerOpened, LedgerFound, LedgerBooked, LedgerAlerts, LedgerFailed>;

struct LedgerAsk {
  std::uint64_t call_id = 0;
  LedgerCall call;
};
struct LedgerReply {
  std::uint64_t call_id = 0;
  LedgerAnswer answer;
};

}  // namespace sluice::auditor
