#include "limiter/rows.h"

#include "lib/base/mark.h"

#include <algorithm>

namespace sluice::limiter {

Rows::Store* Rows::find(std::string_view name) {
  const auto at =
      std::find_if(stores_.begin(), stores_.end(), [&](const Store& s) { return s.name == name; });
  return at == stores_.end() ? nullptr : &*at;
}

void Rows::announced(const wire::Parked& parked, bool head_known, bool precedes) {
  Store* store = find(parked.store);
  if (store == nullptr) {
    stores_.emplace_back().name = parked.store;
    store = &stores_.back();
  }
  store->count = static_cast<std::uint32_t>(std::min<std::uint64_t>(parked.count, UINT32_MAX));
  store->announced = true;
  store->more = true;
  store->not_before = {};  // there may be something new: asking at once is worth it again
  store->precedes = store->precedes || (precedes && !head_known);
  store->inside = store->inside || precedes;
}

// Rule 3: the line is half empty and the store may have more, or an announced head precedes the
// line's last, or nothing of the key is left here and only an empty answer can tell that it is
// over.
bool Rows::needed(const Store& store, const View& view) {
  return store.precedes || (view.half_empty && store.more) || view.nothing;
}

Instant Rows::earliest(const Store& store, const View& view) {
  return view.empty ? store.not_before : std::max(store.not_before, store.crowded_until);
}

std::vector<Rows::Store*> Rows::due(const View& view, const Config& config, Instant now) {
  std::vector<Store*> due;
  for (Store& store : stores_) {
    const bool again = store.want_id != 0;
    if (again) {
      if (now >= store.said_at + config.want_again && !config.mutations.want_said_once) {
        due.push_back(&store);
      }
      continue;
    }
    if (store.queued) continue;
    const bool inside = store.inside && now >= store.said_at + config.line_span;
    if ((needed(store, view) || inside) && now >= earliest(store, view)) due.push_back(&store);
  }
  return due;
}

Instant Rows::next(const View& view, const Config& config) const {
  Instant next = Instant::never();
  for (const Store& store : stores_) {
    if (store.want_id != 0) {
      if (config.mutations.want_said_once) continue;
      next = std::min(next, store.said_at + config.want_again);
    } else if (store.queued) {
      continue;
    } else if (needed(store, view)) {
      next = std::min(next, earliest(store, view));
    } else if (store.inside) {
      next = std::min(next, std::max(earliest(store, view), store.said_at + config.line_span));
    }
  }
  return next;
}

void Rows::said(Store& store, std::uint64_t want_id, wire::PeerId to, Instant now) {
  store.asked = to;
  store.said_at = now;
  if (store.want_id == want_id) return;  // again: what was announced meanwhile still counts
  store.want_id = want_id;
  store.announced = false;
  store.precedes = false;
  store.inside = false;
  store.brought = false;
  store.cut.reset();
  store.reach.reset();
}

void Rows::its_turn(std::string_view name) {
  if (Store* store = find(name)) store->queued = false;
}

void Rows::know(const std::string& name, std::uint32_t count) {
  wire::Parked parked;
  parked.store = name;
  parked.count = count;
  announced(parked, false, true);
  queue(stores_.back());
}

void Rows::forgotten(std::string_view name) {
  Store* store = find(name);
  if (store == nullptr) return;
  if (store->count > 0) --store->count;
  store->not_before = {};  // what stands behind it has come nearer
}

std::uint64_t Rows::count() const {
  std::uint64_t count = 0;
  for (const Store& store : stores_) count += store.count;
  return count;
}

bool Rows::all_wait() const {
  return std::all_of(stores_.begin(), stores_.end(),
                     [](const Store& store) { return store.queued; });
}

std::optional<wire::PeerId> Rows::asked(std::uint64_t want_id) const {
  for (const Store& store : stores_) {
    if (want_id != 0 && store.want_id == want_id) return store.asked;
  }
  return std::nullopt;
}

void Rows::came(std::uint64_t want_id, std::int64_t order) {
  for (Store& store : stores_) {
    if (store.want_id == want_id) store.reach = std::max(store.reach.value_or(order), order);
  }
}

std::optional<std::int64_t> Rows::reach(std::string_view name) const {
  for (const Store& store : stores_) {
    if (store.name == name) return store.reach;
  }
  return std::nullopt;
}

void Rows::brought(std::uint64_t want_id) {
  for (Store& store : stores_) {
    if (store.want_id == want_id) store.brought = true;
  }
}

bool Rows::answered(const wire::Rows& rows, bool half_empty, const Config& config, Instant now) {
  Store* store = find(rows.store);
  if (store == nullptr || store->want_id == 0 || store->want_id != rows.want_id) return false;
  store->want_id = 0;
  const bool said_before = store->announced && !config.mutations.forget_on_any_empty;
  if (rows.count == 0 && !said_before) {
    MARK("limiter: an empty answer ends a key's rows");
    stores_.erase(stores_.begin() + (store - stores_.data()));
    return true;
  }
  if (rows.count == 0) MARK("limiter: an empty answer is older than an announcement");
  // What had no room is not here, and comes after what is.
  store->more = rows.more || store->announced || store->cut.has_value();
  // Rows that were known already, and nothing else: asking at once would bring the same. With more
  // than half a line there is no haste, and when it is short of messages others are asked for.
  if (half_empty && !store->brought && !store->announced) {
    MARK("limiter: a Want brings nothing new");
    store->not_before = now + config.want_again;
  }
  return true;
}

void Rows::let_go(std::string_view name) {
  if (Store* store = find(name)) store->more = true;
}

void Rows::cut(std::string_view name, std::int64_t order, Instant crowded_until) {
  Store* store = find(name);
  if (store == nullptr) return;
  store->more = true;
  store->cut = std::min(store->cut.value_or(order), order);
  store->crowded_until = std::max(store->crowded_until, crowded_until);
}

bool Rows::is_cut(std::string_view name, std::int64_t order) const {
  return std::any_of(stores_.begin(), stores_.end(), [&](const Store& store) {
    return store.name == name && store.cut && order >= *store.cut;
  });
}

void Rows::lost(wire::PeerId peer) {
  for (Store& store : stores_) {
    if (store.want_id == 0 || store.asked != peer) continue;
    MARK("limiter: an ingest goes that was asked for rows");
    store.want_id = 0;
    store.announced = true;
    store.more = true;
    store.precedes = true;
  }
}

void Rows::later(Store& store, Instant when) {
  store.not_before = when;
  if (store.want_id != 0) store.said_at = when;
}

std::optional<Rows::Store> Rows::moved(std::string_view name) {
  Store* store = find(name);
  if (store == nullptr) return std::nullopt;
  Store known = std::move(*store);
  stores_.erase(stores_.begin() + (store - stores_.data()));
  return known;
}

}  // namespace sluice::limiter
