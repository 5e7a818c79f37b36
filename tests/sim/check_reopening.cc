// P7, after a warning a key opens slowly. What the upstream answered is seen at its door; it counts
// from when the store was told of it (a word that was lost on the way binds nobody):
//   - until an attempt that was granted after the warning succeeds, no attempt starts while
//     another of its key is under way;
//   - until then, and for a window after that success, at most N/2 arrive in any window, and N/8
//     more after each further window. Of all in a window, the one that was granted last knows.
// A warning that a key has slept upon, sending nothing for penalty_max after it, is forgotten.
#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

class Reopening : public Witness {
 public:
  Reopening(World& world, const Settings& settings) : world_(world) {
    for (const Upstream& one : settings.upstreams) upstreams_[one.name] = one;
  }

  void answered(const AnsweredAttempt& answer) override {
    if (answer.answered) said_[answer.attempt] = {answer.status, answer.retry_after};
    under_way_[answer.key].erase(answer.attempt);
  }
  void started(const StartedAttempt& start) override {
    auto& others = under_way_[start.key];
    const Instant given_up = world_.now() - upstreams_.at(start.upstream).timeout;
    std::erase_if(others, [&](const auto& one) { return one.second <= given_up; });
    const auto granted = grants_.find(start.attempt);
    if (granted != grants_.end() && granted->second.alone && !others.empty())
      world_.breaks("P7", start.key + " was warned, and two of its attempts are under way");
    others[start.attempt] = world_.now();
  }
  void arrived(const wire::Attempt& attempt, const std::string& key) override {
    const auto granted = grants_.find(attempt);
    if (granted == grants_.end()) return;
    auto& lately = arrived_[key];
    lately.push_back({world_.now(), granted->second});
    while (lately.front().at < world_.now() - longest_) lately.pop_front();
    for (const Arrival& last : lately)
      if (last.grant.order >= granted->second.order)
        for (const Room& room : last.grant.rooms) count(key, room, last, lately);
  }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime now) override {
    for_each_grant(call, answer, [&](const auto& identity, const auto& ask, const auto& grant) {
      const wire::Attempt attempt{identity, grant.serial};
      if (!grants_.contains(attempt)) grants_.emplace(attempt, granted(ask, now));
    });
    for_each_completion(call, answer, [&](const auto& completion, const auto& reply) {
      if (reply.wrote != limiter::Wrote::kBefore) told(completion.outcome, now);
    });
  }
  // All that it knew of warnings; it is closed for longer than anything granted can last.
  void store_forgot() override { keys_.clear(); }
  // A log that was cut for another window does not know all that went before.
  void limits_asked(const ingest::AskLimits& ask) override { edited_ |= !ask.rows.empty(); }
  void settings_say(const Upstream& upstream) override {
    edited_ |= upstream.limits != upstreams_.at(upstream.name).limits;
  }

 private:
  struct Said {
    int status = 0;
    Duration wait;
  };
  struct Room {  // of one limit, when it was granted
    Duration window;
    std::uint64_t n = 0;
  };
  struct Grant {
    std::uint64_t order = 0;
    std::uint32_t units = 1;
    StoreTime at;
    bool alone = false;
    std::vector<Room> rooms;
  };
  struct Arrival {
    Instant at;
    Grant grant;
  };
  struct Key {
    bool alone = false;        // nothing that was granted after the warning has succeeded
    std::uint64_t warned = 0;  // the last time: so many had been granted
    StoreTime reopens;         // the first success after it
    StoreTime sleeps;          // since then nothing was said of it, and it is not closed
  };

  Grant granted(const limiter::GrantAsk& ask, StoreTime now) {
    Grant grant{++granted_, ask.cost, now, false, {}};
    const auto at = keys_.find(ask.line.key);
    if (at == keys_.end()) return grant;
    Key& key = at->second;
    const Upstream& upstream = upstreams_.at(ask.line.upstream);
    if (key.alone && now >= key.sleeps + upstream.penalty_max) {
      keys_.erase(at);
      return grant;
    }
    key.sleeps = std::max(key.sleeps, now);
    grant.alone = key.alone;
    if (!edited_)
      for (const Limit& limit : upstream.limits) add_room(grant, key, limit);
    return grant;
  }
  void add_room(Grant& grant, const Key& key, const Limit& limit) {
    if (limit.kind != LimitKind::kRate || limit.scope != LimitScope::kKey || limit.shadow) return;
    const std::int64_t windows = key.alone ? 0 : (grant.at - key.reopens).us / limit.window.us;
    const std::int64_t n = std::max(1U, limit.n / 2) + windows * std::max(1U, limit.n / 8);
    if (n >= limit.n) return;
    grant.rooms.push_back({limit.window, static_cast<std::uint64_t>(n)});
    longest_ = std::max(longest_, limit.window);
  }
  void told(const wire::Outcome& outcome, StoreTime now) {
    under_way_[outcome.key].erase(outcome.attempt);
    const auto known = keys_.find(outcome.key);
    if (known != keys_.end()) known->second.sleeps = std::max(known->second.sleeps, now);
    const auto said = said_.find(outcome.attempt);
    if (said == said_.end()) return;
    const int status = said->second.status;
    if (status == 429 || status == 403) {
      Key& key = keys_[outcome.key];
      key.alone = true;
      key.warned = granted_;
      key.sleeps = std::max(key.sleeps, now + said->second.wait);
    } else if (status == 200 && known != keys_.end() && known->second.alone) {
      const auto grant = grants_.find(outcome.attempt);
      if (grant == grants_.end() || grant->second.order <= known->second.warned) return;
      known->second.alone = false;
      known->second.reopens = now;
    }
  }
  // Windows that end now, and in which `last` was granted last.
  void count(const std::string& key, const Room& room, const Arrival& last,
             const std::deque<Arrival>& lately) {
    const Instant from = world_.now() - room.window;
    if (last.at < from) return;
    std::uint64_t units = 0;
    std::size_t attempts = 0;
    for (const Arrival& one : lately) {
      if (one.at < from || one.grant.order > last.grant.order) continue;
      units += one.grant.units;
      ++attempts;
    }
    if (units > room.n && attempts > 1)
      world_.breaks("P7", key + " was warned, and opens at once: " + std::to_string(units) +
                              " arrivals in a window of " + std::to_string(room.n));
  }

  World& world_;
  std::map<std::string, Upstream> upstreams_;
  bool edited_ = false;
  Duration longest_;
  std::uint64_t granted_ = 0;
  std::map<wire::Attempt, Grant> grants_;
  std::map<wire::Attempt, Said> said_;                                 // by the upstream
  std::map<std::string, Key> keys_;                                    // that were warned
  std::map<std::string, std::map<wire::Attempt, Instant>> under_way_;  // by key, since when
  std::map<std::string, std::deque<Arrival>> arrived_;                 // by key
};

}  // namespace

std::unique_ptr<Witness> check_reopening(World& world, const Settings& settings) {
  return std::make_unique<Reopening>(world, settings);
}

}  // namespace sluice::sim
