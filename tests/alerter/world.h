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
    if (const auto* open = std::get_if<StateOpen>(&call)) return opened(*open);
    if (const auto* put = std::get_if<StatePut>(&call)) return this->put(*put);
    if (const auto* due = std::get_if<StateDue>(&call)) return this->due(*due);
    return this->mark(std::get<StateMark>(call));
  }

  std::uint64_t cursor = 0;
  std::map<std::string, wire::Alert> alerts;
  std::map<std::pair<std::string, std::string>, std::pair<bool, std::uint32_t>> sinks;
  std::map<std::string, Spoken> spoken;
  std::set<std::pair<std::string, std::string>> given_up;  // alert, sink

 private:
  StateAnswer opened(const StateOpen& open) {
    StateOpened opened{cursor, {}};
    std::vector<std::string> left;
    for (auto& [place, status] : sinks) {
      const auto& now = open.sinks;
      if (status.first || std::find(now.begin(), now.end(), place.second) != now.end()) continue;
      status.first = true;
      given_up.insert(place);
      left.push_back(place.first);
    }
    for (const std::string& id : left) {
      for (const std::string& sink : open.sinks) sinks.try_emplace({id, sink}, false, 0);
    }
    opened.adopted = left.size();
    for (const auto& [key, said] : spoken) opened.spoken.push_back(said);
    return opened;
  }
  StateAnswer mark(const StateMark& mark) {
    for (const std::string& id : mark.alert_ids) {
      auto& status = sinks[{id, mark.sink}];
      status.first = status.first || mark.fate != Fate::kUndelivered;
      status.second += mark.attempts;
      if (mark.fate == Fate::kGivenUp) given_up.insert({id, mark.sink});
      for (const std::string& sink : mark.instead) sinks.try_emplace({id, sink}, false, 0);
    }
    return StateMarked{};
  }
  StateAnswer put(const StatePut& put) {
    StatePutDone done;
    for (std::size_t n = 0; n < put.alerts.size(); ++n) {
      const wire::Alert& alert = put.alerts[n];
      const bool added = alerts.emplace(alert.alert_id, alert).second;
      done.created.push_back(added);
      for (const auto& sink : put.sinks[n]) {
        if (added) sinks[{alert.alert_id, sink}] = {false, 0};
      }
    }
    for (const Spoken& one : put.spoken) spoken[one.dedup_key] = one;
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
      for (const auto& [alert_id, sink] : given_up) {
        if (alert_id == id) undelivered.given_up.push_back(sink);
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
    for (auto& name : sinks) config.sinks.push_back({.name = std::move(name)});
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
  void tell_time(StoreTime wall) {
    core->accept(WallTime{wall}, now, out_);
    run();
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
  std::set<std::string> refusing;                        // broken ones that say 400
  Duration retry_after;                                  // that broken ones name
  std::vector<Deliver> deliveries;
  std::vector<Note> notes;
  int beats = 0;

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
    if (std::holds_alternative<Beat>(effect)) ++beats;
    if (const auto* note = std::get_if<Note>(&effect)) notes.push_back(*note);
    if (!std::holds_alternative<StateAsk>(effect) && !std::holds_alternative<Deliver>(effect))
      return;
    if (dies(true)) return;
    if (const auto* ask = std::get_if<StateAsk>(&effect)) {
      StateReply reply{ask->call_id, real_state ? real_state(ask->call) : state.answer(ask->call)};
      if (!dies(false) && calls != lose_at) core->complete(reply, now, out_);
      return;
    }
    const auto& deliver = std::get<Deliver>(effect);
    const bool ok = real_sink ? real_sink(deliver) : !broken.contains(deliver.sink);
    for (const wire::Alert& alert : deliver.alerts) {
      if (ok) got.emplace_back(deliver.sink, alert.alert_id);
    }
    deliveries.push_back(deliver);
    if (dies(false) || calls == lose_at || silent.contains(deliver.sink)) return;
    Delivered reply{deliver.call_id, ok, ok ? "" : "refused"};
    reply.refused = !ok && refusing.contains(deliver.sink);
    reply.retry_after = retry_after;
    core->complete(reply, now, out_);
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
