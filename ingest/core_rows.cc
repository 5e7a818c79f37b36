// Ingest's core: rows. Announcements (rule 1), Want (rule 3), settlement, expiry.
#include <algorithm>
#include <utility>

#include "ingest/core.h"
#include "lib/base/mark.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {

namespace {

constexpr Duration kAgain = seconds(1);     // after a call that failed
constexpr std::size_t kReadingMax = 1'024;  // Wants beyond it are dropped: they are said again
constexpr std::uint32_t kForgetAtOnce = 1'000;
constexpr Duration kForgetMore = milliseconds(100);
constexpr Duration kPageEvery = milliseconds(5);

}  // namespace

// ---- announcements

void IngestCore::announce_key(const KeyFacts& key, const Turn& turn) {
  if (key.count == 0) return;  // only an empty answer to a Want takes a key back
  if (Limiter* to = owner(key.key)) say_parked(*to, key, turn);
}

void IngestCore::say_parked(Limiter& to, const KeyFacts& key, const Turn& turn) {
  turn.out.push(wire::Send{to.up.peer, wire::Parked{config_.store, key.key, key.upstream, key.count,
                                                    key.head_order, key.holds}});
}

void IngestCore::announce_all(Limiter& to, const Turn& turn) {
  Announcing& all = to.announcing;
  if (all.running) {
    MARK("ingest: rows are to be announced while they are");
    all.again = true;
    return;
  }
  all = Announcing{true, false, {}, 0, all.next_at};
  announce_page(to, turn);
}

void IngestCore::announce_page(Limiter& to, const Turn& turn) {
  park(ListKeys{to.announcing.after, config_.read_max}, ForAnnounce{to.up.peer}, turn);
}

void IngestCore::announced_page(wire::PeerId peer, const ParkingAnswer& answer, const Turn& turn) {
  Limiter* to = limiter(peer);
  if (to == nullptr) return;
  Announcing& all = to->announcing;
  const auto* page = std::get_if<KeysAnswer>(&answer);
  if (page == nullptr) {
    MARK("ingest: parking does not say which keys have rows");
    return at(turn.now + kAgain, Due::kAnnouncePage, peer.n);
  }
  for (const KeyFacts& key : page->keys) {
    all.after = key.key;
    announce_holds(*to, key, turn);
    if (key.count == 0 || owner(key.key) != to) continue;
    announce_key(key, turn);
    ++all.keys;
  }
  // Between two pages other work has its turn, here and at the limiter.
  if (page->more && !page->keys.empty()) {
    return at(turn.now + kPageEvery, Due::kAnnouncePage, peer.n);
  }
  turn.out.push(wire::Send{peer, wire::Announced{config_.store, all.keys}});
  all.running = false;
  timers_.erase(Timer{all.next_at, Due::kAnnounce, peer.n, {}});
  all.next_at = turn.now + config_.announce_every;
  at(all.next_at, Due::kAnnounce, peer.n);
  if (all.again) announce_all(*to, turn);
}

// ---- Want

void IngestCore::want(wire::PeerId peer, const wire::Want& want, const Turn& turn) {
  Limiter* from = limiter(peer);
  if (from == nullptr || want.store != config_.store) return;
  if (owner(want.key) != from) {
    MARK("ingest: a limiter wants rows of another one's key");
    return not_its_own(*from, want.want_id, want.key, turn);
  }
  if (reading_ < kReadingMax) {
    read_head(ForWant{peer, want.want_id, want.key, want.count}, turn);
  }
}

// The key has another owner now; this one forgets it.
void IngestCore::not_its_own(Limiter& to, std::uint64_t want_id, const std::string& key,
                             const Turn& turn) {
  withdraw(to, key, turn);
  if (want_id == 0) return offer_more_again(to, turn);
  turn.out.push(wire::Send{to.up.peer, wire::Rows{want_id, config_.store, key, 0, false}});
}

