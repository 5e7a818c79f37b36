// Design 4.2: a key's rows go in their order, and nothing of their key overtakes them again and
// again. Watched where nothing hides the rows from the limiter: one ingest that stays up, whole
// wires, a parking store that answers.
#include <map>
#include <set>
#include <string>

#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

// A row between the first and the last of a line is found when the line is half empty, at the
// latest line_span after it was announced; after this more the limiter has had every chance.
constexpr Duration kKnown = seconds(2);
constexpr int kOvertakesMax = 2;  // a few pass while a limiter is new
// Queue copies that go although their key has rows. A limiter that is new is told of rows just
// after the copies that were kept for it, however many.
constexpr int kBesideMax = 3;

class Order : public Witness {
 public:
  Order(World& world, bool watched, Duration line_span)
      : world_(world), watched_(watched), known_after_(line_span + kKnown) {}

  void row_put(const wire::Offer& row) override {
    if (!watched_) return;
    Row& known = rows_[row.key][row.identity];
    known.order = row.order;
    known.put = world_.now();
    known.expires_at = row.expires_at;
    // What goes in order may wait for one before it, while others pass (check_in_order.cc).
    const bool free = row.not_before.us == 0 && !row.in_order;
    known.untouched = free && !touched_.contains(row.identity);
  }
  void cancel_asked(const std::string& identity) override { end_of(identity); }
  void row_moved(const wire::Offer& row) override { rows_[row.key].erase(row.identity); }
  void row_gone(const wire::Offer&, const wire::Settled& settled) override {
    end_of(settled.identity);
  }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime at) override {
    if (!watched_) return;
    for_each_settlement(call, answer,
                        [this](const std::string& identity, const auto&) { end_of(identity); });
    for_each_grant(call, answer, [&](const auto& identity, const auto& ask, const auto&) {
      if (touched_.insert(identity).second) goes(identity, ask, at);
    });
  }

 private:
  struct Row {
    std::int64_t order = 0;
    Instant put;
    StoreTime expires_at;
    bool untouched = false;
    int overtaken = 0;
  };

  // A row whose message has ended, or will without an attempt (cancelled, expired), waits for the
  // store and the trail alone: nothing overtakes it any more.
  void end_of(const std::string& identity) {
    for (auto& [key, rows] : rows_) rows.erase(identity);
    touched_.insert(identity);
  }

  void goes(const std::string& identity, const limiter::GrantAsk& ask, StoreTime at) {
    auto& rows = rows_[ask.line.key];
    std::int64_t order = std::max(ask.first_seen, ask.not_before).us;
    const auto own = rows.find(identity);
    const bool copy = own == rows.end();
    if (!copy) {
      order = own->second.order;
      rows.erase(own);
    }
    bool beside = false;
    for (auto& [other, row] : rows) {
      if (!row.untouched || row.order >= order || row.expires_at <= at) continue;
      if (world_.now() < row.put + known_after_) continue;
      beside |= copy;
      if (++row.overtaken > kOvertakesMax)
        world_.breaks("order", "overtaken again and again: " + Trace::hex(other));
    }
    const auto [life, fresh] = lives_.try_emplace(ask.line.limiter_life, world_.now());
    if (beside && world_.now() > life->second + kKnown && ++beside_ > kBesideMax)
      world_.breaks("order", "queue copies go before older rows: " + Trace::hex(identity));
  }

  World& world_;
  bool watched_;
  Duration known_after_;
  std::map<std::string, std::map<std::string, Row>> rows_;  // by key, by identity
  std::set<std::string> touched_;                           // granted or ended
  std::map<std::uint64_t, Instant> lives_;                  // of limiters, since when each is known
  int beside_ = 0;
};

bool sees_all(const Faults& faults, const Settings& settings) {
  const Endings& parking = faults.parking;
  const ProcessFaults& ingest = faults.ingest;
  return settings.ingests == 1 && faults.link.cut_every.us == 0 &&
         faults.link.stall_every.us == 0 &&
         parking.refused + parking.lost_before + parking.lost_after + parking.late == 0 &&
         ingest.crash_at_effect == 0 && ingest.crash_every.us == 0 && ingest.freeze_every.us == 0;
}

}  // namespace

std::unique_ptr<Witness> check_order(World& world, const Settings& settings) {
  return std::make_unique<Order>(world, sees_all(world.faults, settings),
                                 settings.limiter.line_span);
}

}  // namespace sluice::sim
