#include "ingest/dead_letters.h"

#include "lib/digest/digest.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {

namespace {

constexpr std::size_t kDigitsMin = 8;  // of an identity

}  // namespace

bool is_named(const DeadRow& dead, std::string_view id) {
  return id == dead.id || (id.size() >= kDigitsMin && !dead.identity.empty() &&
                           to_hex(dead.identity).starts_with(id));
}

wire::Offer anew(const wire::Offer& message, std::uint32_t generation, StoreTime now,
                 Duration behind) {
  wire::Offer row = message;
  const Duration life = row.expires_at - row.first_seen;
  row.generation = generation;
  row.identity = wire::identity_of(row.source, row.key, row.id, row.generation);
  row.first_seen = now;
  row.not_before = StoreTime{};
  row.expires_at = now + life;
  row.order = row.in_order ? now.us : (now + behind).us;  // in order it stands behind all others
  row.attempts = 0;
  row.throttles = 0;
  row.offered_before = false;
  row.cancelled = false;
  return row;
}

}  // namespace sluice::ingest
