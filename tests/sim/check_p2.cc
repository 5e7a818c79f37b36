// P2, never lost: an accepted message ends in exactly one settlement. Its row or copy goes only
// after the store has settled it (or after a row took the place of the copy), and in the end
// nothing that was accepted is left.
#include <map>
#include <set>
#include <string>

#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

class P2 : public Witness {
 public:
  explicit P2(World& world) : world_(world) {}

  void accepted(const AcceptedMessage& message) override { accepted_.insert(message.identity); }

  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime) override {
    for_each_settlement(call, answer, [this](const std::string& identity, const limiter::End& end) {
      const auto [at, first] = ends_.emplace(identity, end);
      if (first || at->second.settlement == end.settlement) return;
      if (forgotten_.erase(identity) == 0)
        world_.breaks("P2", "settled twice, differently: " + Trace::hex(identity));
      at->second = end;
    });
  }
  // A message that had ended may end anew, and otherwise.
  void store_forgot() override {
    for (const auto& [identity, end] : ends_) forgotten_.insert(identity);
  }
  void row_put(const wire::Offer& row) override { rows_.insert(row.identity); }
  void row_gone(const wire::Settled& settled) override {
    rows_.erase(settled.identity);
    const auto end = ends_.find(settled.identity);
    if (end == ends_.end()) return lost("row", settled.identity);
    if (end->second.settlement != settled.settlement)
      world_.breaks("P2", "the row's end is not the store's: " + Trace::hex(settled.identity));
  }
  void copy_gone(const std::string& identity) override {
    if (!ends_.contains(identity) && !rows_.contains(identity)) lost("copy", identity);
  }
  void ended() override {
    for (const std::string& identity : accepted_)
      if (!ends_.contains(identity))
        world_.breaks("P2", "accepted, and never settled: " + Trace::hex(identity));
    if (!rows_.empty())
      world_.breaks("P2",
                    std::to_string(rows_.size()) + " rows left, as " + Trace::hex(*rows_.begin()));
  }

 private:
  void lost(const char* what, const std::string& identity) {
    world_.breaks("P2", std::string("a ") + what +
                            " was deleted before its message was settled: " + Trace::hex(identity));
  }

  World& world_;
  std::set<std::string> accepted_;
  std::multiset<std::string> rows_;
  std::set<std::string> forgotten_;           // ended, and the store may know nothing of it
  std::map<std::string, limiter::End> ends_;  // by identity: the first that the store decided
};

}  // namespace

std::unique_ptr<Witness> check_p2(World& world) { return std::make_unique<P2>(world); }

}  // namespace sluice::sim
