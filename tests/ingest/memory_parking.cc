#include "tests/ingest/memory_parking.h"

#include <algorithm>
#include <iterator>
#include <variant>

#include "ingest/name.h"

namespace sluice::ingest {

ParkingAnswer MemoryParking::apply(const Call& call) {
  return std::visit([this](const auto& one) { return on(one); }, call);
}

KeyFacts MemoryParking::facts(const std::string& key) const {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return {key, {}, 0, 0, {}};
  const KeyRows& rows = found->second;
  const std::int64_t head = rows.places.empty() ? 0 : rows.places.begin()->first.first;
  return {key, rows.upstream, rows.places.size(), head, rows.holds};
}

Name* MemoryParking::newest(const std::string& source, const std::string& id) {
  Name* best = nullptr;
  for (auto& [identity, name] : names_) {
    if (name.source != source || name.id != id) continue;
    if (best == nullptr || name.generation >= best->generation) best = &name;
  }
  return best;
}

ParkingAnswer MemoryParking::on(const Put& call) {
  const wire::Offer& row = call.row;
  const auto same_identity = names_.find(row.identity);
  Name* there = call.id_alone                   ? newest(row.source, row.id)
                : same_identity != names_.end() ? &same_identity->second
                                                : nullptr;
  const bool same = there != nullptr && is_repeat(*there, call);
  const bool over = there != nullptr && there->state != NameState::kWaiting &&
                    remember_until_[there->identity] < call.now;
  const bool lost = there != nullptr && !call.id_alone && !same && lost_its_identity(*there);
  const bool its_row = there != nullptr && is_its_row(*there, call);
  const bool cancelled = its_row && there->cancelled;
  if (over || lost || its_row) {
    const std::string identity = there->identity;
    names_.erase(identity);
    remember_until_.erase(identity);
    there = nullptr;
  }
  if (there != nullptr) {
    return PutAnswer{same ? PutEnd::kSame : PutEnd::kOther, *there, facts(there->key)};
  }
  if (call.accept_until.us > 0) {
    remember_until_[row.identity] = call.accept_until;
    names_[row.identity] = written_name(call);
    return PutAnswer{PutEnd::kCreated, names_[row.identity], facts(row.key)};
  }
  KeyRows& key = keys_[row.key];
  key.upstream = row.upstream;
  wire::Offer& placed = rows_[row.identity] = row;
  placed.cancelled = placed.cancelled || cancelled;
  if (row.in_order) {
    placed.order = key.last_in_order = std::max(row.order, key.last_in_order + 1);
  }
  names_[row.identity] = name_of_row(placed);
  replies_.expect(row);
  key.places[{placed.order, row.identity}] = true;
  return PutAnswer{PutEnd::kCreated, names_[row.identity], facts(row.key)};
}

wire::Offer MemoryParking::read(wire::Offer& row) {
  wire::Offer copy = row;
  row.offered_before = true;
  copy.origin = wire::Origin::kRow;
  copy.envelope.clear();
  return copy;
}

ParkingAnswer MemoryParking::on(const ReadHead& call) {
  HeadAnswer answer;
  answer.key = facts(call.key);
  const auto key = keys_.find(call.key);
  if (key == keys_.end()) return answer;
  std::uint64_t bytes = 0;
  const auto first = key->second.places.upper_bound({call.after.order, call.after.identity});
  for (auto at = first; at != key->second.places.end(); ++at) {
    if (answer.rows.size() >= call.count || bytes >= call.bytes_max) {
      answer.more = true;
      break;
    }
    answer.rows.push_back(read(rows_.at(at->first.second)));
    bytes += answer.rows.back().request.body.size();
  }
  return answer;
}

void MemoryParking::drop_row(const std::string& identity) {
  const auto row = rows_.find(identity);
  if (row == rows_.end()) return;
  const auto key = keys_.find(row->second.key);
  key->second.places.erase({row->second.order, identity});
  if (key->second.places.empty() && key->second.holds.empty()) keys_.erase(key);
  rows_.erase(row);
}

ParkingAnswer MemoryParking::on(const ReadRow& call) {
  const auto row = rows_.find(call.identity);
  if (row == rows_.end()) return RowAnswer{};
  return RowAnswer{row->second};
}

ParkingAnswer MemoryParking::on(const SettleRow& call) {
  const std::string& identity = call.settled.identity;
  const auto name = names_.find(identity);
  if (name == names_.end()) return SettleAnswer{SettleEnd::kUnknown, identity, {}};
  if (!is_end_of(name->second, call)) return SettleAnswer{SettleEnd::kOther, identity, {}};
  const auto row = rows_.find(identity);
  if (row == rows_.end() && name->second.state == NameState::kAccepted) {
    settle_name(name->second, call.settled);
    remember_until_[identity] = call.remember_until;
    return SettleAnswer{SettleEnd::kSettled, identity, facts(name->second.key)};
  }
  if (row == rows_.end())
    return SettleAnswer{SettleEnd::kBefore, identity, facts(name->second.key)};
  bool stopped = false;
  if (call.settled.settlement == wire::Settlement::kDead) {
    if (!call.buried) dead_.push_back({row->second, call.settled});
    stopped = row->second.stops_dead && hold_behind(call.settled, keys_.at(row->second.key).holds);
  }
  settle_name(name->second, call.settled);
  replies_.settle(call.settled);
  remember_until_[identity] = call.remember_until;
  drop_row(identity);
  return SettleAnswer{SettleEnd::kSettled, identity, facts(name->second.key), stopped};
}

ParkingAnswer MemoryParking::on(const Reorder& call) {
  const auto row = rows_.find(call.identity);
  if (row == rows_.end()) return ReorderAnswer{};
  if (row->second.in_order) return ReorderAnswer{true, facts(row->second.key)};
  auto& places = keys_[row->second.key].places;
  places.erase({row->second.order, call.identity});
  row->second.order = call.order;
  places[{call.order, call.identity}] = true;
  return ReorderAnswer{true, facts(row->second.key)};
}

ParkingAnswer MemoryParking::on(const LookupId& call) {
  const Name* name = newest(call.source, call.id);
  if (name == nullptr) {
    const auto key = keys_.find(call.key);
    if (key == keys_.end()) return LookupAnswer{std::nullopt, 0, facts(call.key)};
    const auto& places = key->second.places;
    const auto ahead = std::count_if(places.begin(), places.end(), [&](const auto& place) {
      return place.first.first <= call.order;
    });
    return LookupAnswer{std::nullopt, static_cast<std::uint64_t>(ahead), facts(call.key)};
  }
  LookupAnswer answer{*name, {}, facts(name->key)};
  const auto row = rows_.find(name->identity);
  if (row != rows_.end()) {
    const auto& places = keys_.at(name->key).places;
    const auto before = places.lower_bound({row->second.order, name->identity});
    answer.ahead = static_cast<std::uint64_t>(std::distance(places.begin(), before));
  }
  return answer;
}

ParkingAnswer MemoryParking::on(const MarkCancelled& call) {
  Name* name = newest(call.source, call.id);
  if (name == nullptr) return CancelAnswer{};
  if (has_ended(name->state)) return CancelAnswer{*name, std::nullopt};
  name->cancelled = true;
  if (name->state == NameState::kAccepted) return CancelAnswer{*name, std::nullopt};
  wire::Offer& row = rows_.at(name->identity);
  row.cancelled = true;
  return CancelAnswer{*name, read(row)};
}

ParkingAnswer MemoryParking::on(const ListKeys& call) {
  KeysAnswer answer;
  for (auto key = keys_.upper_bound(call.after); key != keys_.end(); ++key) {
    if (answer.keys.size() == call.count) {
      answer.more = true;
      break;
    }
    answer.keys.push_back(facts(key->first));
  }
  return answer;
}

ParkingAnswer MemoryParking::on(const ListEnding& call) {
  EndingAnswer answer;
  std::uint64_t bytes = 0;
  for (auto row = rows_.upper_bound(call.after.identity); row != rows_.end(); ++row) {
    if (!row->second.cancelled && row->second.expires_at > call.now) continue;
    if (answer.rows.size() >= call.count || bytes >= call.bytes_max) {
      answer.next = EndingPlace{false, answer.rows.back().identity};
      break;
    }
    answer.rows.push_back(read(row->second));
    bytes += answer.rows.back().request.body.size();
  }
  return answer;
}

ParkingAnswer MemoryParking::on(const SetHolds& call) {
  KeyRows& key = keys_[call.key];
  key.upstream = call.upstream;
  std::vector<wire::Hold> holds = call.holds;
  keep_stop(key.holds, holds);
  key.holds = std::move(holds);
  if (key.places.empty() && key.holds.empty()) keys_.erase(call.key);
  return Acknowledged{};
}

ParkingAnswer MemoryParking::on(const ForgetNames& call) {
  std::uint32_t gone = 0;
  for (auto until = remember_until_.begin(); until != remember_until_.end() && gone < call.count;) {
    if (until->second >= call.now) {
      ++until;
      continue;
    }
    names_.erase(until->first);
    until = remember_until_.erase(until);
    ++gone;
  }
  return ForgetAnswer{gone};
}

// ---- replies

void MemoryReplies::expect(const wire::Offer& row) {
  if (row.reply_to.empty()) return;
  Reply reply;
  reply.host = reply_host(row.reply_to);
  reply.url = row.reply_to;
  reply.source = row.source;
  reply.id = row.id;
  reply.generation = row.generation;
  reply.first_seen = row.first_seen;
  expected_[row.identity] = std::move(reply);
}

void MemoryReplies::settle(const wire::Settled& settled) {
  auto expected = expected_.extract(settled.identity);
  if (expected.empty()) return;
  Reply reply = std::move(expected.mapped());
  reply.number = ++last_number_;
  reply.settled = settled;
  waiting_[last_number_] = {std::move(reply), settled.at};
}

Result<std::vector<Reply>> MemoryReplies::due(const std::string& host, StoreTime now,
                                              std::uint32_t count) {
  std::vector<Waiting> found;
  for (const auto& [number, one] : waiting_) {
    if (one.reply.host == host && one.due <= now) found.push_back(one);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Waiting& a, const Waiting& b) { return a.due < b.due; });
  std::vector<Reply> replies;
  for (std::size_t n = 0; n < std::min<std::size_t>(count, found.size()); ++n) {
    replies.push_back(found[n].reply);
  }
  return replies;
}

Result<std::vector<Reply>> MemoryReplies::settled_before(StoreTime time, std::uint32_t count) {
  std::vector<Reply> replies;
  for (const auto& [number, one] : waiting_) {
    if (one.reply.settled.at < time) replies.push_back(one.reply);
  }
  std::stable_sort(replies.begin(), replies.end(),
                   [](const Reply& a, const Reply& b) { return a.settled.at < b.settled.at; });
  replies.resize(std::min<std::size_t>(count, replies.size()));
  return replies;
}

Status MemoryReplies::note(std::span<const ReplyNote> notes) {
  for (const ReplyNote& note : notes) {
    const auto found = waiting_.find(note.number);
    if (found == waiting_.end()) continue;
    found->second.reply.tries = note.tries;
    found->second.due = note.due;
    if (note.over) waiting_.erase(found);
  }
  return Done{};
}

}  // namespace sluice::ingest
