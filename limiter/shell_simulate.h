// sluice-limiter simulate: files and words around replay.h.
#pragma once

namespace sluice::limiter {

int simulate(int argc, char** argv);

}  // namespace sluice::limiter
