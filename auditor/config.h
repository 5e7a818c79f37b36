// What the auditor's core is told by the settings; every duration is already scaled.
#pragma once

#include <cstdint>
#include <vector>

#include "auditor/budget.h"
#include "auditor/figures.h"
#include "lib/base/instant.h"
#include "lib/base/upstream.h"

namespace sluice::auditor {

struct Config {
  std::vector<Upstream> upstreams;  // whose limits the watch watches
  Bounds bounds;
  std::vector<Budget> budgets = {{}};
  std::uint32_t pending_max = 20'000;  // records and costs that wait to be written; costs: half
  std::uint32_t batch_max = 2'000;     // of them, written at once
  std::uint64_t segment_bytes_max = 16ULL * 1024 * 1024;
  Duration segment_age_max = hours(24);          // the line after that begins another one
  std::uint32_t watch_keys_max = 100'000;        // keys whose last attempts are remembered
  std::uint32_t watch_attempts_max = 1'000'000;  // of all keys together
  Duration call_timeout = seconds(10);           // trail and ledger are opened again after this
  Duration reopen_delay = seconds(1);
  // Costs may be elsewhere: their look is put aside after this, a booking opens the ledger again.
  Duration costs_timeout = minutes(1);
  Duration costs_delay = seconds(2);  // until costs that could not be booked are tried again
};

}  // namespace sluice::auditor
