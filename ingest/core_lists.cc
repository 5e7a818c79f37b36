// Ingest's core: lists of messages and of keys. A list is read by the shell; for those that wait a
// limiter is asked when they go, and what it does not say in time is left out.
#include <algorithm>
#include <utility>

#include "ingest/core.h"
#include "lib/wire/words.h"

namespace sluice::ingest {

namespace {

constexpr Duration kRetry = seconds(1);
constexpr std::size_t kQuotesMax = 50;  // of one list

}  // namespace

void drop_ended_holds(KeyFacts& key, StoreTime now) {
  std::erase_if(key.holds, [now](const wire::Hold& hold) { return !wire::closes(hold, now); });
}

void drop_forgotten_holds(KeyFacts& key, StoreTime now) {
  std::erase_if(key.holds, [now](const wire::Hold& hold) {
    return wire::is_word(hold) ? wire::is_forgotten(hold, now) : !wire::closes(hold, now);
  });
}

// ---- messages

void IngestCore::list(const ListMessages& asked, const Turn& turn) {
  if (room() == 0) {
    return respond(asked.request_id,
                   Unavailable{draining_ ? "stopping" : "too many requests at once", kRetry}, turn);
  }
  const std::uint64_t call_id = ++last_id_;
  listings_.insert_or_assign(asked.request_id, Listing{});
  list_calls_[call_id] = asked.request_id;
  at(turn.now + config_.parking_wait, Due::kList, call_id);
  turn.out.push(ListCall{call_id, asked.ask});
}

void IngestCore::listed(const ListReply& reply, const Turn& turn) {
  const auto call = list_calls_.extract(reply.call_id);
  if (call.empty()) return;  // later than it was waited for
  const std::uint64_t request_id = call.mapped();
  const auto* page = std::get_if<ListPage>(&reply.answer);
  if (page == nullptr) {
    listings_.erase(request_id);
    const auto& failed = std::get<ListFailed>(reply.answer);
    if (failed.always) return respond(request_id, NotOffered{failed.what}, turn);
    return respond(request_id, Unavailable{failed.what, kRetry}, turn);
  }
  Listing& listing = listings_.at(request_id);
  listing.listed = {*page, std::vector<Forecast>(page->messages.size())};
  listing.open = 1;  // this reading itself: no answer ends the list before all were asked
  std::size_t asked = 0;
  for (std::size_t n = 0; n < page->messages.size() && asked < kQuotesMax; ++n) {
    const auto& [name, ahead] = page->messages[n];
    if (name.state != NameState::kWaiting || !ahead) continue;
    wire::Quote about{0, name.upstream, name.key, name.identity, *ahead, 0, {}};
    if (!quote({request_id, n}, std::move(about), turn)) break;
    ++listing.open;
    ++asked;
  }
  if (--listing.open == 0) end_list(request_id, turn);
}

void IngestCore::end_list(std::uint64_t request_id, const Turn& turn) {
  auto listing = listings_.extract(request_id);
  respond(request_id, std::move(listing.mapped().listed), turn);
}

// ---- keys

void IngestCore::look_key(const LookKey& look, const Turn& turn) {
  // No message has an empty id: the answer is about the key.
  const std::string& item = look.key.empty() ? look.upstream : look.key;
  keys_looked_[look.request_id] = {look.key, look.upstream, 0, 0, {}};
  park(LookupId{config_.source, {}, item}, ForKey{look.request_id}, turn);
}

void IngestCore::key_looked(std::uint64_t request_id, const ParkingAnswer& answer,
                            const Turn& turn) {
  KeyFacts& key = keys_looked_.at(request_id);
  const auto* found = std::get_if<LookupAnswer>(&answer);
  if (found == nullptr) {
    keys_looked_.erase(request_id);
    return respond(request_id, unavailable(answer), turn);
  }
  key.count = found->key.count;
  key.head_order = found->key.head_order;
  key.holds = found->key.holds;
  drop_ended_holds(key, wall(turn.now));
  const bool whole = key.key.empty();
  wire::Quote about{0, key.upstream, key.key, {}, 0, 0, {}};
  if (!whole && quote({request_id, 0}, std::move(about), turn)) return;
  end_key(request_id, std::nullopt, turn);
}

void IngestCore::end_key(std::uint64_t request_id, const Forecast& forecast, const Turn& turn) {
  auto key = keys_looked_.extract(request_id);
  respond(request_id, KeyFound{std::move(key.mapped()), forecast}, turn);
}

// One page of the store is looked at, whatever of it the asker may see.
void IngestCore::keys_page(const ListKeyPage& asked, const ParkingAnswer& answer,
                           const Turn& turn) {
  const auto* page = std::get_if<KeysAnswer>(&answer);
  if (page == nullptr) return respond(asked.request_id, unavailable(answer), turn);
  KeysListed listed;
  bool more = page->more;
  for (KeyFacts key : page->keys) {
    if (listed.keys.size() == asked.limit) {
      more = true;
      break;
    }
    listed.next = key.key;
    if (key.key == key.upstream || !asked.scope.covers(key.upstream, key.key)) continue;
    drop_ended_holds(key, wall(turn.now));
    if (key.count > 0 || !key.holds.empty()) listed.keys.push_back(std::move(key));
  }
  if (!more) listed.next.clear();
  respond(asked.request_id, std::move(listed), turn);
}

// ---- for the auditor

// To one auditor, so that nothing is counted twice. A limiter says since when what it knows could
// go; while there is none, nobody but us can say that somebody waits.
void IngestCore::send_backlog(const ParkingSize& size, const Turn& turn) {
  const bool alone = size.waiting > 0 && limiters_.empty();
  if (!alone) alone_since_ = {};
  if (alone && alone_since_.us == 0) alone_since_ = size.at;
  if (const wire::PeerUp* to = auditor_of(config_.store)) {
    turn.out.push(wire::Send{
        to->peer, wire::Backlog{size.waiting + copies_.size(), size.dead, alone_since_}});
  }
}

}  // namespace sluice::ingest
