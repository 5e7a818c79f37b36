// The alerter's core with a state and sinks in memory that outlive it, and an auditor with alerts.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "alerter/core.h"

namespace sluice::alerter {

inline wire::Alert alert_of(std::uint64_t cursor) {
  wire::Alert alert;
  alert.cursor = cursor;
  alert.alert_id =
      "00000000-0000-5000-8000-" + std::to_string(1'000'000'000'000 + cursor).substr(1);
  alert.dedup_key = "budget:" + std::to_string(cursor);
  alert.kind = "budget";
  alert.title = "title " + std::to_string(cursor);
  alert.at = {1};
  return alert;
}

// Keeps the promises of state_port.h.
class FakeState {
 public:
  StateAnswer answer(const StateCall& call) {
    if (std::holds_alternative<StateOpen>(call)) return StateOpened{cursor};
    if (const auto* put = std::get_if<StatePut>(&call)) return this->put(*put);
    if (const auto* due = std::get_if<StateDue>(&call)) return this->due(*due);
    const auto& mark = std::get<StateMark>(call);
    auto& status = sinks[{mark.alert_id, mark.sink}];
    status.first = status.first || mark.delivered;
    status.second = mark.attempts;
    return StateMarked{};
  }

  std::uint64_t cursor = 0;
  std::map<std::string, wire::Alert> alerts;
  std::map<std::pair<std::string, std::string>, std::pair<bool, std::uint32_t>> sinks;

 private:
  StateAnswer put(const StatePut& put) {
    StatePutDone done;
    for (const wire::Alert& alert : put.alerts) {
      const bool added = alerts.emplace(alert.alert_id, alert).second;
      done.created.push_back(added);
      for (const auto& sink : put.sinks) {
        if (added) sinks[{alert.alert_id, sink}] = {false, 0};
      }
    }
    cursor = put.cursor;
    return done;
  }
  StateAnswer due(const StateDue& ask) const {
    std::vector<Undelivered> found;
    for (const auto& [id, alert] : alerts) {
      Undelivered undelivered{alert, {}};
      for (const auto& sink : ask.sinks) {
        const auto status = sinks.find({id, sink});
        if (status != sinks.end() && !status->second.first) {
          undelivered.sinks.push_back({sink, status->second.second});
        }
      }
      if (!undelivered.sinks.empty()) found.push_back(undelivered);
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.alert.cursor < b.alert.cursor; });
    if (found.size() > ask.max) found.resize(ask.max);
    return StateDueFound{found};
  }
};

class World {
 public:
  explicit World(std::vector<std::string> sinks = {"a", "b"}) {
    config.sinks.clear();
    for (auto& name : sinks) config.sinks.push_back({std::move(name), {}, {}, {}, {}});
  }
  void start() {
    core = std::make_unique<AlerterCore>(config);
    killed = false;
    ++peer.n;
    core->complete(wire::PeerUp{peer, wire::Role::kAuditor, "auditor", peer.n}, now, out_);
    run();
  }
  void run() {
    for (int turn = 0; turn < 10'000 && !killed; ++turn) {
      if (core->deadline() <= now) core->tick(now, out_);
      if (out_.empty()) return;
      std::vector<AlerterCore::Effect> effects;
      out_.take(effects);
      for (const auto& effect : effects) perform(effect);
    }
  }
  // Lets time pass in steps of what the core waits for.
  void wait(Duration span) {
    const Instant until = now + span;
    while (!killed && now < until) {
      now = std::min(until, std::max(core->deadline(), now + milliseconds(1)));
      run();
    }
  }
  void down() { core->complete(wire::PeerDown{peer}, now, out_); }
  void tell(wire::Item item) { core->accept(wire::FromPeer{peer, std::move(item)}, now, out_); }
  [[nodiscard]] std::size_t times(const std::string& sink, std::uint64_t cursor) const {
    return static_cast<std::size_t>(
        std::count(got.begin(), got.end(), std::pair{sink, alert_of(cursor).alert_id}));
  }

  Config config;
  FakeState state;
  // Real ones in their place.
  std::function<StateAnswer(const StateCall&)> real_state;
  std::function<bool(const Deliver&)> real_sink;
  std::unique_ptr<AlerterCore> core;
  Instant now{1'000'000};
  wire::PeerId peer{1};
  std::vector<wire::Alert> trail;   // what the auditor has
  std::uint64_t trail_end = 1'000;  // its last line
  bool auditor_answers = true;
  std::vector<std::pair<std::string, std::string>> got;  // sink, alert id: in order
  std::set<std::string> broken;                          // sinks that refuse
  std::set<std::string> silent;                          // sinks that take and do not answer

  int calls = 0;
  int kill_at = 0;  // at the n-th outside call
  bool kill_after = false;
  bool killed = false;
  int lose_at = 0;  // the answer of the n-th outside call

 private:
  bool dies(bool before) {
    if (before) ++calls;
    killed = killed || (calls == kill_at && before != kill_after);
    return killed;
  }
  void perform(const AlerterCore::Effect& effect) {
    if (killed) return;
    if (const auto* send = std::get_if<wire::Send>(&effect)) {
      if (const auto* ask = std::get_if<wire::Follow>(&send->item)) answer(*ask);
      return;
    }
    if (dies(true)) return;
    if (const auto* ask = std::get_if<StateAsk>(&effect)) {
      StateReply reply{ask->call_id, real_state ? real_state(ask->call) : state.answer(ask->call)};
      if (!dies(false) && calls != lose_at) core->complete(reply, now, out_);
      return;
    }
    const auto& deliver = std::get<Deliver>(effect);
    const bool ok = real_sink ? real_sink(deliver) : !broken.contains(deliver.sink);
    if (ok) got.emplace_back(deliver.sink, deliver.alert.alert_id);
    if (dies(false) || calls == lose_at || silent.contains(deliver.sink)) return;
    core->complete(Delivered{deliver.call_id, ok, ok ? "" : "refused"}, now, out_);
  }
  void answer(const wire::Follow& ask) {
    if (!auditor_answers) return;
    std::uint64_t cursor = std::min(ask.after, trail_end);
    std::uint32_t count = 0;
    bool more = false;
    for (const wire::Alert& alert : trail) {
      if (alert.cursor <= ask.after) continue;
      more = count == ask.max;
      if (more) break;
      tell(alert);
      cursor = alert.cursor;
      ++count;
    }
    tell(wire::Followed{cursor, more});
  }

  Outbox<AlerterCore::Effect> out_;
};

}  // namespace sluice::alerter
