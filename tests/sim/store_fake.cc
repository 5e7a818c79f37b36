#include "tests/sim/store_fake.h"

#include <algorithm>

namespace sluice::sim {

limiter::StoreReply StoreFake::apply(const limiter::StoreAsk& ask, const std::string& who) {
  callers_.insert(who);
  Server& server = old_ && stays_.contains(who) ? *old_ : now_;
  witnesses_.tell(&Witness::store_serves, server.number);
  say_settings(server, who);
  limiter::StoreReply reply = perform(server, ask, who);
  if (edit_bugs_.said_again && std::holds_alternative<limiter::SetLimits>(ask.call))
    world_.agenda.after(seconds(5), [this, ask, who] {
      witnesses_.tell(&Witness::store_serves, now_.number);
      (void)perform(now_, ask, who);
    });
  return reply;
}

limiter::StoreReply StoreFake::perform(Server& server, limiter::StoreAsk ask,
                                       const std::string& who) {
  const std::string& upstream = limiter::upstream_of(ask.call);
  limiter::MemoryShard* shard = server.store.shard(upstream);
  const limiter::Call said = ask.call;
  auto* edit = std::get_if<limiter::SetLimits>(&ask.call);
  if (edit != nullptr && edit_bugs_.whatever_holds) edit->instead_of = 0;
  auto* grant = std::get_if<limiter::Grant>(&ask.call);
  if (grant != nullptr && edit_bugs_.any_version && shard != nullptr)
    grant->caller.limits_version = shard->state().limits_version;
  const limiter::ShardRecord before =
      edit != nullptr && shard != nullptr ? shard->state() : limiter::ShardRecord{};
  if (bugs_.clock_believed && shard != nullptr) believe(ask.call, *shard);
  limiter::StoreReply reply = server.store.perform(ask, world_.store_now());
  mislead(ask.call, reply.answer, who);
  if (edit != nullptr && edit_bugs_.not_taken && shard != nullptr) pretend(*edit, *shard, before);
  auto* limits = std::get_if<limiter::LimitsReply>(&reply.answer);
  const auto promised = promised_.find(upstream);
  if (limits != nullptr && promised != promised_.end() &&
      promised->second.version == limits->limits.version)
    limits->limits.limits = promised->second.limits;
  if (shard != nullptr && edits_forget_)
    for (limiter::KnownLimit& known : shard->edit_state().limits) known.held = 0;
  sabotage_keys(ask.call);
  note(ask, reply);
  witnesses_.tell(&Witness::decided, said, reply.answer, reply.now);
  return reply;
}

// Whoever asks knows what the clock says, and nothing else.
void StoreFake::believe(limiter::Call& call, limiter::MemoryShard& shard) {
  const limiter::ShardRecord& state = shard.state();
  const StoreTime now = std::max(state.last, world_.store_now() + state.offset);
  const auto believe = [now](limiter::Caller& caller) { caller.bounds = {now, now}; };
  if (auto* grant = std::get_if<limiter::Grant>(&call)) believe(grant->caller);
  if (auto* complete = std::get_if<limiter::Complete>(&call)) believe(complete->caller);
  if (auto* clock = std::get_if<limiter::AskClock>(&call)) believe(clock->caller);
}

void StoreFake::mislead(const limiter::Call& call, limiter::Answer& answer,
                        const std::string& who) const {
  if (bugs_.closures_hidden && who != "limiter-1") {
    if (auto* done = std::get_if<limiter::Acknowledged>(&answer)) done->closed_until = {};
    if (auto* limits = std::get_if<limiter::LimitsReply>(&answer)) limits->shard.closed_until = {};
  }
  auto* granted = std::get_if<limiter::GrantReply>(&answer);
  if (!bugs_.old_lives_taken || granted == nullptr) return;
  for (limiter::GrantAnswer& one : granted->answers) {
    if (one.granted != limiter::Granted::kUnderway) continue;
    one.granted = limiter::Granted::kYes;
    one.limiter_life = std::get<limiter::Grant>(call).caller.life;
  }
}

// What it answers is new; what it goes by is not.
void StoreFake::pretend(const limiter::SetLimits& edit, limiter::MemoryShard& shard,
                        const limiter::ShardRecord& before) {
  limiter::ShardRecord& state = shard.edit_state();
  if (state.limits_version == before.limits_version || before.limits.empty()) return;
  promised_[edit.upstream] = {state.limits_version, {}, {}, edit.limits};
  state.limits = before.limits;
}

void StoreFake::reads(const std::string& who, std::vector<Upstream> upstreams) {
  files_[who] = std::move(upstreams);
  std::erase_if(told_, [&](const auto& one) { return one.second == who; });
}

void StoreFake::say_settings(Server& server, const std::string& who) {
  const auto file = files_.find(who);
  if (file == files_.end() || !told_.insert({server.number, who}).second) return;
  limiter::StoreConfig config = settings_;
  config.upstreams = file->second;
  for (Upstream& upstream : config.upstreams)
    for (Limit& limit : upstream.limits) limit.n += gives_more_;
  for (Upstream& upstream : config.upstreams)
    if (bugs_.unknown_passes) upstream.unknown_hold = {};
  server.store.set_config(config, who);
  for (const Upstream& upstream : file->second) {
    limiter::MemoryShard* shard = server.store.shard(upstream.name);
    if (shard != nullptr && edit_bugs_.starts_undo) {
      shard->edit_state().file_version = 0;
      shard->edit_state().said.clear();
    }
    witnesses_.tell(&Witness::settings_say, upstream);
    (void)server.store.perform({0, limiter::AskLimits{upstream.name}}, world_.store_now());
    for (const Limit& limit : upstream.limits)
      world_.note("store", "settings", who, upstream.name, limit.name, limit.n, limit.window.us,
                  limit.burst, static_cast<int>(limit.scope), static_cast<int>(limit.kind),
                  limit.shadow);
  }
}

void StoreFake::sabotage_keys(const limiter::Call& call) {
  if (!warnings_pass_ && !pauses_pass_ && !crowds_ && !evicts_) return;
  limiter::MemoryShard* shard = now_.store.shard(limiter::upstream_of(call));
  const auto change = [&](const std::string& name) {
    limiter::KeyRecord& key = shard->edit_key(name);
    if (warnings_pass_) key.penalties = 0, key.reopened_at = {};
    if (pauses_pass_)
      std::erase_if(key.holds, [](const auto& h) { return h.kind == wire::HoldKind::kPause; });
    if (crowds_) key.open.clear();
    if (evicts_ && world_.prng.chance(100'000)) key = {}, key.idle_at = StoreTime::never();
  };
  if (const auto* hold = std::get_if<limiter::SetHold>(&call)) change(hold->key);
  if (const auto* grant = std::get_if<limiter::Grant>(&call))
    for (const limiter::GrantAsk& ask : grant->asks) change(ask.line.key);
  if (const auto* complete = std::get_if<limiter::Complete>(&call))
    for (const limiter::Completion& one : complete->completions) change(one.outcome.key);
}

void StoreFake::note(const limiter::StoreAsk& ask, const limiter::StoreReply& reply) {
  if (const auto* grant = std::get_if<limiter::Grant>(&ask.call)) {
    const auto* granted = std::get_if<limiter::GrantReply>(&reply.answer);
    for (std::size_t i = 0; granted && i < granted->answers.size(); ++i) {
      const limiter::GrantAnswer& one = granted->answers[i];
      world_.note("store", "grant", grant->asks[i].line.key, grant->asks[i].line.identity,
                  one.serial, static_cast<int>(one.granted), static_cast<int>(one.why),
                  one.end.reason);
    }
  } else if (const auto* complete = std::get_if<limiter::Complete>(&ask.call)) {
    const auto* completed = std::get_if<limiter::CompleteReply>(&reply.answer);
    for (std::size_t i = 0; completed && i < completed->answers.size(); ++i) {
      const wire::Outcome& outcome = complete->completions[i].outcome;
      const limiter::CompleteAnswer& one = completed->answers[i];
      world_.note("store", "complete", outcome.attempt.identity, outcome.attempt.serial,
                  static_cast<int>(outcome.ended), static_cast<int>(one.wrote), one.attempts,
                  one.settled ? one.end.reason : "open");
    }
  } else if (const auto* consume = std::get_if<limiter::Consume>(&ask.call)) {
    world_.note("store", "consume", consume->upstream, consume->key, consume->units, reply.now.us);
  } else if (const auto* hold = std::get_if<limiter::SetHold>(&ask.call)) {
    world_.note("store", "hold", hold->upstream, hold->key, hold->closed ? "closed" : "open",
                hold->hold.until.us);
  } else if (const auto* edit = std::get_if<limiter::SetLimits>(&ask.call)) {
    const auto* done = std::get_if<limiter::LimitsReply>(&reply.answer);
    world_.note("store", "limits", edit->upstream, edit->instead_of, done && done->stale,
                done ? done->limits.version : 0);
    for (const Limit& limit : edit->limits)
      world_.note("store", "limit", limit.name, limit.n, limit.window.us, limit.burst,
                  static_cast<int>(limit.scope), static_cast<int>(limit.kind), limit.shadow);
  } else {
    world_.note("store", "call", ask.call.index(), "answer", reply.answer.index(), reply.now.us);
  }
}

void StoreFake::suffer() {
  if (world_.faults.store_step_every > Duration{0}) arrange_step();
  if (world_.faults.store_as_whole.leap_every > Duration{0}) arrange_leap();
  if (world_.faults.store_as_whole.forget_every > Duration{0}) arrange_forgetting();
}

void StoreFake::arrange_step() {
  world_.agenda.after(world_.around(world_.faults.store_step_every), [this] {
    if (world_.healed) return;
    const Duration step = world_.prng.between(Duration{0}, world_.faults.store_step_max);
    world_.store_ahead = leapt_ + (world_.prng.chance(500'000) ? step : -step);
    world_.note("store", "clock", world_.store_ahead.us);
    arrange_step();
  });
}

void StoreFake::arrange_leap() {
  world_.agenda.after(world_.around(world_.faults.store_as_whole.leap_every), [this] {
    if (world_.healed) return;
    const Duration most = world_.faults.store_as_whole.leap_max;
    leapt_ = world_.prng.between(Duration{0} - most, most);
    world_.store_ahead = leapt_;
    world_.note("store", "clock leaps", world_.store_ahead.us);
    // Mostly somebody puts it right again, within moments or minutes.
    if (world_.prng.chance(700'000)) {
      const Duration lasts =
          world_.prng.between(milliseconds(1), seconds(world_.prng.chance(500'000) ? 2 : 90));
      world_.agenda.after(lasts, [this] {
        if (world_.healed) return;
        world_.store_ahead = leapt_ = {};
        world_.note("store", "clock is right");
      });
    }
    arrange_leap();
  });
}

// FLUSHALL; or a replica is promoted that lacks what was written in the last moments; or the server
// starts again from a snapshot.
void StoreFake::arrange_forgetting() {
  world_.agenda.after(world_.around(world_.faults.store_as_whole.forget_every), [this] {
    if (world_.healed) return;
    const StoreFaults& faults = world_.faults.store_as_whole;
    if (world_.prng.chance(500'000)) {
      now_.store.wipe(next_life());
      std::erase_if(told_, [this](const auto& one) { return one.first == now_.number; });
      witnesses_.tell(&Witness::store_wiped, now_.number);
      forgot("everything");
    } else {
      const bool snapshot = world_.prng.chance(faults.snapshot);
      const Duration lag =
          world_.prng.between(Duration{0}, snapshot ? faults.snapshot_age_max : faults.lag_max);
      Server replica{++servers_, now_.store};
      witnesses_.tell(&Witness::store_copied, now_.number, replica.number);
      world_.agenda.after(
          lag, [this, replica = std::move(replica)]() mutable { promote(std::move(replica)); });
    }
    arrange_forgetting();
  });
}

// The primary of before may go on for a while, and serve whoever has not heard.
void StoreFake::promote(Server replica) {
  const StoreFaults& faults = world_.faults.store_as_whole;
  if (!world_.healed && world_.prng.chance(faults.two_primaries)) {
    old_ = std::move(now_);
    stays_.clear();
    for (const std::string& who : callers_)
      if (world_.prng.chance(500'000)) stays_.insert(who);
    const Duration overlap = world_.prng.between(Duration{0}, faults.overlap_max);
    world_.agenda.after(overlap, [this, turn = ++primaries_] {
      if (turn != primaries_) return;
      old_.reset();
      forgot("what the old primary took");
    });
  }
  now_ = std::move(replica);
  now_.store.become(next_life());
  forgot("the last moments");
}

std::string StoreFake::next_life() {
  return lives_pass_ ? "first" : "life-" + std::to_string(++lives_);
}

void StoreFake::forgot(const char* what) {
  world_.note("store", "forgets", what);
  witnesses_.tell(&Witness::store_forgot);
  forgot_();
}

}  // namespace sluice::sim
