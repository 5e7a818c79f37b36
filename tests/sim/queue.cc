#include "tests/sim/queue.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "lib/wire/identity.h"

namespace sluice::sim {
namespace {

constexpr Duration kVisibility = seconds(20);

}  // namespace

void QueueFake::put(wire::Offer message, const std::string& group) {
  witnesses_.tell(&Witness::accepted, AcceptedMessage{message.identity, message.key, message.id,
                                                      message.request, message.expires_at});
  if (message.in_order) witnesses_.tell(&Witness::queued_in_order, message);
  lying_[++put_] = {std::move(message), group, world_.now()};
}

std::vector<ingest::QueueCopy> QueueFake::receive(std::size_t most, const std::string& reader) {
  std::vector<Lying*> visible;
  for (auto& [number, one] : lying_) {
    if (!one.group.empty() || (!one.door.empty() && one.door != reader)) continue;
    const bool twice = world_.prng.chance(world_.faults.queue.second_copy);
    if (one.visible <= world_.now() || twice) visible.push_back(&one);
  }
  std::vector<ingest::QueueCopy> copies;
  while (!visible.empty() && copies.size() < most) {
    const std::size_t at = world_.prng.below(visible.size());
    Lying& one = *visible[at];
    visible[at] = visible.back();
    visible.pop_back();
    copies.push_back(give(one));
  }
  return copies;
}

std::vector<ingest::QueueCopy> QueueFake::receive_in_order(std::size_t most) {
  std::vector<ingest::QueueCopy> copies;
  std::set<std::string> blocked;
  for (auto& [number, one] : lying_) {
    if (copies.size() == most) break;
    if (one.group.empty() || blocked.contains(one.group)) continue;
    const bool held = one.visible > world_.now();
    if (held || world_.prng.chance(100'000)) {  // of a batch SQS gives as many as it likes
      blocked.insert(one.group);
    } else {
      copies.push_back(give(one));
    }
  }
  return copies;
}

ingest::QueueCopy QueueFake::give(Lying& one) {
  one.visible = world_.now() + kVisibility;
  one.message.offered_before = !one.receipt.empty() && one.group.empty();  // receptions count
  one.message.envelope = "{}";
  one.receipt = "receipt-" + std::to_string(++received_);
  witnesses_.tell(&Witness::copy_received, one.message);
  world_.note("queue", "gives", one.message.identity, one.receipt);
  return {one.receipt, one.message, one.group, !one.door.empty()};
}

void QueueFake::lose(const std::string& identity) {
  std::erase_if(lying_, [&](const auto& entry) {
    const bool lost = entry.second.message.identity == identity;
    if (lost) witnesses_.tell(&Witness::copy_gone, entry.second.message);
    return lost;
  });
}

ingest::QueueReply QueueFake::apply(const ingest::QueueCall& call) {
  const auto* row = std::get_if<ingest::BuryRow>(&call.call);
  if (row != nullptr && wire::short_hash(row->row.identity) % 8 == 0) {
    return {call.call_id, false, true};
  }
  return {call.call_id, do_it(call)};
}

bool QueueFake::do_it(const ingest::QueueCall& call) {
  if (const auto* row = std::get_if<ingest::BuryRow>(&call.call)) {
    witnesses_.tell(&Witness::dead_letter, row->row, row->why);
    return true;
  }
  if (const auto* posted = std::get_if<ingest::SendPosted>(&call.call)) {
    world_.note("queue", "is sent", posted->message.identity);
    lying_[++put_] = {posted->message, {}, world_.now(), {}, posted->message.store};
    return true;
  }
  const std::string& receipt = ingest::receipt_of(call);
  const auto at = std::find_if(lying_.begin(), lying_.end(),
                               [&](const auto& entry) { return entry.second.receipt == receipt; });
  if (at == lying_.end()) return false;
  if (!at->second.group.empty() && at->second.visible <= world_.now()) return false;
  if (std::holds_alternative<ingest::DeleteCopy>(call.call)) {
    world_.note("queue", "deletes", at->second.message.identity);
    const wire::Offer gone = std::move(at->second.message);
    lying_.erase(at);
    witnesses_.tell(&Witness::copy_gone, gone);
  } else if (const auto* set = std::get_if<ingest::SetVisibility>(&call.call)) {
    at->second.visible = world_.now() + set->visibility;
  } else if (const auto* dead = std::get_if<ingest::DeadLetter>(&call.call)) {
    witnesses_.tell(&Witness::dead_letter, at->second.message, dead->why);
  }
  return true;
}

}  // namespace sluice::sim
