// sluice-limiter restore: reads what `sluice-auditor attempts` lists and has the store count it
// again, after it may have forgotten windows longer than close_max (README.md).
#pragma once

namespace sluice::limiter {

// Its exit code: 0 done; 64 wrong usage, or what was to be lifted is not proved; 75 the store does
// not answer, or is another than it was a moment ago; 78 wrong settings, or a line that is none.
int restore(int argc, char** argv);

}  // namespace sluice::limiter
