#include "tests/sim/upstream.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::sim {

UpstreamFake::Stop UpstreamFake::send(Process& sender, StartedAttempt attempt, MayStart may_start,
                                      Answered answered) {
  auto exchange = std::make_shared<Exchange>(
      Exchange{&sender, sender.incarnation(), std::move(attempt), std::move(answered)});
  const Duration connect = world_.prng.between(microseconds(100), milliseconds(20));
  const Stop stop = [exchange] { exchange->over = true; };
  const bool refused = world_.prng.chance(world_.faults.upstream.no_connect);
  if (refused || world_.now() < down_until_) {
    finish(exchange, {Answer::Kind::kNoConnect}, connect);
    return stop;
  }
  sender.later(connect, [this, exchange, may_start = std::move(may_start)] {
    if (exchange->over) return;
    const auto longest = may_start();
    if (!longest) return tell(exchange, {Answer::Kind::kNotStarted});
    exchange->timeout = *longest;
    exchange->ends_by = world_.now() + *longest;
    // The check was true; the byte leaves when the process next runs.
    exchange->sender->later(Duration{0}, [this, exchange] { first_byte(exchange); });
  });
  return stop;
}

void UpstreamFake::first_byte(const ExchangePtr& exchange) {
  exchange->started = world_.now();
  const wire::Attempt& attempt = exchange->attempt.attempt;
  world_.note(exchange->sender->name(), "starts", attempt.identity, attempt.serial);
  witnesses_.tell(&Witness::started, exchange->attempt);
  if (world_.prng.chance(world_.faults.upstream.lost_end)) exchange->ends_untold = true;
  finish(exchange, {Answer::Kind::kTimedOut},
         std::max(Duration{0}, exchange->ends_by - world_.now()));
  Prng& prng = world_.prng;
  const UpstreamFaults& faults = world_.faults.upstream;
  if (prng.chance(faults.never_arrives)) return;
  if (prng.chance(faults.stuck)) {  // in somebody's buffer: arrives whatever became of the sender
    const Duration held = prng.between(Duration{0}, settings_.unknown_hold);
    world_.agenda.after(held, [this, exchange] { arrive(exchange); });
    return;
  }
  Duration there = prng.between(microseconds(50), faults.answer_max);
  if (steady_ > Duration{0}) there = there / 100;
  world_.agenda.after(there, [this, exchange] {
    // The kernel keeps the timeout even for a process that is frozen.
    const bool reset = exchange->over || exchange->sender->incarnation() != exchange->life ||
                       world_.now() > exchange->started + exchange->timeout;
    if (!reset) arrive(exchange);
  });
}

void UpstreamFake::arrive(const ExchangePtr& exchange) {
  ++arrivals_;
  const wire::Attempt& attempt = exchange->attempt.attempt;
  world_.note("upstream", "gets", exchange->attempt.key, attempt.identity, attempt.serial);
  witnesses_.tell(&Witness::arrived, attempt, exchange->attempt.key);
  Prng& prng = world_.prng;
  const UpstreamFaults& faults = world_.faults.upstream;
  Duration thinks = prng.between(microseconds(100), faults.answer_max);
  if (steady_ > Duration{0}) thinks = steady_ + thinks / 100;
  if (prng.chance(faults.late_answer)) thinks = exchange->timeout + seconds(1);
  if (prng.chance(faults.hangs_up)) return finish(exchange, {Answer::Kind::kHungUp}, thinks);
  finish(exchange, decide(exchange->attempt.key), thinks);
}

void UpstreamFake::warn(Answer& answer, Duration wait) {
  answer.status = 429;
  answer.told_to_wait = true;
  answer.retry_after = seconds(wait.us / 1'000'000);
}

UpstreamFake::Answer UpstreamFake::decide(const std::string& key) {
  Prng& prng = world_.prng;
  const UpstreamFaults& faults = world_.faults.upstream;
  Answer answer;
  answer.status = 200;
  keys_.insert(key);
  if (const auto ban = banned_.find(key); ban != banned_.end() && world_.now() < ban->second) {
    warn(answer, ban->second - world_.now() + seconds(1));
  } else if (prng.chance(faults.abnormal)) {
    answer.status = 403;
    answer.abnormal = true;
  } else if (prng.chance(faults.throttled)) {
    answer.status = 429;
    answer.told_to_wait = prng.chance(800'000);
    if (answer.told_to_wait)
      answer.retry_after = seconds(prng.between(1, faults.retry_after_max.us / 1'000'000));
  } else if (prng.chance(faults.failed)) {
    answer.status = prng.chance(500'000) ? 500 : 503;
  } else if (prng.chance(faults.refused)) {
    answer.status = 400;
  }
  return answer;
}

void UpstreamFake::finish(const ExchangePtr& exchange, Answer answer, Duration after) {
  exchange->sender->later(after, [this, exchange, answer] { tell(exchange, answer); });
}

void UpstreamFake::tell(const ExchangePtr& exchange, Answer answer) {
  if (exchange->over || exchange->sender->incarnation() != exchange->life) return;
  exchange->over = true;
  if (exchange->ends_untold) return;
  answer.latency = exchange->started.us == 0 ? Duration{0} : world_.now() - exchange->started;
  using Kind = Answer::Kind;
  const bool started = answer.kind != Kind::kNoConnect && answer.kind != Kind::kNotStarted;
  world_.note(exchange->sender->name(), "answered", exchange->attempt.attempt.identity,
              static_cast<int>(answer.kind), answer.status);
  const StartedAttempt& attempt = exchange->attempt;
  witnesses_.tell(&Witness::answered,
                  AnsweredAttempt{attempt.process, attempt.attempt, attempt.key,
                                  answer.kind == Kind::kStatus, answer.status, started,
                                  answer.told_to_wait ? answer.retry_after : Duration{0}});
  exchange->answered(answer);
}

void UpstreamFake::suffer() {
  if (world_.faults.upstream.outage_every > Duration{0}) arrange_outage();
  if (world_.faults.upstream.ban_every > Duration{0}) arrange_ban();
}

void UpstreamFake::arrange_outage() {
  world_.agenda.after(world_.around(world_.faults.upstream.outage_every), [this] {
    if (world_.healed) return;
    down_until_ = world_.now() + world_.prng.between(seconds(1), world_.faults.upstream.outage_max);
    world_.note(settings_.name, "down until", down_until_.us);
    arrange_outage();
  });
}

void UpstreamFake::arrange_ban() {
  world_.agenda.after(world_.around(world_.faults.upstream.ban_every), [this] {
    if (world_.healed) return;
    if (!keys_.empty()) {
      const auto key =
          std::next(keys_.begin(), static_cast<std::ptrdiff_t>(world_.prng.below(keys_.size())));
      banned_[*key] =
          world_.now() + world_.prng.between(seconds(1), world_.faults.upstream.ban_max);
      world_.note(settings_.name, "bans", *key);
    }
    arrange_ban();
  });
}

}  // namespace sluice::sim
