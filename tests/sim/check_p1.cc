// P1, never over: in every closed window [t, t+W], measured where the upstream receives them, at
// most N requests of a limit arrive.
// Limits may be edited in the middle of a window: which rule, an oracle says (ruling.h). What was
// granted before is held to the limits of before; from then on no grant makes a window of the new
// ones too full, whatever is in it: of all requests in a window, the one granted last knows by
// which limits it went.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "tests/sim/checks.h"
#include "tests/sim/ruling.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

using Limits = std::shared_ptr<const std::vector<Limit>>;

class P1 : public Witness {
 public:
  explicit P1(World& world) : world_(world), edits_(world.faults.people.edit_every > Duration{0}) {}

  void store_serves(int server) override { ruling_.serves(server); }
  void store_copied(int from, int to) override { ruling_.copied(from, to); }
  void store_wiped(int server) override { ruling_.wiped(server); }
  void settings_say(const Upstream& upstream) override {
    ruling_.settings_say(upstream);
    widen(upstream.limits);
  }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime now) override {
    if (const auto* consume = std::get_if<limiter::Consume>(&call)) consumed(*consume, now);
    const auto* edit = std::get_if<limiter::SetLimits>(&call);
    const auto* reply = std::get_if<limiter::LimitsReply>(&answer);
    if (edit != nullptr && !edit->limits.empty()) {
      const bool again = edit->said_at.us != 0 && reply != nullptr;
      again ? ruling_.remembered(*edit, *reply) : ruling_.person_says(*edit);
      widen(edit->limits);
    }
    for_each_grant(call, answer, [this](const auto& identity, const auto& ask, const auto& grant) {
      grants_.try_emplace({identity, grant.serial},
                          Grant{++granted_, ask.cost, ruling_.of(ask.line.upstream).limits});
    });
  }
  void arrived(const wire::Attempt& attempt, const std::string& key) override {
    const std::string upstream = key.substr(0, key.find(':'));
    const auto known = grants_.find(attempt);
    const Grant grant =
        known == grants_.end() ? Grant{UINT64_MAX, 1, ruling_.of(upstream).limits} : known->second;
    auto& lately = arrived_[upstream];
    lately.push_back({world_.now(), key, grant});
    while (lately.front().at < world_.now() - longest_) lately.pop_front();
    for (const Arrival& last : lately)
      if (last.grant.order >= grant.order && !last.elsewhere) count_up_to(last, lately);
  }

 private:
  struct Grant {
    std::uint64_t order = 0;
    std::uint32_t units = 1;
    Limits limits;  // by which it was given
  };
  struct Arrival {
    Instant at;
    std::string key;
    Grant grant;
    bool elsewhere = false;
  };

  void widen(const std::vector<Limit>& limits) {
    for (const Limit& limit : limits) longest_ = std::max(longest_, limit.window);
  }
  // Sent elsewhere, so somebody has said, when the call was made at the latest: what is granted
  // from now on must leave room for it. (A limit that is new cannot know of it: not on days with
  // edits, to their end.)
  void consumed(const limiter::Consume& call, StoreTime now) {
    if (edits_ || !consumed_.insert(call.id).second) return;
    const StoreTime said = call.at.us != 0 ? call.at : call.caller.bounds.high;
    const Duration ago = std::max(Duration{0}, now - said);
    arrived_[call.upstream].push_back(
        {world_.now() - ago, call.key, {++granted_, call.units, nullptr}, true});
  }

  // Windows that end now, and in which `last` was granted last.
  void count_up_to(const Arrival& last, const std::deque<Arrival>& lately) {
    if (last.grant.limits == nullptr) return;
    for (const Limit& limit : *last.grant.limits)
      if (limit.kind == LimitKind::kRate && !limit.shadow) count(limit, last, lately);
  }
  void count(const Limit& limit, const Arrival& last, const std::deque<Arrival>& lately) {
    const Instant from = world_.now() - limit.window;
    const bool own = limit.scope == LimitScope::kKey;
    if (last.at < from || (own && last.key != lately.back().key)) return;
    std::uint64_t units = 0;
    for (const Arrival& one : lately)
      if (one.at >= from && one.grant.order <= last.grant.order && (!own || one.key == last.key))
        units += one.grant.units;
    if (units > limit.n)
      world_.breaks("P1", std::to_string(units) + " arrivals in a closed window of " +
                              std::to_string(limit.n) + " at " + limit.name + " of " + last.key);
  }

  World& world_;
  bool edits_;
  Ruling ruling_;
  Duration longest_;
  std::uint64_t granted_ = 0;
  std::map<wire::Attempt, Grant> grants_;
  std::set<std::string> consumed_;                      // by Consume::id
  std::map<std::string, std::deque<Arrival>> arrived_;  // by upstream
};

}  // namespace

std::unique_ptr<Witness> check_p1(World& world) { return std::make_unique<P1>(world); }

}  // namespace sluice::sim
