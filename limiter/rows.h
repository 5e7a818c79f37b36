// What the limiter knows of a key's rows, per parking store: rules 1 and 3 of design 4.2. Rows are
// announced, not remembered; a Want is said until it is answered; a key is forgotten only on an
// empty answer to a Want that was said after the last announcement.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/wire/messages.h"
#include "lib/wire/peer.h"
#include "limiter/config.h"

namespace sluice::limiter {

class Rows {
 public:
  struct Store {
    std::string name;
    std::uint32_t count = 0;    // announced last, less those that were forgotten since
    bool announced = false;     // since the Want that was said last
    bool more = true;           // it has, or may have, rows beyond what was offered
    bool precedes = false;      // the announced head is unknown here, and before the line's last
    bool inside = false;        // something new may lie between the line's head and its last
    bool brought = false;       // the Want that was said last brought something new
    std::uint64_t want_id = 0;  // the unanswered one; 0: none
    wire::PeerId asked;         // who was told it
    bool queued = false;        // its Want waits for its turn (known_keys.h)
    Instant said_at;
    Instant not_before;
    // The order of the first row that had no room here since the Want that was said last: what
    // comes after it in answer to that Want would stand before it.
    std::optional<std::int64_t> cut;
    // The order of the last row that came in answer to the Want said last.
    std::optional<std::int64_t> reach;
    Instant crowded_until;  // memory is short: no Want before, unless the line is empty
  };
  // The key's line, as far as it decides.
  struct View {
    bool half_empty = true;
    bool nothing = true;  // no message of the key is here, not even one under way
    bool empty = true;    // none but such as are under way
  };

  [[nodiscard]] bool any() const { return !stores_.empty(); }
  [[nodiscard]] const std::vector<Store>& stores() const { return stores_; }

  // head_known: that row is here. precedes: it belongs before the last of the line.
  void announced(const wire::Parked& parked, bool head_known, bool precedes);

  // The stores to which a Want is to be said now; a repeated one keeps its want_id.
  [[nodiscard]] std::vector<Store*> due(const View& view, const Config& config, Instant now);
  // When due() may have something without anything happening before.
  [[nodiscard]] Instant next(const View& view, const Config& config) const;
  // No room for what would come.
  static void later(Store& store, Instant when);
  static void said(Store& store, std::uint64_t want_id, wire::PeerId to, Instant now);
  // Nobody to ask now, or as many Wants as an ingest takes are open: this one's turn comes. Until
  // then due() leaves it out.
  static void queue(Store& store) { store.queued = true; }
  void its_turn(std::string_view store);
  // That store has rows, and nothing else is known of them: its Want waits for its turn.
  void know(const std::string& store, std::uint32_t count);
  // One row less.
  void forgotten(std::string_view store);
  // Of all stores.
  [[nodiscard]] std::uint64_t count() const;
  // Nothing is known but that Wants wait for their turn.
  [[nodiscard]] bool all_wait() const;
  // Who was told this open Want.
  [[nodiscard]] std::optional<wire::PeerId> asked(std::uint64_t want_id) const;

  // A row of this order came in answer to a Want.
  void came(std::uint64_t want_id, std::int64_t order);
  // ... and was new here.
  void brought(std::uint64_t want_id);
  // How far the answer to the Want said last went.
  [[nodiscard]] std::optional<std::int64_t> reach(std::string_view store) const;
  // False: an answer to a Want that is no longer open.
  bool answered(const wire::Rows& rows, bool half_empty, const Config& config, Instant now);
  // A row of that store was let go: there are more than are here.
  void let_go(std::string_view store);
  // It was let go for want of room: nothing after it belongs into the line before the next Want.
  void cut(std::string_view store, std::int64_t order, Instant crowded_until);
  [[nodiscard]] bool is_cut(std::string_view store, std::int64_t order) const;
  // A Want said to this peer will not be answered.
  void lost(wire::PeerId peer);
  // Another limiter asks for that store's rows from now on. What was known of it, if anything.
  std::optional<Store> moved(std::string_view store);

 private:
  [[nodiscard]] static bool needed(const Store& store, const View& view);
  // Not before this, whatever is needed.
  [[nodiscard]] static Instant earliest(const Store& store, const View& view);
  Store* find(std::string_view name);

  std::vector<Store> stores_;
};

}  // namespace sluice::limiter
