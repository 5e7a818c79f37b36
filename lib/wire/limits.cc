#include "lib/wire/limits.h"

namespace sluice::wire {

std::vector<Limit> rows_of(std::span<const sluice::Limit> limits) {
  std::vector<Limit> rows;
  for (const sluice::Limit& limit : limits) {
    Limit& row = rows.emplace_back();
    row.name = limit.name;
    if (limit.scope == sluice::LimitScope::kUpstream) row.scope = LimitScope::kUpstream;
    if (limit.kind == sluice::LimitKind::kConcurrency) row.kind = LimitKind::kConcurrency;
    row.n = limit.n;
    row.window = limit.window;
    row.burst = limit.burst;
    row.guard = limit.guard;
    row.shadow = limit.shadow;
  }
  return rows;
}

std::vector<sluice::Limit> limits_of(std::span<const Limit> rows) {
  std::vector<sluice::Limit> limits;
  for (const Limit& row : rows) {
    sluice::Limit& limit = limits.emplace_back();
    limit.name = row.name;
    const bool whole = row.scope == LimitScope::kUpstream;
    limit.scope = whole ? sluice::LimitScope::kUpstream : sluice::LimitScope::kKey;
    const bool open = row.kind == LimitKind::kConcurrency;
    limit.kind = open ? sluice::LimitKind::kConcurrency : sluice::LimitKind::kRate;
    limit.n = row.n;
    limit.window = row.window;
    limit.burst = row.burst;
    limit.guard = row.guard;
    limit.shadow = row.shadow;
  }
  return limits;
}

}  // namespace sluice::wire
