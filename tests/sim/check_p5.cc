// P5, on record before it is forgotten: at the moment when ingest deletes a row or a queue copy,
// the line of its settlement and of every attempt before it is durable in the trail.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "auditor/trail_facts.h"
#include "tests/sim/checks.h"
#include "tests/sim/contents.h"
#include "tests/sim/ledger.h"

namespace sluice::sim {
namespace {

class P5 : public Witness {
 public:
  explicit P5(World& world) : world_(world) {}

  void accepted(const AcceptedMessage& message) override { contents_.accepted(message); }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime) override {
    contents_.decided(call, answer);
    const auto* grant = std::get_if<limiter::Grant>(&call);
    const auto* granted = std::get_if<limiter::GrantReply>(&answer);
    for (std::size_t i = 0; grant && granted && i < granted->answers.size(); ++i) {
      const wire::Record& asked = grant->asks[i].line;
      for (const wire::Record& line : granted->answers[i].outbox)
        is_of({asked.identity, asked.content_hash}, line);
    }
    if (granted != nullptr) return;
    for_each_line(answer,
                  [this](const auto& line) { is_of(contents_.taken(line.identity), line); });
  }
  void written(const std::string& record_name) override {
    if (!written_.insert(record_name).second) world_.breaks("P5", "one record has two lines");
  }
  // A line that only the store had is gone with it.
  void store_forgot() override {
    forgot_ = true;
    for (auto& [message, lines] : lines_)
      for (auto& [outcome, names] : lines.outcomes)
        for (auto& [name, line] : names) line.lost |= !written_.contains(name);
  }
  void row_put(const wire::Offer& row) override { parked_.insert(named(row)); }
  void row_gone(const wire::Offer& row, const wire::Settled& settled) override {
    forgotten(named(row), settled.settlement);
  }
  void copy_gone(const wire::Offer& copy) override {
    // A row took its place: that is what must not go without a line.
    if (!parked_.contains(named(copy))) forgotten(named(copy));
  }
  // Without an attempt, and without the store's word (check_p2.cc).
  void dead_letter(const wire::Offer& message, const wire::Settled& why) override {
    if (why.reason == wire::kIdConflict) refused_.insert(named(message));
  }

 private:
  void is_of(const Named& message, const wire::Record& line) {
    // A late line may come after its message was forgotten, unless it is what ended it.
    if (line.kind == wire::RecordKind::kLate && line.settlement == 0) return;
    Lines& lines = lines_[message];
    const std::string name = auditor::record_name(trail_secret(), line.record_id);
    const bool late = line.kind == wire::RecordKind::kLate;
    lines.outcomes[{line.serial, line.ended}].try_emplace(name, Line{late, false, line.settlement});
    lines.settled |= line.settlement != 0;
  }
  void forgotten(const Named& message, wire::Settlement as = {}) {
    const Lines& lines = lines_[message];
    const std::string name_of_it = Trace::hex(message.identity);
    // An outcome says whose it is by its identity alone: a store that forgot takes it for that of
    // whichever comes next.
    const bool mistaken = forgot_ && contents_.several(message.identity);
    if (!lines.settled && !refused_.contains(message) && !mistaken)
      world_.breaks("P5", "forgotten without a line: " + name_of_it);
    const bool ended_anew = forgot_ && ends_on_record(lines, as);
    for (const auto& [outcome, names] : lines.outcomes) {
      // No attempt, and its ingest knew by itself that another one has its identity: the store's
      // line of that comes by and by.
      const bool known = outcome.second == 0 && refused_.contains(message);
      if (!known && !(ended_anew && settles(names)) && !on_record(names))
        world_.breaks("P5", "forgotten before its line was durable: " + name_of_it);
    }
  }

  struct Line {
    bool late = false;
    bool lost = false;  // the store forgot it before it was written
    std::uint32_t settlement = 0;
  };
  using Names = std::map<std::string, Line>;  // of the lines that say one outcome

  // What a store that forgot is told once more is late to it, and on record all the same if it was
  // before, or by who had the first line.
  [[nodiscard]] bool on_record(const Names& names) const {
    const auto is_written = [this](const auto& one) { return written_.contains(one.first); };
    const bool any = std::any_of(names.begin(), names.end(), is_written);
    return std::all_of(names.begin(), names.end(), [&](const auto& one) {
      return one.second.lost || is_written(one) || (one.second.late && any);
    });
  }
  struct Lines {
    std::map<std::pair<std::uint32_t, std::uint32_t>, Names> outcomes;  // by serial, ended
    bool settled = false;
  };

  static bool settles(const Names& names) {
    return std::all_of(names.begin(), names.end(),
                       [](const auto& one) { return one.second.settlement != 0; });
  }
  // What a store that forgot ended anew may go for its first end, once that is on record.
  [[nodiscard]] bool ends_on_record(const Lines& lines, wire::Settlement as) const {
    return std::any_of(lines.outcomes.begin(), lines.outcomes.end(), [&](const auto& outcome) {
      return std::any_of(outcome.second.begin(), outcome.second.end(), [&](const auto& one) {
        return one.second.settlement == static_cast<std::uint32_t>(as) &&
               written_.contains(one.first);
      });
    });
  }
  World& world_;
  bool forgot_ = false;  // the store did
  Contents contents_;
  std::map<Named, Lines> lines_;
  std::set<std::string> written_;
  std::set<Named> parked_, refused_;
};

}  // namespace

std::unique_ptr<Witness> check_p5(World& world) { return std::make_unique<P5>(world); }

}  // namespace sluice::sim