// Each Want has reads of its own: an older read may have missed a put that was announced since.
// They go page by page to the end of what was asked for: the head may be under way or waiting for
// the trail, as far as a page reaches, and what may go next lies behind it.
void IngestCore::read_head(ForWant purpose, const Turn& turn) {
  ++reading_;
  const std::uint32_t page = std::min(purpose.count - purpose.given, config_.read_max);
  ReadHead read{purpose.key, page, config_.read_bytes_max, purpose.after};
  park(std::move(read), std::move(purpose), turn);
}

void IngestCore::head(ForWant purpose, const ParkingAnswer& answer, const Turn& turn) {
  --reading_;
  const auto* read = std::get_if<HeadAnswer>(&answer);
  Limiter* to = limiter(purpose.peer);
  if (read == nullptr || to == nullptr) {  // it asks again each second
    MARK("ingest: rows that are wanted cannot be read or offered");
    if (to != nullptr) offer_more_again(*to, turn);
    return;
  }
  if (owner(purpose.key) != to) {
    MARK("ingest: a key moves while its rows are read");
    return not_its_own(*to, purpose.want_id, purpose.key, turn);
  }
  for (wire::Offer row : read->rows) {
    row.want_id = purpose.want_id;
    send_offer(*to, std::move(row), turn);
  }
  purpose.given += static_cast<std::uint32_t>(read->rows.size());
  if (read->more && !read->rows.empty() && purpose.given < purpose.count) {
    MARK("ingest: a Want is answered by several pages");
    purpose.after = {read->rows.back().order, read->rows.back().identity};
    return read_head(std::move(purpose), turn);
  }
  if (purpose.want_id == 0) {
    MARK("ingest: rows are offered again after a difference");
    return offer_more_again(*to, turn);
  }
  turn.out.push(wire::Send{purpose.peer, wire::Rows{purpose.want_id, config_.store, purpose.key,
                                                    purpose.given, read->more}});
}

void IngestCore::parked_row(wire::PeerId peer, const wire::Park& park_item, const Turn& turn) {
  Limiter* from = limiter(peer);
  if (from != nullptr) from->belief.lets_go(park_item.identity);
  if (park_item.due.us > 0) {
    MARK("ingest: a row is given a later place");
    park(Reorder{park_item.identity, park_item.due.us, park_item.key}, ForNobody{}, turn);
  }
}

// ---- what needs no turn: expired and cancelled rows, a page at a time, so that a million of them
// does not flood a limiter

void IngestCore::sweep(const Turn& turn) {
  if (limiters_.empty()) {
    sweeping_ = false;
    swept_to_ = {};
    return;
  }
  const auto bounds = clock_.bounds(turn.now);
  const StoreTime now = bounds ? bounds->low : StoreTime{};
  park(ListEnding{now, swept_to_, config_.read_max, config_.read_bytes_max}, ForSweep{}, turn);
}

void IngestCore::swept(const ParkingAnswer& answer, const Turn& turn) {
  const auto* page = std::get_if<EndingAnswer>(&answer);
  if (page == nullptr) {
    MARK("ingest: parking does not say which rows end");
    return at(turn.now + kAgain, Due::kSweep, 0);
  }
  for (const wire::Offer& row : page->rows) {
    MARK("ingest: a row that ends is offered out of turn");
    offer_out_of_turn(row, turn);
  }
  swept_to_ = page->next.value_or(EndingPlace{});
  at(turn.now + (page->next ? kAgain : config_.sweep_every), Due::kSweep, 0);
}

// ---- names whose time is over: a few at a time, and more soon while there are any, so that they
// go as fast as they come

void IngestCore::forget_names(const Turn& turn) {
  if (wall(turn.now).us == 0) return at(turn.now + kAgain, Due::kForget, 0);
  park(ForgetNames{wall(turn.now), kForgetAtOnce}, ForForget{}, turn);
}

void IngestCore::names_forgotten(const ParkingAnswer& answer, const Turn& turn) {
  const auto* forgot = std::get_if<ForgetAnswer>(&answer);
  Duration next = config_.sweep_every;
  if (forgot == nullptr) next = kAgain;
  if (forgot != nullptr && forgot->gone >= kForgetAtOnce) next = kForgetMore;
  at(turn.now + next, Due::kForget, 0);
}

// ---- settlement

