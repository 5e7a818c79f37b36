// P2, never lost: an accepted message ends in exactly one settlement. Its row or copy goes only
// after the store has settled it (or after a row took the place of the copy), and in the end
// nothing that was accepted is left. Of several with one identity each is a message of its own: the
// store takes one, the others end as id_conflict, by the store's word or by a dead letter.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/checks.h"
#include "tests/sim/contents.h"

namespace sluice::sim {
namespace {

class P2 : public Witness {
 public:
  explicit P2(World& world) : world_(world) {}

  void accepted(const AcceptedMessage& message) override { contents_.accepted(message); }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime) override {
    contents_.decided(call, answer);
    contents_.for_each_end(call, answer, [this](const Named& message, const limiter::End& end) {
      ended_so(message, end.settlement, end.reason);
    });
  }
  // A message that had ended may end anew, and otherwise.
  void store_forgot() override {
    for (const auto& [message, end] : ends_) forgotten_.insert(message);
  }
  void row_put(const wire::Offer& row) override { rows_.insert(named(row)); }
  void row_gone(const wire::Offer& row, const wire::Settled& settled) override {
    rows_.erase(named(row));
    const auto end = ends_.find(named(row));
    if (end == ends_.end()) return lost("row", row.identity);
    if (std::none_of(end->second.begin(), end->second.end(),
                     [&](const End& one) { return one.settlement == settled.settlement; }))
      breaks("the row's end is not the store's", row.identity);
  }
  void copy_gone(const wire::Offer& copy) override {
    if (!ends_.contains(named(copy)) && !rows_.contains(named(copy))) lost("copy", copy.identity);
  }
  // Ingest's own word, where it knows that another one of this identity was settled.
  void dead_letter(const wire::Offer& message, const wire::Settled& why) override {
    if (why.reason != wire::kIdConflict) return;
    ended_so(named(message), why.settlement, why.reason);
    // That ingest remembers who took the identity. A store that has forgotten it does not, and will
    // say another end where another ingest has the message, too.
    const auto took = forgotten_.lower_bound({message.identity, {}});
    if (took != forgotten_.end() && took->identity == message.identity)
      forgotten_.insert(named(message));
  }
  void ended() override {
    for (const auto& [identity, all] : contents_.all()) {
      std::size_t lost_it = 0;
      for (const Named& message : all) {
        const auto end = ends_.find(message);
        if (end == ends_.end()) breaks("accepted, and never settled", identity);
        lost_it += end != ends_.end() && end->second.back().id_conflict ? 1U : 0U;
      }
      if (lost_it == all.size()) breaks("each lost its identity to another", identity);
    }
    if (!rows_.empty())
      breaks(std::to_string(rows_.size()) + " rows left, as", rows_.begin()->identity);
  }

 private:
  struct End {
    wire::Settlement settlement;
    bool id_conflict;
    friend bool operator==(const End&, const End&) = default;
  };

  void ended_so(const Named& message, wire::Settlement settlement, const std::string& reason) {
    const End end{settlement, reason == wire::kIdConflict};
    if (end.id_conflict && !contents_.several(message.identity))
      breaks("another has its identity, and there is none", message.identity);
    const auto [at, first] = ends_.try_emplace(message, 1, end);
    if (first || at->second.back() == end) return;
    if (forgotten_.erase(message) == 0) breaks("settled twice, differently", message.identity);
    at->second.push_back(end);
  }
  void lost(const char* what, const std::string& identity) {
    breaks(std::string("a ") + what + " was deleted before its message was settled", identity);
  }
  void breaks(const std::string& what, const std::string& identity) {
    world_.breaks("P2", what + ": " + Trace::hex(identity));
  }

  World& world_;
  Contents contents_;
  std::multiset<Named> rows_;
  std::set<Named> forgotten_;  // ended, and the store may know nothing of it
  // As they were decided: more than one only after the store forgot, and a row may go for each.
  std::map<Named, std::vector<End>> ends_;
};

}  // namespace

std::unique_ptr<Witness> check_p2(World& world) { return std::make_unique<P2>(world); }

}  // namespace sluice::sim
