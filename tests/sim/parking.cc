#include "tests/sim/parking.h"

#include "lib/wire/words.h"

#include <algorithm>
#include <tuple>

#include "ingest/name.h"

namespace sluice::sim {
namespace {

using ingest::Name;
using ingest::NameState;

}  // namespace

ingest::ParkingAnswer ParkingFake::apply(const ingest::Call& call) {
  return std::visit([this](const auto& one) { return act(one); }, call);
}

const Name* ParkingFake::find(const ingest::Put& put) const {
  if (const auto at = names_.find(put.row.identity); at != names_.end()) return &at->second;
  if (!put.id_alone) return nullptr;
  for (const auto& [identity, name] : names_)
    if (name.source == put.row.source && name.id == put.row.id) return &name;
  return nullptr;
}

ingest::ParkingAnswer ParkingFake::act(const ingest::Put& put) {
  wire::Offer row = put.row;
  if (const Name* known = find(put)) {
    const bool over =
        known->state != NameState::kWaiting && remembered_until_[known->identity] < put.now;
    const bool same = ingest::is_repeat(*known, put);
    const bool lost = !put.id_alone && !same && ingest::lost_its_identity(*known);
    const bool its_row = ingest::is_its_row(*known, put);
    row.cancelled = row.cancelled || (its_row && known->cancelled);
    if (!over && !lost && !its_row) {
      const auto end = same ? ingest::PutEnd::kSame : ingest::PutEnd::kOther;
      return ingest::PutAnswer{end, *known, facts(known->key)};
    }
    names_.erase(known->identity);
  }
  if (put.accept_until.us > 0) {
    remembered_until_[row.identity] = put.accept_until;
    world_.note(name_, "accepts", row.key, row.identity);
    const Name accepted = names_[row.identity] = ingest::written_name(put);
    return ingest::PutAnswer{ingest::PutEnd::kCreated, accepted, facts(row.key)};
  }
  const Name name = names_[row.identity] = ingest::name_of_row(row);
  if (tears_ > 0 && world_.prng.chance(tears_)) return ingest::ParkingFailed{"torn", false};
  KeyItem& key = keys_[row.key];
  key.upstream = row.upstream;
  if (row.in_order && !by_sent_time_)
    row.order = key.last_in_order = std::max(row.order, key.last_in_order + 1);
  rows_[row.identity] = {row, row.offered_before};
  order_.insert(place(row));
  witnesses_.tell(&Witness::row_put, row);
  world_.note(name_, "row", row.key, row.identity, row.order);
  return ingest::PutAnswer{ingest::PutEnd::kCreated, name, facts(row.key)};
}

wire::Offer ParkingFake::give(Row& row) {
  wire::Offer offer = row.offer;
  offer.origin = wire::Origin::kRow;
  offer.store = name_;
  offer.offered_before = row.offered;
  offer.envelope.clear();
  row.offered = true;
  return offer;
}

std::vector<std::string> ParkingFake::head(const std::string& key) const {
  std::vector<std::string> rows;
  for (auto at = order_.lower_bound({key, INT64_MIN, ""});
       at != order_.end() && std::get<0>(*at) == key; ++at)
    rows.push_back(std::get<2>(*at));
  return rows;
}

ingest::KeyFacts ParkingFake::facts(const std::string& key) const {
  ingest::KeyFacts facts;
  facts.key = key;
  if (const auto at = keys_.find(key); at != keys_.end()) {
    facts.upstream = at->second.upstream;
    facts.holds = at->second.holds;
  }
  const std::vector<std::string> rows = head(key);
  facts.count = rows.size();
  if (!rows.empty()) facts.head_order = rows_.at(rows.front()).offer.order;
  return facts;
}

ingest::ParkingAnswer ParkingFake::act(const ingest::ReadHead& read) {
  ingest::HeadAnswer answer;
  const std::vector<std::string> rows = head(read.key);
  std::uint64_t bytes = 0;
  for (const std::string& identity : rows) {
    Row& row = rows_.at(identity);
    const auto& after = read.after;
    if (std::tie(row.offer.order, identity) <= std::tie(after.order, after.identity)) continue;
    answer.more =
        answer.rows.size() == read.count || (read.bytes_max > 0 && bytes >= read.bytes_max);
    if (answer.more) break;
    answer.rows.push_back(give(row));
    bytes += row.offer.request.body.size();
  }
  answer.key = facts(read.key);
  return answer;
}

ingest::ParkingAnswer ParkingFake::act(const ingest::ReadRow& read) const {
  const auto row = rows_.find(read.identity);
  if (row == rows_.end()) return ingest::RowAnswer{};
  return ingest::RowAnswer{row->second.offer};
}

ingest::ParkingAnswer ParkingFake::act(const ingest::SettleRow& settle) {
  const wire::Settled& settled = settle.settled;
  const auto at = names_.find(settled.identity);
  if (at == names_.end())
    return ingest::SettleAnswer{ingest::SettleEnd::kUnknown, settled.identity, {}};
  Name& name = at->second;
  if (!ingest::is_end_of(name, settle))
    return ingest::SettleAnswer{ingest::SettleEnd::kOther, settled.identity, {}};
  if (ingest::has_ended(name.state))
    return ingest::SettleAnswer{ingest::SettleEnd::kBefore, settled.identity, facts(name.key)};
  const bool accepted = name.state == NameState::kAccepted;
  const auto row = rows_.extract(settled.identity);
  if (!row.empty()) order_.erase(place(row.mapped().offer));
  ingest::settle_name(name, settled);
  remembered_until_[settled.identity] = settle.remember_until;
  if (accepted)
    return ingest::SettleAnswer{ingest::SettleEnd::kSettled, settled.identity, facts(name.key)};
  world_.note(name_, "row gone", name.key, name.identity);
  wire::Offer gone;
  gone.identity = name.identity, gone.content_hash = name.content_hash;  // without a row: torn
  if (!row.empty()) gone = row.mapped().offer;
  witnesses_.tell(&Witness::row_gone, gone, settled);
  bool stopped = false;
  if (settled.settlement == wire::Settlement::kDead) {
    if (!settle.buried) witnesses_.tell(&Witness::dead_letter, gone, settled);
    stopped = gone.stops_dead && ingest::hold_behind(settled, keys_[name.key].holds);
  }
  return ingest::SettleAnswer{ingest::SettleEnd::kSettled, settled.identity, facts(name.key),
                              stopped};
}

ingest::ParkingAnswer ParkingFake::act(const ingest::Reorder& reorder) {
  const auto at = rows_.find(reorder.identity);
  if (at == rows_.end()) return ingest::ReorderAnswer{};
  wire::Offer& offer = at->second.offer;
  if (offer.in_order) return ingest::ReorderAnswer{true, facts(offer.key)};
  order_.erase(place(offer));
  offer.order = reorder.order;
  order_.insert(place(offer));
  witnesses_.tell(&Witness::row_moved, offer);
  return ingest::ReorderAnswer{true, facts(offer.key)};
}

Name* ParkingFake::find(const std::string& source, const std::string& id) {
  Name* newest = nullptr;
  for (auto& [identity, name] : names_)
    if (name.source == source && name.id == id && (!newest || newest->generation < name.generation))
      newest = &name;
  return newest;
}

ingest::ParkingAnswer ParkingFake::act(const ingest::LookupId& lookup) {
  ingest::LookupAnswer answer;
  const Name* name = find(lookup.source, lookup.id);
  if (name) answer.name = *name;
  answer.key = facts(name ? name->key : lookup.key);
  if (!name) {
    const auto first = order_.lower_bound({lookup.key, INT64_MIN, ""});
    answer.ahead = static_cast<std::uint64_t>(std::distance(
        first, order_.upper_bound({lookup.key, lookup.order, std::string(64, '\xff')})));
    return answer;
  }
  if (name->state != NameState::kWaiting) return answer;
  const std::vector<std::string> rows = head(name->key);
  answer.ahead = static_cast<std::uint64_t>(std::find(rows.begin(), rows.end(), name->identity) -
                                            rows.begin());
  return answer;
}

ingest::ParkingAnswer ParkingFake::act(const ingest::MarkCancelled& mark) {
  ingest::CancelAnswer answer;
  Name* name = find(mark.source, mark.id);
  if (!name) return answer;
  name->cancelled = true;
  if (const auto row = rows_.find(name->identity); row != rows_.end()) {
    row->second.offer.cancelled = true;
    answer.row = give(row->second);
  }
  answer.name = *name;
  return answer;
}

ingest::ParkingAnswer ParkingFake::act(const ingest::ListKeys& list) {
  ingest::KeysAnswer answer;
  for (auto at = keys_.upper_bound(list.after); at != keys_.end(); ++at) {
    ingest::KeyFacts one = facts(at->first);
    if (one.count == 0 && one.holds.empty()) continue;
    if (answer.keys.size() == list.count) {
      answer.more = true;
      break;
    }
    answer.keys.push_back(std::move(one));
  }
  return answer;
}

ingest::ParkingAnswer ParkingFake::act(const ingest::ListEnding& list) {
  ingest::EndingAnswer answer;
  for (auto at = rows_.upper_bound(list.after.identity); at != rows_.end(); ++at) {
    Row& row = at->second;
    if (!row.offer.cancelled && row.offer.expires_at > list.now) continue;
    if (answer.rows.size() == list.count) {
      answer.next = ingest::EndingPlace{false, answer.rows.back().identity};
      break;
    }
    answer.rows.push_back(give(row));
  }
  return answer;
}

ingest::ParkingAnswer ParkingFake::act(const ingest::SetHolds& set) {
  KeyItem& key = keys_[set.key];
  key.upstream = set.upstream;
  std::vector<wire::Hold> holds = set.holds;
  ingest::keep_stop(key.holds, holds);
  key.holds = std::move(holds);
  return ingest::Acknowledged{};
}

std::map<std::string, std::pair<StoreTime, StoreTime>> ParkingFake::words() const {
  std::map<std::string, std::pair<StoreTime, StoreTime>> words;
  for (const auto& [key, item] : keys_) {
    if (const wire::Hold* word = wire::word_among(item.holds))
      words[key] = {word->until, word->said_at};
  }
  return words;
}

ingest::ParkingAnswer ParkingFake::act(const ingest::ForgetNames& forget) {
  std::uint32_t gone = 0;
  for (auto at = names_.begin(); at != names_.end() && gone < forget.count;) {
    const bool over =
        at->second.state != NameState::kWaiting && remembered_until_[at->first] < forget.now;
    at = over ? names_.erase(at) : std::next(at);
    gone += over ? 1 : 0;
  }
  return ingest::ForgetAnswer{gone};
}

}  // namespace sluice::sim
