// Stated departures: a message that was told with its 202 when it will go leaves no earlier, and at
// most 2 % of that wait or 1 s later, where nothing fails in between (of two ingests: within a
// window of that). Watched on days on which the upstream answers steadily and keys share no limit:
// from when latencies are known, or long enough after the last fault for them to be known again.
#include <algorithm>
#include <map>
#include <string>

#include "lib/base/mark.h"
#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

constexpr std::uint64_t kLearnt = 20;    // answers of an upstream, until its latency is known ...
constexpr std::uint64_t kRelearnt = 40;  // ... and until no answer of before counts for much
constexpr Duration kAftermath = seconds(90);     // leases, retries and penalties of before are over
constexpr Duration kQuoted = milliseconds(100);  // ago, at most, it was said that it goes then

class Stated : public Witness {
 public:
  Stated(World& world, const Settings& settings)
      : world_(world), quiet_(settings.quiet_morning), slot_(slot_of(settings)) {}

  void stated(const ingest::Name& name, const wire::Quoted& said) override {
    if (said.departs_at.us == 0 || !is_calm(name.upstream)) return;
    stated_[name.identity] = {world_.now(),
                              world_.now() + std::max(Duration{0}, said.departs_at - said.now)};
  }
  void answered(const AnsweredAttempt& answer) override {
    if (answer.answered && (quiet_ || world_.healed)) ++answers_[upstream_of(answer.key)];
  }
  void started(const StartedAttempt& start) override {
    const auto at = stated_.extract(start.attempt.identity);
    if (at.empty()) return;
    const Statement& said = at.mapped();
    const Duration late = world_.now() - said.departs;
    const Duration wait = said.departs - said.at;
    if (wait > seconds(30)) MARK("stated: a departure in more than half a minute");
    if (late < Duration{0} - kQuoted - slot_) breaks("earlier", late, said);
    if (late > std::max(seconds(1), wait / 50) + slot_) breaks("later", late, said);
  }

 private:
  struct Statement {
    Instant at, departs;
  };
  // What two ingests take at the same moment, neither of them knows of the other's: one of them may
  // go when it was said of the other.
  [[nodiscard]] static Duration slot_of(const Settings& settings) {
    Duration slot;
    for (const Upstream& upstream : settings.upstreams) {
      for (const Limit& limit : upstream.limits) slot = std::max(slot, limit.window + limit.guard);
    }
    return settings.ingests > 1 ? slot + settings.answer_max : Duration{0};
  }
  static std::string upstream_of(const std::string& key) { return key.substr(0, key.find(':')); }
  // Since the faults ended; where there are none, from the beginning.
  [[nodiscard]] bool is_calm(const std::string& upstream) {
    const std::uint64_t answers = answers_[upstream];
    if (quiet_) return answers >= kLearnt;
    return world_.healed && world_.now() >= world_.healed_at + kAftermath && answers >= kRelearnt;
  }
  void breaks(const char* how, Duration late, const Statement& said) {
    world_.breaks("stated", std::string("leaves ") + how +
                                " than it was told: " + std::to_string(late.us) +
                                " us, of a wait of " + std::to_string((said.departs - said.at).us));
  }

  World& world_;
  bool quiet_;  // nothing fails from the beginning
  Duration slot_;
  std::map<std::string, std::uint64_t> answers_;  // by upstream
  std::map<std::string, Statement> stated_;       // by identity
};

}  // namespace

std::unique_ptr<Witness> check_stated(World& world, const Settings& settings) {
  return settings.stated_day ? std::make_unique<Stated>(world, settings) : nullptr;
}

}  // namespace sluice::sim
