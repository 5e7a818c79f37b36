#include "tests/sim/marks.h"

// The linker's own names of the section's two ends.
extern "C" {
extern sluice::Mark __start_sluice_marks[];  // NOLINT(bugprone-reserved-identifier)
extern sluice::Mark __stop_sluice_marks[];   // NOLINT(bugprone-reserved-identifier)
}

namespace sluice::sim {

std::span<const Mark> marks() { return {__start_sluice_marks, __stop_sluice_marks}; }

}  // namespace sluice::sim
