// What a person asks of the trail and the ledger, while the auditor runs or not:
//
//   sluice-auditor verify [DIR] [--s3]
//   sluice-auditor show [--key KEY] [--id ID] [--since TIME]
//   sluice-auditor key NAME
//   sluice-auditor attempts --upstream UP [--since TIME] [--keys]
//   sluice-auditor costs [--month YYYY-MM]
//   sluice-auditor erase KEY
//
// Each also takes --settings and the flags of the program. Exit codes: 0 done; 1 the trail is not
// whole, or there was no such key; 64, 75, 78 as everywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/budget.h"
#include "auditor/cost_items.h"
#include "auditor/s3_copies.h"
#include "auditor/sqlite_ledger.h"
#include "auditor/trail_line.h"
#include "auditor/verify.h"
#include "lib/aws/session.h"
#include "lib/base/result.h"

namespace sluice::auditor {

bool is_verb(std::string_view word);
int run_verb(int argc, char** argv);

// The first bad line of a trail.
struct Bad {
  std::string file;
  std::uint64_t file_line = 0;  // counts from 1
  std::uint64_t line = 0;       // the trail's own number
  std::string why;
};
struct Verified {
  std::uint64_t lines = 0;
  std::uint64_t segments = 0;
  std::string hash;              // of the last line
  std::uint64_t rest_bytes = 0;  // after the last line feed: a line that is being written, or torn
  std::optional<Bad> bad;
};
// `durable`: lines up to this one must be there (what the ledger knows; 0: not known). `each` sees
// every good line, also of a trail that turns out not to be whole.
using EachLine = std::function<void(const Line&)>;
Result<Verified> verify_trail(const std::string& directory, std::uint64_t durable,
                              const EachLine& each = {});

// A segment's copy whose segment was begun; nothing: all of it is good.
std::optional<Bad> verify_copy(const std::string& key, const std::string& bytes,
                               Verifier& verifier);

// What S3 holds, as a chain of its own and against the segments in `directory`.
struct VerifiedCopies {
  Verified copies;
  std::uint64_t from_line = 1;  // the first line that the copies have
  std::uint64_t archived = 0;   // the oldest ones, which must be restored before they can be read
  bool joins = false;           // the segment here that follows the last copy does follow it
  std::uint64_t uncopied = 0;   // sealed segments here that have no copy
  StoreTime since;              // the oldest of them was sealed
};
Result<VerifiedCopies> verify_copies(const CopiesConfig& config,
                                     const aws::SessionSettings& session,
                                     const std::string& directory);
// Why copies that are whole are not all that should be there by now; empty: they are. `late`: how
// long after it was sealed a segment may have none.
std::string what_is_missing(const VerifiedCopies& found, Duration late, StoreTime now);

// The attempts on an upstream that the trail proves, as `sluice-limiter restore` reads them
// (docs/trail.md). Nothing is written unless the whole trail is good, up to what the ledger knows.
struct AttemptsAsked {
  std::string upstream;
  StoreTime since;  // that ended then or later
  StoreTime now;
  bool with_keys = false;  // keys in clear beside their names
};
Result<Verified> list_attempts(const std::string& data_dir, const AttemptsAsked& asked,
                               std::ostream& out);

// Which lines to show; empty: any.
struct Wanted {
  std::string key;
  std::string id;
  std::optional<StoreTime> since;
};
Status show_lines(const std::string& data_dir, const Wanted& wanted, std::ostream& out);

// The key that has this name in the trail; nothing when none has.
Result<std::optional<std::string>> key_of(LedgerReader& ledger, std::string_view name);

struct CostsAsked {
  std::string month;  // "2026-11"
  std::vector<Budget> budgets;
  StoreTime now;
};
void show_costs(const std::vector<CostRow>& rows, const CostsAsked& asked, std::ostream& out);
Result<std::vector<CostRow>> costs_of_file(const std::string& path, const std::string& month);
Result<std::vector<CostRow>> costs_of_table(const std::string& table,
                                            const aws::SessionSettings& settings,
                                            const std::string& month);
// From the sums of a month by provider, and those of its days that are still there.
std::vector<CostRow> month_rows(const std::vector<aws::dynamodb::Item>& month,
                                const std::vector<aws::dynamodb::Item>& days);

}  // namespace sluice::auditor
