// The embedded parking store: rows that go in order.
#include <algorithm>

#include "ingest/name.h"
#include "ingest/sqlite_parking.h"
#include "ingest/sqlite_statements.h"
#include "lib/wire/codec.h"

namespace sluice::ingest {

using Step = port::Statement::Step;

Result<std::int64_t> SqliteParking::place_of(const wire::Offer& row) {
  if (!row.in_order) return row.order;
  auto& question = sql_->last_in_order;
  question.bind_text(1, row.key);
  auto stepped = question.step();
  if (!stepped) return stepped.error();
  const std::int64_t last = *stepped == Step::kRow ? question.integer(0) : 0;
  question.reset();
  return std::max(row.order, last + 1);
}

Result<bool> SqliteParking::stop_behind(const std::string& message, const wire::Settled& settled) {
  auto item = wire::decode_item(message);
  const auto* row = item ? std::get_if<wire::Offer>(&*item) : nullptr;
  if (row == nullptr || !row->stops_dead) return false;
  auto key = facts(row->key);
  if (!key) return key.error();
  if (!hold_behind(settled, key->holds)) return false;
  const auto set = on(SetHolds{row->key, row->upstream, key->holds});
  if (!set) return set.error();
  return true;
}

}  // namespace sluice::ingest
