// The auditor's core with a fake trail and ledger, driven turn by turn; can be killed at any call.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "auditor/core.h"
#include "auditor/verify.h"
#include "tests/auditor/fakes.h"

namespace sluice::auditor {

constexpr std::int64_t kNov21Us = 1'795'219'200'000'000;  // 2026-11-21T00:00:00Z

inline Config small_config() {
  Config config;
  Upstream upstream;
  upstream.name = "onlyfans";
  upstream.limits = {Limit{"ten", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}};
  config.upstreams = {upstream};
  config.budgets[0].thresholds = {{Basis::kActual, 100}};
  return config;
}

inline wire::Record attempt_record(int n, std::string key, std::int64_t granted_s,
                                   std::int64_t completed_s) {
  wire::Record record;
  record.record_id = to_bytes(sha256("record " + std::to_string(n))).substr(0, 16);
  record.at = {kNov21Us + completed_s * 1'000'000};
  record.source = "http";
  record.key = std::move(key);
  record.id = "message-" + std::to_string(n);
  record.identity = to_bytes(sha256(record.id)).substr(0, 16);
  record.content_hash = to_bytes(sha256("body of " + record.id));
  record.upstream = "onlyfans";
  record.path = "/send";
  record.method = "POST";
  record.serial = 1;
  record.attempts = 1;
  record.ended = 1;
  record.status = 200;
  record.granted_at = {kNov21Us + granted_s * 1'000'000};
  record.started_at = record.granted_at;
  record.completed_at = record.at;
  record.settlement = 1;
  return record;
}

inline wire::Cost cost_of(int n, std::int64_t amount_nano) {
  wire::Cost cost;
  cost.event_id = "event-" + std::to_string(n);
  cost.at = {kNov21Us + n};
  cost.provider = "openai";
  cost.agent = "writer";
  cost.type = "chat";
  cost.amount_nano = amount_nano;
  cost.content_hash = to_bytes(sha256("cost " + std::to_string(n) + std::to_string(amount_nano)));
  return cost;
}

class World {
 public:
  explicit World(Config config = small_config()) : config_(std::move(config)) { restart(); }

  void restart() {
    if (on_restart) on_restart();
    core = std::make_unique<AuditorCore>(config_);
    killed = false;
    run();
  }
  void say(wire::Item item) {
    if (!killed) core->accept(wire::FromPeer{wire::PeerId{7}, std::move(item)}, now, out_);
  }
  // Turns until nothing is due.
  void run() {
    for (int turn = 0; turn < 1000 && !killed; ++turn) {
      if (core->deadline() <= now) core->tick(now, out_);
      if (out_.empty()) return;
      std::vector<AuditorCore::Effect> effects;
      out_.take(effects);
      for (auto& effect : effects) perform(effect);
    }
  }
  void answer(LedgerReply reply) { core->complete(std::move(reply), now, out_); }
  void wait(Duration span) {
    now = now + span;
    run();
  }

  template <class Item>
  std::vector<Item> heard() const {
    std::vector<Item> items;
    for (const wire::Item& item : sent) {
      if (const auto* found = std::get_if<Item>(&item)) items.push_back(*found);
    }
    return items;
  }
  [[nodiscard]] std::vector<Line> lines(std::string_view type) const {
    std::vector<Line> found;
    for (const std::string& text : trail.lines()) {
      const auto line = read_line(text);
      if (line.ok() && line->type == type) found.push_back(*line);
    }
    return found;
  }

  FakeTrail trail;
  FakeLedger ledger;
  // Real ones in their place, and what a restart does to them.
  std::function<TrailAnswer(const TrailCall&)> real_trail;
  std::function<LedgerAnswer(const LedgerCall&)> real_ledger;
  std::function<void()> on_restart;
  std::unique_ptr<AuditorCore> core;
  Instant now{1'000'000};
  std::vector<wire::Item> sent;
  std::optional<std::string> halted;

  // The process dies at the n-th outside call (1 is the next one): before it is applied, or after.
  int kill_at = 0;
  bool kill_after = false;
  bool killed = false;
  // The n-th answer is lost (the call was applied), the process goes on.
  int lose_at = 0;
  int calls = 0;

 private:
  template <class Reply, class Ask, class Port>
  void call(const Ask& ask, Port port) {
    ++calls;
    const bool dies = calls == kill_at;
    if (dies && !kill_after) {
      killed = true;
      return;
    }
    Reply reply{ask.call_id, port(ask.call)};
    if (dies) {
      killed = true;
      return;
    }
    if (calls != lose_at) core->complete(reply, now, out_);
  }
  void perform(const AuditorCore::Effect& effect) {
    if (killed) return;
    if (const auto* ask = std::get_if<TrailAsk>(&effect)) {
      call<TrailReply>(*ask, [&](const TrailCall& call) {
        return real_trail ? real_trail(call) : trail.answer(call);
      });
    } else if (const auto* look = std::get_if<LedgerAsk>(&effect)) {
      call<LedgerReply>(*look, [&](const LedgerCall& call) {
        return real_ledger ? real_ledger(call) : ledger.answer(call);
      });
    } else if (const auto* send = std::get_if<wire::Send>(&effect)) {
      sent.push_back(send->item);
    } else if (const auto* halt = std::get_if<Halt>(&effect)) {
      halted = halt->what;
    }
    if (killed) {
      std::vector<AuditorCore::Effect> lost;
      out_.take(lost);
    }
  }

  Config config_;
  Outbox<AuditorCore::Effect> out_;
};

// The chain of the trail, and its segments.
inline void expect_whole(const World& world) {
  Verifier verifier;
  for (std::uint64_t n = 1; n <= world.trail.lines().size(); ++n) {
    if (world.trail.headers().contains(n)) verifier.begin_segment(verifier.segments() + 1);
    const auto wrong = verifier.check(world.trail.lines()[n - 1]);
    ASSERT_FALSE(wrong) << "line " << n << ": " << *wrong;
  }
}

}  // namespace sluice::auditor
