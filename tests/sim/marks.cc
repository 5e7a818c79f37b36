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

constexpr const char* kHonest = "only a peer with a bug does this: saboteurs reach it";
constexpr const char* kLimiters = "needs several limiters";
constexpr const char* kRare = "not in 2,000 seeds";

constexpr OutOfReach kTable[] = {
    {"auditor: no room for a line", "needs a small pending_max, and people who say less"},
    {"dispatcher: an attempt is dispatched a second time", kHonest},
    {"dispatcher: a queued attempt has waited too long", kLimiters},
    {"dispatcher: a queued attempt meets an open breaker", kLimiters},
    {"dispatcher: a queued attempt of a key that was closed", kLimiters},
    {"dispatcher: no room for a question", "needs a small asked_reserve"},
    {"ingest: a limiter wants rows of another one's key", kLimiters},
    {"ingest: no room for a queue copy", "the simulated shell asks for room first"},
    {"ingest: no room for a submission", "the simulated shell asks for room first"},
    {"ingest: nobody knows what is to be cancelled", "only what was accepted is cancelled"},
    {"limiter: a grant that has left is answered again", kRare},
    {"limiter: a late outcome ends a message that is out of turn", kRare},
    {"limiter: a message is forgotten while it is out of turn", kRare},
    {"limiter: an answer of the store about a message that has gone on", kRare},
    {"limiter: an attempt was completed while it was asked for again", kRare},
    {"limiter: a warning is told while store time is not known", kRare},
    {"store: an attempt counts no more", kRare},
    {"ingest: a dead letter was not taken", kRare},
    {"limiter: all messages of a key were passed over", kRare},
    {"limiter: an open attempt of a key is not known here", kRare},
};

}  // namespace

std::span<const Mark> marks() { return {__start_sluice_marks, __stop_sluice_marks}; }

std::string why_out_of_reach(const std::string& mark) {
  const auto at = std::find_if(std::begin(kTable), std::end(kTable),
                               [&](const OutOfReach& one) { return one.mark == mark; });
  return at == std::end(kTable) ? std::string() : at->why;
}

}  // namespace sluice::sim
