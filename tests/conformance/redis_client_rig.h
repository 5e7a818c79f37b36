// The store's scripts through the limiter's own client: on three masters with replicas, and over
// TLS as the user of the runbook. One cluster and one server serve all rigs of the test program.
#pragma once

#include <memory>

#include "tests/conformance/redis_rig.h"

namespace sluice::limiter {

std::unique_ptr<StoreRig> make_cluster_rig(const StoreConfig& config, StoreTime clock);
std::unique_ptr<StoreRig> make_tls_rig(const StoreConfig& config, StoreTime clock);

}  // namespace sluice::limiter
