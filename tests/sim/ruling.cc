#include "tests/sim/ruling.h"

namespace sluice::sim {

// A file that says what it said the last time says nothing.
Ruling::Fate Ruling::settings_say(const Upstream& upstream) {
  Limits& before = servers_[server_][upstream.name];
  const std::uint64_t version = limits_version(upstream.name, upstream.limits);
  if (std::exchange(before.file_version, version) == version) return Fate::kStale;
  return take(before, version, upstream.limits);
}

// Made from other limits than rule now it is stale, unless it says what rules.
Ruling::Fate Ruling::person_says(const limiter::SetLimits& edit) {
  Limits& before = servers_[server_][edit.upstream];
  const std::uint64_t version = limits_version(edit.upstream, edit.limits);
  const bool from_others = edit.instead_of != 0 && edit.instead_of != before.version;
  if (from_others && version != before.version) return Fate::kStale;
  return take(before, version, edit.limits);
}

Ruling::Fate Ruling::remembered(const limiter::SetLimits& edit, const limiter::LimitsReply& reply) {
  Limits& before = servers_[server_][edit.upstream];
  const std::uint64_t version = limits_version(edit.upstream, edit.limits);
  if (reply.limits.version != version) return Fate::kStale;
  return take(before, version, edit.limits);
}

Ruling::Fate Ruling::take(Limits& before, std::uint64_t version, const std::vector<Limit>& limits) {
  if (before.version == version) return Fate::kThere;
  before.version = version;
  before.limits = std::make_shared<const std::vector<Limit>>(limits);
  return Fate::kTaken;
}

}  // namespace sluice::sim
