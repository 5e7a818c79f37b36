// The checkers: each watches one promise from outside (design 2) and says when it is broken. One
// file each; every run has them all.
#pragma once

#include <memory>

#include "tests/sim/settings.h"
#include "tests/sim/witness.h"

namespace sluice::limiter {
class LimiterCore;
}

namespace sluice::sim {

class LedgerFake;

std::unique_ptr<Witness> check_p1(World& world);
std::unique_ptr<Witness> check_p2(World& world);
std::unique_ptr<Witness> check_p3(World& world);
std::unique_ptr<Witness> check_p4(World& world, const Settings& settings);
std::unique_ptr<Witness> check_p5(World& world);
// Null where something may delay a quiet key.
std::unique_ptr<Witness> check_p6(World& world, const Settings& settings);
// Null where nothing is shared that keys must take turns at.
std::unique_ptr<Witness> check_turns(World& world, const Settings& settings);
std::unique_ptr<Witness> check_p7(World& world);
std::unique_ptr<Witness> check_pauses(World& world, const Settings& settings);
std::unique_ptr<Witness> check_reopening(World& world, const Settings& settings);
std::unique_ptr<Witness> check_p9(World& world, const Settings& settings);
std::unique_ptr<Witness> check_limits(World& world);
// Null on days on which nobody can know.
std::unique_ptr<Witness> check_stated(World& world, const Settings& settings);
std::unique_ptr<Witness> check_order(World& world, const Settings& settings);
std::unique_ptr<Witness> check_in_order(World& world);
std::unique_ptr<Witness> check_costs(World& world, const LedgerFake& ledger);
std::unique_ptr<Witness> check_alerts(World& world, const Settings& settings,
                                      const LedgerFake& ledger);
// After each turn of the limiter.
void check_p8(World& world, const limiter::LimiterCore& core, const limiter::Config& config);

}  // namespace sluice::sim
