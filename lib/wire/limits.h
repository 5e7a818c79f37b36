// The limits of an upstream, as the settings have them and as the contract says them.
#pragma once

#include <span>
#include <vector>

#include "lib/base/upstream.h"
#include "lib/wire/messages.h"

namespace sluice::wire {

std::vector<Limit> rows_of(std::span<const sluice::Limit> limits);
std::vector<sluice::Limit> limits_of(std::span<const Limit> rows);

}  // namespace sluice::wire