// The copy of what has ended. Another one with its identity and other bytes has an end of its own.
IngestCore::Copy* IngestCore::copy_of(const wire::Settled& settled) {
  const auto copy = copies_.find(settled.identity);
  if (copy == copies_.end()) return nullptr;
  const std::string& bytes = copy->second.message.content_hash;
  if (!settled.content_hash.empty() && settled.content_hash != bytes) {
    MARK("ingest: a message ends, and a copy with other bytes is here");
    return nullptr;
  }
  return &copy->second;
}

void IngestCore::settled(wire::PeerId peer, const wire::Settled& settled, const Turn& turn) {
  Copy* copy = copy_of(settled);
  const auto here = copies_.find(settled.identity);
  const bool holds_other =
      copy == nullptr && here != copies_.end() && here->second.at == At::kOffered;
  Limiter* from = limiter(peer);
  if (from != nullptr && !holds_other) from->belief.lets_go(settled.identity);
  const auto [entry, fresh] = settling_.try_emplace(settled.identity, Settling{settled, peer});
  entry->second.peer = peer;
  if (!fresh) {
    // Under way already; Forgotten will be said once, to this peer. A copy that came since then is
    // given back: it is settled when it comes again.
    if (copy != nullptr && copy->at != At::kSettling) {
      MARK("ingest: a copy comes while its message is being settled");
      leave_limiter(*copy, turn);
      if (copy->at == At::kPutting) not_putting(copy->message.key);
      let_go(settled.identity, config_.full_visibility, turn);
    }
    return;
  }
  if (copy == nullptr) return end_row(settled.identity, turn);
  leave_limiter(*copy, turn);
  if (copy->at == At::kPutting) {
    MARK("ingest: a copy is settled while it is put into parking");
    not_putting(copy->message.key);
  }
  copy->at = At::kSettling;
  if (settled.settlement != wire::Settlement::kDead) return settle_row(settled.identity, turn);
  queue_call(DeadLetter{copy->receipts.back(), settled}, After::kSettleRow, settled.identity, turn);
}

void IngestCore::settle_row(const std::string& identity, const Turn& turn) {
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  wire::Settled settled = entry->second.settled;
  if (settled.at.us == 0) settled.at = wall(turn.now);
  const StoreTime remember_until = settled.at + config_.remember;
  const bool buried = entry->second.grave == Grave::kQueues;
  park(SettleRow{std::move(settled), remember_until, buried}, ForSettle{identity}, turn);
}

void IngestCore::row_settled(const std::string& identity, const ParkingAnswer& answer,
                             const Turn& turn) {
  const auto* done = std::get_if<SettleAnswer>(&answer);
  if (done == nullptr) {
    MARK("ingest: a row is settled again, as parking did not answer");
    return at(turn.now + kAgain, Due::kSettle, 0, identity);
  }
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  if (done->end == SettleEnd::kSettled) {
    ++counts_.settled;
    if (entry->second.settled.settlement == wire::Settlement::kDead) ++counts_.dead;
  }
  if (done->stopped) {
    for (auto& [peer, to] : limiters_) announce_holds(to, done->key, turn);
    announce_key(done->key, turn);
  }
  const auto copy = copies_.find(identity);
  const bool goes_with_it = copy != copies_.end() && copy->second.at == At::kSettling;
  if (goes_with_it && copy->second.dies == nullptr) {
    return delete_copy(identity, After::kForgotten, turn);
  }
  forgotten(identity, turn);
}

void IngestCore::forgotten(const std::string& identity, const Turn& turn) {
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  const wire::Forgotten word{identity, entry->second.settled.upstream};
  const Limiter* to = limiter(entry->second.peer);
  if (to == nullptr) {
    MARK("ingest: who settled a message is gone before it is forgotten");
    to = owner(entry->second.settled.key);
  }
  // What lost its identity to another one has a record of its own, which nobody names.
  const bool lost = entry->second.settled.reason == wire::kIdConflict;
  if (to != nullptr && !lost) turn.out.push(wire::Send{to->up.peer, word});
  settling_.erase(entry);
}

}  // namespace sluice::ingest
