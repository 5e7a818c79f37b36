#include "ingest/order.h"

#include <algorithm>

#include "lib/wire/identity.h"

namespace sluice::ingest {

std::int64_t order_of(const wire::Offer& message, Duration priority_age) {
  if (message.in_order) return std::max<std::int64_t>(0, message.first_seen.us);
  const StoreTime due = std::max(message.first_seen, message.not_before);
  return std::max<std::int64_t>(0, (due + priority_age * message.priority).us);
}

StoreTime expiry_of(const wire::Offer& message, std::span<const Upstream> upstreams) {
  const auto to = std::find_if(upstreams.begin(), upstreams.end(),
                               [&](const Upstream& one) { return one.name == message.upstream; });
  return message.first_seen + (to != upstreams.end() ? to->expires_after : hours(96));
}

const Upstream* find_upstream(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.upstreams.begin(), config.upstreams.end(),
                                  [&](const Upstream& one) { return one.name == name; });
  return found == config.upstreams.end() ? nullptr : &*found;
}

void complete_row(wire::Offer& message, const Config& config, StoreTime first_seen) {
  message.first_seen = first_seen;
  message.source = config.posted_source();
  message.store = config.store;
  message.origin = wire::Origin::kRow;
  message.identity = wire::identity_of(message.source, message.key, message.id, message.generation);
  message.content_hash = wire::content_hash_of(message.request);
  message.order = order_of(message, config.priority_age);
  if (message.expires_at.us == 0) message.expires_at = expiry_of(message, config.upstreams);
}

}  // namespace sluice::ingest
