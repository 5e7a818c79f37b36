#include "limiter/restoring.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/calendar.h"
#include "limiter/in_flight.h"
#include "limiter/meter.h"

namespace sluice::limiter {

namespace {

constexpr std::size_t kListedMax = 256;  // arrivals of one log, each with its own time

bool counts(const Limit& limit) { return limit.kind == LimitKind::kRate; }
bool of_all(const Limit& limit) { return limit.scope == LimitScope::kUpstream; }

// Whose log of this limit an arrival is in; none: it is in nobody's that is known.
std::optional<std::string> owner_of(const Limit& limit, const Whose& whose) {
  if (of_all(limit)) return std::string();
  if (whose.key.empty()) return std::nullopt;
  return whose.key;
}

StoreTime end_of(const Sent& sent, const Upstream& upstream) {
  return sent.unknown ? sent.at + upstream.unknown_hold : sent.at;
}

// Those that count on, the latest first.
std::vector<Arrived> that_count(std::vector<Arrived> arrived, const Meter& meter, StoreTime now) {
  std::erase_if(arrived, [&](const Arrived& one) {
    return meter.counted_from(one.at) + meter.horizon() <= now;
  });
  std::sort(arrived.begin(), arrived.end(),
            [](const Arrived& a, const Arrived& b) { return a.at > b.at; });
  return arrived;
}

// Put together when they fall into one cell of so long; 0: when they have one time.
std::vector<Arrived> in_cells(const std::vector<Arrived>& arrived, std::int64_t cell) {
  std::vector<Arrived> cells;
  for (const Arrived& one : arrived) {
    const bool same = !cells.empty() && (cell == 0 ? cells.back().at == one.at
                                                   : cells.back().at.us / cell == one.at.us / cell);
    if (!same) {
      cells.push_back(one);
      continue;
    }
    const std::uint64_t units = std::uint64_t{cells.back().units} + one.units;
    cells.back().units = static_cast<std::uint32_t>(std::min<std::uint64_t>(units, 0xffffffffU));
  }
  return cells;
}

std::vector<Arrived> condensed(const std::vector<Arrived>& arrived, const Limit& limit) {
  std::vector<Arrived> cells = in_cells(arrived, 0);
  for (std::int64_t cell = std::max<std::int64_t>(1, limit.window.us / 64);
       cells.size() > kListedMax; cell *= 2) {
    cells = in_cells(arrived, cell);
  }
  return cells;
}

using Logs = std::map<std::string, std::vector<Arrived>>;
Logs logs_of(const Listed& listed, const Limit& limit, const Upstream& upstream) {
  Logs logs;
  for (const Sent& sent : listed.sent) {
    const auto owner = owner_of(limit, listed.whose[sent.whose]);
    if (owner) logs[*owner].push_back({end_of(sent, upstream), sent.units});
  }
  return logs;
}

// The most that counts of one whose key nobody knows: any key may be theirs.
std::uint64_t fullest_unknown(const Listed& listed, const ShardSeen& shard, const Limit& limit) {
  if (of_all(limit)) return 0;
  const Meter meter(limit, shard.upstream.unknown_hold);
  std::map<std::size_t, std::uint64_t> units;
  for (const Sent& sent : listed.sent) {
    const Whose& whose = listed.whose[sent.whose];
    if (!whose.key.empty() || whose.name.empty()) continue;
    const StoreTime end = end_of(sent, shard.upstream);
    if (meter.counted_from(end) + meter.horizon() > shard.now) units[sent.whose] += sent.units;
  }
  std::uint64_t most = 0;
  for (const auto& [whose, sum] : units) most = std::max(most, sum);
  return most;
}

Error not_proved(const Limit& limit, const std::string& why) {
  return {Trouble::kUsage, "limit \"" + limit.name + "\" cannot be lifted: " + why};
}

// Whether this listing has all that the limit counts.
Status proves(const Listing& listing, const ShardSeen& shard, const Limit& limit, bool nothing) {
  const Meter meter(limit, shard.upstream.unknown_hold);
  const StoreTime from = shard.now - meter.horizon() - shard.upstream.unknown_hold;
  if (listing.since > from) {
    return not_proved(limit, "the listing has what ended since " + timestamp_of(listing.since) +
                                 ", and what ended since " + timestamp_of(from) +
                                 " counts: list attempts with an earlier --since");
  }
  if (listing.begins > from && !nothing) {
    return not_proved(limit, "the trail begins at " + timestamp_of(listing.begins) +
                                 ", and what ended since " + timestamp_of(from) +
                                 " counts. Where nothing was sent before that: --nothing-before");
  }
  const StoreTime needed = std::max(shard.closed_until, shard.edited_at);
  if (listing.until < needed) {
    return not_proved(limit, "the listing is of " + timestamp_of(listing.until) +
                                 ", and what the store does not know by itself has not all ended "
                                 "before " +
                                 timestamp_of(needed) + ": list attempts again after that");
  }
  return Done{};
}

}  // namespace

std::vector<Restore> restoring(const Listed& listed, const ShardSeen& shard) {
  const Upstream& upstream = shard.upstream;
  const Restore none{upstream.name, shard.version, shard.closed_until, {}, {}, {}};
  std::vector<Restore> calls;
  std::size_t room = 0;
  for (std::size_t place = 0; place < upstream.limits.size(); ++place) {
    const Limit& limit = upstream.limits[place];
    if (!counts(limit)) continue;
    const Meter meter(limit, upstream.unknown_hold);
    for (auto& [key, all] : logs_of(listed, limit, upstream)) {
      auto arrived = condensed(that_count(all, meter, shard.now), limit);
      if (arrived.empty()) continue;
      if (arrived.size() > room) {
        calls.push_back(none);
        room = kRestoreMax;
      }
      room -= arrived.size();
      calls.back().logs.push_back({key, static_cast<std::uint32_t>(place), std::move(arrived)});
    }
  }
  return calls;
}

std::uint32_t spare_of(const Upstream& upstream, const Limit& limit) {
  const Duration longest = upstream.start_window + upstream.timeout;
  const std::uint32_t under_way =
      of_all(limit) ? upstream.in_flight : in_flight_per_key(upstream, longest);
  return std::min(limit.n, under_way > limit.n ? limit.n : 2 * under_way);
}

Result<Restore> lifting(const Listed& listed, const ShardSeen& shard, const Vouched& vouched) {
  Restore call{shard.upstream.name, shard.version, shard.closed_until, {}, {}, vouched.by};
  for (std::size_t place = 0; place < shard.upstream.limits.size(); ++place) {
    const Limit& limit = shard.upstream.limits[place];
    call.held.push_back(shard.held.at(place).held);
    if (!counts(limit) || shard.held[place].held == 0) continue;
    for (const Listing& listing : listed.listings) {
      auto proved = proves(listing, shard, limit, vouched.nothing_before);
      if (!proved) return proved.error();
    }
    const std::uint64_t spare = vouched.spare.value_or(spare_of(shard.upstream, limit));
    call.held.back() = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(call.held.back(), spare + fullest_unknown(listed, shard, limit)));
  }
  return call;
}

StoreTime full_until(const ShardSeen& shard, std::size_t limit, const KeyState& state) {
  const Limit& one = shard.upstream.limits.at(limit);
  const Meter meter(one, shard.upstream.unknown_hold);
  const Tightened& tight = state.limits.at(limit);
  const LimitLog& log = state.logs.at(limit);
  const StoreTime free = meter.falls_to(log, std::int64_t{one.n} - 1, shard.now);
  if (tight.held == 0 || tight.held_until <= shard.now) return free;
  const StoreTime beside =
      meter.falls_to(log, std::int64_t{one.n} - 1 - std::int64_t{tight.held}, shard.now);
  return std::min(beside, std::max(free, tight.held_until));
}

}  // namespace sluice::limiter
