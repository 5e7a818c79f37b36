#include "ingest/dynamo_change.h"

#include <algorithm>

namespace sluice::ingest::dynamo {

namespace {

// Of a transaction: 100 writes, 4 MiB. One call has seven writes at most, with its key's.
constexpr std::size_t kCallsMax = 14;
constexpr std::size_t kBytesMax = 2UL << 20U;
constexpr std::size_t kSmall = 4'096;
constexpr std::size_t kUsualRow = 100'000;

struct About {
  std::string key;
  std::string name;
  std::size_t bytes = kSmall;  // roughly, that its writes take
  bool id_alone = false;
};

About about(const Call& call) {
  if (const auto* put = std::get_if<Put>(&call)) {
    const wire::Offer& row = put->row;
    return {row.key, put->id_alone ? row.source + "#" + row.id : row.identity,
            row.request.body.size() + row.envelope.size() + 2 * kSmall, put->id_alone};
  }
  if (const auto* settle = std::get_if<SettleRow>(&call)) {
    const bool dies = settle->settled.settlement == wire::Settlement::kDead;
    return {settle->settled.key, settle->settled.identity, dies ? 2 * kUsualRow : kUsualRow};
  }
  if (const auto* reorder = std::get_if<Reorder>(&call)) {
    return {reorder->key, reorder->identity, 2 * kUsualRow};
  }
  if (const auto* holds = std::get_if<SetHolds>(&call)) return {holds->key, ""};
  return {};
}

}  // namespace

bool Together::takes(const Call& call) {
  const About one = about(call);
  const std::size_t kind = 2 * call.index() + (one.id_alone ? 1 : 0);
  if (!names_.empty() &&
      (kind != kind_ || names_.size() >= kCallsMax || bytes_ + one.bytes > kBytesMax)) {
    return false;
  }
  if (!names_.insert(one.name).second) return false;
  kind_ = kind;
  bytes_ += one.bytes;
  return true;
}

std::unique_ptr<Change> change_of(const World& world, const Call& call) {
  if (const auto* put = std::get_if<Put>(&call)) return std::make_unique<PutChange>(world, *put);
  if (const auto* settle = std::get_if<SettleRow>(&call)) {
    return std::make_unique<SettleChange>(world, *settle);
  }
  if (const auto* reorder = std::get_if<Reorder>(&call)) {
    return std::make_unique<ReorderChange>(world, *reorder);
  }
  if (const auto* holds = std::get_if<SetHolds>(&call)) {
    return std::make_unique<HoldsChange>(world, *holds);
  }
  return nullptr;
}

std::string key_of(const Call& call) { return about(call).key; }

std::int64_t order_in(const KeyItem& key, const wire::Offer& row) {
  return row.in_order ? std::max(row.order, key.last_in_order + 1) : row.order;
}

}  // namespace sluice::ingest::dynamo
