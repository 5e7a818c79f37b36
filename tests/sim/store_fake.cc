#include "tests/sim/store_fake.h"

namespace sluice::sim {

limiter::StoreReply StoreFake::apply(const limiter::StoreAsk& ask, const std::string& who) {
  callers_.insert(who);
  limiter::MemoryStore& store = old_ && stays_.contains(who) ? *old_ : store_;
  limiter::StoreReply reply = store.perform(ask, world_.store_now());
  if (limiter::MemoryShard* shard = store.shard(limiter::upstream_of(ask.call));
      shard != nullptr && edits_forget_)
    for (limiter::KnownLimit& known : shard->edit_state().limits) known.held = 0;
  sabotage_keys(ask.call);
  note(ask, reply);
  witnesses_.tell(&Witness::decided, ask.call, reply.answer, reply.now);
  return reply;
}

void StoreFake::sabotage_keys(const limiter::Call& call) {
  if (!warnings_pass_ && !pauses_pass_ && !crowds_ && !evicts_) return;
  limiter::MemoryShard* shard = store_.shard(limiter::upstream_of(call));
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

void StoreFake::edit(limiter::StoreConfig settings) {
  settings_ = std::move(settings);
  store_.set_config(settings_, "somebody");
  if (old_) old_->set_config(settings_, "somebody");
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
    world_.store_ahead += world_.prng.chance(500'000) ? step : -step;
    world_.note("store", "clock", world_.store_ahead.us);
    arrange_step();
  });
}

void StoreFake::arrange_leap() {
  world_.agenda.after(world_.around(world_.faults.store_as_whole.leap_every), [this] {
    if (world_.healed) return;
    const Duration most = world_.faults.store_as_whole.leap_max;
    const Duration leap = world_.prng.between(Duration{0} - most, most);
    if (may_leap_()) {
      world_.store_ahead += leap;
      world_.note("store", "clock leaps", world_.store_ahead.us);
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
      store_.wipe(next_life());
      forgot("everything");
    } else {
      const bool snapshot = world_.prng.chance(faults.snapshot);
      const Duration lag =
          world_.prng.between(Duration{0}, snapshot ? faults.snapshot_age_max : faults.lag_max);
      world_.agenda.after(lag, [this, replica = store_]() mutable { promote(std::move(replica)); });
    }
    arrange_forgetting();
  });
}

// The primary of before may go on for a while, and serve whoever has not heard.
void StoreFake::promote(limiter::MemoryStore replica) {
  const StoreFaults& faults = world_.faults.store_as_whole;
  if (!world_.healed && world_.prng.chance(faults.two_primaries)) {
    old_ = std::move(store_);
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
  store_ = std::move(replica);
  store_.set_config(settings_, "settings");
  store_.become(next_life());
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
