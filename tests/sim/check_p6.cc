// P6, keys do not wait for each other: a row of a quiet key is dispatched within a second of its
// put, and a queue copy of its reception, whatever other keys have waiting. Watched on quiet days,
// where nothing is shared that may run out: no limit of a whole upstream, room at the dispatchers
// for every key.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

constexpr Duration kAtOnce = seconds(1);
constexpr Instant kBegun{5'000'000};  // everybody has booted and met

class P6 : public Witness {
 public:
  P6(World& world, Duration window) : world_(world), window_(window) {}

  void row_put(const wire::Offer& row) override {
    Key& key = keys_[row.key];
    if (key.known.contains(row.identity)) return;  // a queue copy became a row
    const bool quiet = key.open.empty() && key.rests_from + window_ < world_.now();
    comes(key, row.identity);
    if (!quiet || row.not_before.us != 0 || !is_free(row.key)) return;
    key.watched.emplace(row.identity, world_.now());
  }
  void copy_received(const wire::Offer& copy) override {
    Key& key = keys_[copy.key];
    const bool alone = key.open.size() == 1 && key.open.contains(copy.identity);
    if (!key.received.insert(copy.identity).second || !alone) return;
    if (key.rests_from + window_ >= world_.now()) return;
    if (copy.not_before.us != 0 || !is_free(copy.key)) return;
    key.watched.emplace(copy.identity, world_.now());
  }
  // A message of the queue; one that was posted is known as a row.
  void accepted(const AcceptedMessage& message) override {
    Key& key = keys_[message.key];
    if (!key.known.contains(message.identity)) comes(key, message.identity);
  }
  void answered(const AnsweredAttempt& answer) override {
    keys_[answer.key].warned |= answer.status == 429 || answer.status == 503;
  }
  // What a person has closed or charged waits for a person, or for a window.
  void person_says(const ingest::ControlKey& word) override {
    told_.insert(word.key.empty() ? word.upstream : word.key);
    for (auto& [name, key] : keys_)
      if (!is_free(name)) key.watched.reset();
  }
  void dispatched(const std::string&, const wire::Dispatch& dispatch) override {
    Key& key = keys_[dispatch.key];
    if (key.watched && key.watched->first == dispatch.attempt.identity) {
      const Duration took = world_.now() - key.watched->second;
      key.watched.reset();
      if (took > kAtOnce)
        world_.breaks("P6",
                      "a quiet key waited for " + std::to_string(took.us) + " us: " + dispatch.key);
    }
  }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime) override {
    for_each_settlement(call, answer, [this](const std::string& identity, const auto&) {
      const auto at = key_of_.find(identity);
      if (at == key_of_.end()) return;
      Key& key = *at->second;
      key.open.erase(identity);
      key.rests_from = world_.now();
      if (key.watched && key.watched->first == identity) key.watched.reset();
    });
  }

 private:
  struct Key {
    std::set<std::string> known, open;
    std::set<std::string> received;  // of the queue
    Instant rests_from{-hours(1).us};
    bool warned = false;
    std::optional<std::pair<std::string, Instant>> watched;  // the row that came when all was quiet
  };

  // Neither the upstream nor a person has said anything of it.
  bool is_free(const std::string& name) {
    const bool told = told_.contains(name) || told_.contains(name.substr(0, name.find(':')));
    return !told && !keys_[name].warned && world_.now() >= kBegun;
  }
  void comes(Key& key, const std::string& identity) {
    key.known.insert(identity);
    key.open.insert(identity);
    key_of_[identity] = &key;
    key.watched.reset();  // what delays it now may be its own key
  }

  World& world_;
  Duration window_;  // after so long of rest a key's limits are as new
  std::map<std::string, Key> keys_;
  std::map<std::string, Key*> key_of_;  // by identity
  std::set<std::string> told_;          // keys and upstreams, by people
};

bool nothing_fails(const Faults& faults) {
  const auto lives = [](const ProcessFaults& one) {
    return one.crash_at_effect == 0 && one.crash_every.us == 0 && one.freeze_every.us == 0;
  };
  const auto answers = [](const Endings& one) {
    return one.refused + one.lost_before + one.lost_after + one.late == 0 &&
           one.quick_max <= milliseconds(10);
  };
  return lives(faults.ingest) && lives(faults.limiter) && lives(faults.dispatcher) &&
         lives(faults.auditor) && answers(faults.store) && answers(faults.parking) &&
         answers(faults.trail) && faults.link.cut_every.us == 0 &&
         faults.link.stall_every.us == 0 && faults.link.delay_max <= milliseconds(10) &&
         faults.people.edit_every.us == 0 && faults.store_step_every.us == 0 &&
         faults.store_as_whole.forget_every.us == 0 && faults.store_as_whole.leap_every.us == 0 &&
         faults.upstream.no_connect == 0;
}

bool nothing_is_scarce(const Settings& settings) {
  const auto roomy = [&](const Upstream& upstream) {
    const bool own = std::all_of(upstream.limits.begin(), upstream.limits.end(),
                                 [](const auto& l) { return l.scope == LimitScope::kKey; });
    return own && upstream.in_flight >=
                      upstream.in_flight_per_key * static_cast<std::uint32_t>(settings.keys);
  };
  return settings.limiter.unrecorded_max > static_cast<std::size_t>(settings.messages) &&
         std::all_of(settings.upstreams.begin(), settings.upstreams.end(), roomy);
}

Duration longest_window(const Settings& settings) {
  Duration longest{0};
  for (const Upstream& upstream : settings.upstreams)
    for (const Limit& limit : upstream.limits)
      longest = std::max(longest, limit.window + limit.guard);
  return longest;
}

}  // namespace

std::unique_ptr<Witness> check_p6(World& world, const Settings& settings) {
  if (!nothing_fails(world.faults) || !nothing_is_scarce(settings)) return nullptr;
  if (settings.stops > 0) return nullptr;  // a key may be closed though nobody said so
  return std::make_unique<P6>(world, longest_window(settings));
}

}  // namespace sluice::sim
