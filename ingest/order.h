// A message becomes a row: its identity, its place in the key's order, its end. Pure.
#pragma once

#include <span>

#include "ingest/config.h"
#include "lib/wire/messages.h"

namespace sluice::ingest {

// order = max(first seen, not_before) + priority x priority_age: age counts without a rewrite. Of
// what goes in order the parking store decides (Put): here it is when it was first seen.
std::int64_t order_of(const wire::Offer& message, Duration priority_age);

// What a posted message lacks. `first_seen` must grow strictly from one to the next,
// so that messages of one key keep the order of their arrival.
void complete_row(wire::Offer& message, const Config& config, StoreTime first_seen);

// When a message ends that does not say so itself.
StoreTime expiry_of(const wire::Offer& message, std::span<const Upstream> upstreams);

const Upstream* find_upstream(const Config& config, const std::string& name);

}  // namespace sluice::ingest
