// P5, on record before it is forgotten: at the moment when ingest deletes a row or a queue copy,
// the line of its settlement and of every attempt before it is durable in the trail.
#include <map>
#include <set>
#include <string>

#include "auditor/trail_facts.h"
#include "tests/sim/checks.h"
#include "tests/sim/ledger.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

class P5 : public Witness {
 public:
  explicit P5(World& world) : world_(world) {}

  void decided(const limiter::Call&, const limiter::Answer& answer, StoreTime) override {
    for_each_line(answer, [this](const wire::Record& line) {
      // A late line may come after its message was forgotten, unless it is what ended it.
      if (line.kind == wire::RecordKind::kLate && line.settlement == 0) return;
      Lines& lines = lines_[line.identity];
      lines.names.insert(auditor::record_name(trail_secret(), line.record_id));
      lines.settled |= line.settlement != 0;
    });
  }
  void written(const std::string& record_name) override {
    if (!written_.insert(record_name).second) world_.breaks("P5", "one record has two lines");
  }
  // A line that only the store had is gone with it.
  void store_forgot() override {
    for (auto& [identity, lines] : lines_)
      std::erase_if(lines.names, [this](const auto& name) { return !written_.contains(name); });
  }
  void row_put(const wire::Offer& row) override { parked_.insert(row.identity); }
  void row_gone(const wire::Settled& settled) override { forgotten(settled.identity); }
  void copy_gone(const std::string& identity) override {
    // A row took its place: that is what must not go without a line.
    if (!parked_.contains(identity)) forgotten(identity);
  }

 private:
  void forgotten(const std::string& identity) {
    const Lines& lines = lines_[identity];
    if (!lines.settled) world_.breaks("P5", "forgotten without a line: " + Trace::hex(identity));
    for (const std::string& name : lines.names)
      if (!written_.contains(name))
        world_.breaks("P5", "forgotten before its line was durable: " + Trace::hex(identity));
  }

  struct Lines {
    std::set<std::string> names;
    bool settled = false;
  };
  World& world_;
  std::map<std::string, Lines> lines_;
  std::set<std::string> written_, parked_;
};

}  // namespace

std::unique_ptr<Witness> check_p5(World& world) { return std::make_unique<P5>(world); }

}  // namespace sluice::sim
