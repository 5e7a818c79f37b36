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

constexpr const char* kLimiters = "needs several limiters";

constexpr OutOfReach kTable[] = {
    {"dispatcher: a queued attempt has waited too long", kLimiters},
    {"dispatcher: a queued attempt meets an open breaker", kLimiters},
    {"dispatcher: a queued attempt of a key that was closed", kLimiters},
    {"ingest: a limiter wants rows of another one's key", kLimiters},
};

// Only a neighbour with a bug makes a core take this path: this planted one does.
struct ByABug {
  const char* mark;
  const char* saboteur;
};

constexpr ByABug kByABug[] = {
    {"dispatcher: an attempt is dispatched a second time", "each Dispatch comes twice"},
};

template <class Row, std::size_t N>
const Row* find_row(const Row (&table)[N], const std::string& mark) {
  const auto at = std::find_if(std::begin(table), std::end(table),
                               [&](const Row& one) { return one.mark == mark; });
  return at == std::end(table) ? nullptr : at;
}

}  // namespace

std::span<const Mark> marks() { return {__start_sluice_marks, __stop_sluice_marks}; }

std::string why_out_of_reach(const std::string& mark) {
  const OutOfReach* row = find_row(kTable, mark);
  return row == nullptr ? std::string() : row->why;
}

std::string bug_that_reaches(const std::string& mark) {
  const ByABug* row = find_row(kByABug, mark);
  return row == nullptr ? std::string() : row->saboteur;
}

}  // namespace sluice::sim
