#include "tests/sim/marks.h"

#include <algorithm>
#include <iterator>

// The linker's own names of the section's two ends.
extern "C" {
extern sluice::Mark __start_sluice_marks[];  // NOLINT(bugprone-reserved-identifier)
extern sluice::Mark __stop_sluice_marks[];   // NOLINT(bugprone-reserved-identifier)
}

namespace sluice::sim {
namespace {

struct OutOfReach {
  const char* mark;
  const char* why;
};

constexpr OutOfReach kTable[] = {
    {"dispatcher: a queued attempt of a key that was closed",
     "what closes a key refuses what is queued of it: only a doubted clock closes one again"},
    {"auditor: more versions of limits than the watch remembers",
     "thousands of edits within one window: tests/auditor/watch_test.cc"},
    {"store: a caller's settings are to be told",
     "its limiters have one settings' spans: the medleys of tests/conformance have three"},
    {"store: shorter spans", "as above"},
    {"store: a person lifts what a closure holds",
     "nobody restores from a trail here: tests/conformance/store_restore_test.cc, tests/e2e"},
    {"ingest: a message is larger than a row may be",
     "the store here takes all: tests/ingest/core_copies_test.cc, tests/parking_table"},
    {"ingest: a copy is larger than a row may be", "as above: tests/ingest/core_copies_test.cc"},
    {"ingest: what the front door has accepted dies before it is a row",
     "as above, and its queue gives nothing malformed: tests/ingest/core_door_test.cc"},
    {"ingest: the dead letter of what the front door has sent was not taken", "as above"},
    {"ingest: the name of what the front door has sent cannot be ended now", "as above"},
    {"ingest: a message has died since somebody spoke of its key",
     "within a word's way from ingest to limiter: tests/ingest/core_control_test.cc"},
    {"ingest: somebody speaks of a key that is to be stopped",
     "as short, and both are rare: tests/ingest/core_groups_test.cc"},
};

}  // namespace

std::span<const Mark> marks() { return {__start_sluice_marks, __stop_sluice_marks}; }

std::string why_out_of_reach(const std::string& mark) {
  const auto at = std::find_if(std::begin(kTable), std::end(kTable),
                               [&](const OutOfReach& one) { return one.mark == mark; });
  return at == std::end(kTable) ? std::string() : at->why;
}

}  // namespace sluice::sim
