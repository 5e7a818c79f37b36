#include "tests/conformance/store_trace.h"

#include <algorithm>

#include "tests/conformance/store_dump.h"

namespace sluice::limiter {

namespace {

constexpr std::size_t kMessages = 12;
// More than clocks may differ.
constexpr Duration kDoubt = milliseconds(400);

}  // namespace

StoreConfig trace_config(std::uint64_t seed) {
  Prng prng(seed);
  const auto n = static_cast<std::uint32_t>(prng.between(1, 8));
  StoreConfig config =
      config_of({Limit{"key", LimitScope::kKey, n, seconds(prng.between(5, 40)),
                       static_cast<std::uint32_t>(prng.between(1, n)), milliseconds(600)}});
  Upstream& upstream = config.upstreams[0];
  if (prng.chance(400'000)) {
    upstream.limits.push_back(
        Limit{"whole", LimitScope::kUpstream, n + 2, seconds(10), n + 2, milliseconds(600)});
  }
  upstream.in_flight_per_key = static_cast<std::uint32_t>(prng.between(1, 4));
  upstream.timeout = seconds(prng.between(1, 10));
  upstream.max_pause = seconds(prng.between(0, 10));
  upstream.unknown_hold = seconds(prng.between(0, 30));
  upstream.on_unknown = prng.chance(500'000) ? OnUnknown::kResend : OnUnknown::kDead;
  config.store_overlap = seconds(1);
  config.record_min = seconds(200);
  return config;
}

StoreTrace::StoreTrace(std::vector<StoreRig*> rigs, StoreConfig config, std::uint64_t seed,
                       TraceFaults faults)
    : rigs_(std::move(rigs)), config_(std::move(config)), prng_(seed), faults_(faults) {
  messages_.resize(kMessages);
  for (std::size_t i = 0; i < kMessages; ++i) new_message(i);
}

StoreTrace::Message& StoreTrace::new_message(std::size_t at) {
  Message message;
  ++made_;
  message.ask = ask_of(made_, made_ % 3 == 0 ? "up:b" : "up:a");
  message.ask.first_seen = store_now();
  message.ask.expires_at = store_now() + seconds(prng_.between(100, 3'000));
  if (prng_.chance(100'000)) message.ask.not_before = store_now() + seconds(prng_.between(0, 20));
  if (prng_.chance(50'000)) message.ask.cost = 2;
  messages_[at] = message;
  return messages_[at];
}

Caller StoreTrace::caller() {
  const Duration low = prng_.between(Duration{}, milliseconds(20));
  const Duration high = prng_.between(Duration{}, milliseconds(20));
  return {life_,
          {store_now() - low, store_now() + high},
          store_now() + seconds(2),
          limits_version("up", config_.upstreams[0].limits)};
}

// Extremes are where the mistakes are.
StoreTime StoreTrace::between(StoreTime low, StoreTime high) {
  const auto where = prng_.below(4);
  if (where == 0 || high <= low) return low;
  return where == 1 ? high : low + prng_.between(Duration{}, high - low);
}

// What contradicts the limiter's clock: it says so, knowing nothing, and believes what it hears.
StoreReply StoreTrace::say(Call call) {
  StoreReply reply = say_to_all(std::move(call));
  if (reply.now.us == 0) return reply;
  const Duration off = reply.now - store_now();
  if (off <= kDoubt && -off <= kDoubt) return reply;
  Caller lost = caller();
  lost.bounds = {};
  lost.doubted = true;
  ahead_ = say_to_all(AskClock{"up", lost}).now - now_;
  return reply;
}

StoreReply StoreTrace::say_to_all(Call call) {
  const StoreAsk ask{++calls_, std::move(call)};
  // The store's clock is a little off from the world's.
  const StoreTime clock = now_ + skew_ + prng_.between(-milliseconds(100), milliseconds(100));
  StoreReply first;
  for (std::size_t i = 0; i < rigs_.size(); ++i) {
    const auto replies = rigs_[i]->say({ask}, clock);
    if (i == 0) first = replies.at(0);
    if (!difference_.empty()) continue;
    const std::string one = dump(first), other = dump(replies.at(0));
    if (one != other) difference_ = "one:" + one + "\nother:" + other;
  }
  return first;
}

void StoreTrace::step() {
  end_due();
  trouble();
  const auto what = prng_.below(20);
  if (what < 14) {
    ask_some();
  } else if (what == 14 && !told_.empty()) {
    complete(told_[prng_.below(told_.size())]);
  } else if (what == 15) {
    look_around();
  }
  const auto pace = prng_.below(10);
  if (pace < 7) {
    now_ = now_ + prng_.between(Duration{}, milliseconds(900));
  } else if (!endings_.empty()) {
    now_ = std::max(now_, std::min(endings_.begin()->first, now_ + seconds(3)));
  } else {
    now_ = now_ + prng_.between(Duration{}, seconds(6));
  }
}

void StoreTrace::ask_some() {
  std::vector<std::size_t> places;
  Grant call{caller(), {}};
  for (auto left = prng_.below(4) + 1; left > 0; --left) {
    const std::size_t at = prng_.below(kMessages);
    if (std::count(places.begin(), places.end(), at) > 0) continue;
    GrantAsk ask = messages_[at].ask;
    ask.cancelled = prng_.chance(5'000);
    if (prng_.chance(3'000)) ask.line.content_hash = std::string(32, 'x');
    places.push_back(at);
    call.asks.push_back(std::move(ask));
  }
  const auto asks = call.asks;
  const StoreReply reply = say(std::move(call));
  if (prng_.chance(faults_.lost_reply)) return;  // applied; its caller never learns
  const auto* granted = std::get_if<GrantReply>(&reply.answer);
  ASSERT_NE(granted, nullptr) << dump(reply);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const bool same = asks[i].line.content_hash == messages_[places[i]].ask.line.content_hash;
    messages_[places[i]].ask.offered_before = true;
    if (same) take_answer(messages_[places[i]], granted->answers.at(i));
  }
}

void StoreTrace::take_answer(Message& message, const GrantAnswer& answer) {
  if (answer.granted == Granted::kSettled) {
    settle(message.ask.line.identity, answer.outbox);
  } else if (answer.granted == Granted::kYes && answer.serial > message.dispatched) {
    message.dispatched = answer.serial;
    dispatch(message, answer);
  }
}

// What becomes of it, decided beforehand: when its request arrives, and when anybody tells.
void StoreTrace::dispatch(const Message& message, const GrantAnswer& answer) {
  const Upstream& upstream = config_.upstreams[0];
  // As the dispatcher knows it.
  const StoreTime lease_end = answer.lease_end - ahead_ - milliseconds(200);
  Completion completion = completion_of(0, answer.serial, wire::Ended::kDelivered);
  completion.outcome.attempt.identity = message.ask.line.identity;
  completion.outcome.key = message.ask.line.key;
  const auto arrive = [&](StoreTime at) {
    for (std::uint32_t unit = 0; unit < message.ask.cost; ++unit) {
      arrivals_.push_back({at, message.ask.line.key});
    }
  };
  const auto fate = prng_.below(20);
  const StoreTime told = between(now_, lease_end);
  if (fate < 2) {  // not started
    completion.outcome.ended = wire::Ended::kNotStarted;
    endings_.emplace(told, completion);
  } else if (fate < 4) {  // the dispatcher dies
    if (prng_.chance(700'000)) arrive(between(now_, lease_end + upstream.unknown_hold));
  } else if (fate < 6) {  // no answer
    if (prng_.chance(700'000)) arrive(between(now_, told + upstream.unknown_hold));
    completion.outcome.ended = wire::Ended::kUnknown;
    endings_.emplace(told, completion);
  } else {  // an answer, told at once or later than the lease
    const wire::Ended ends[] = {wire::Ended::kDelivered, wire::Ended::kDelivered,
                                wire::Ended::kFailed, wire::Ended::kThrottled,
                                wire::Ended::kRefused};
    completion.outcome.ended = ends[prng_.below(5)];
    completion.consequence.retry_after = seconds(prng_.between(0, 10));
    if (completion.outcome.ended == wire::Ended::kThrottled) {
      completion.consequence.penalty = seconds(prng_.between(1, 20));
      completion.consequence.penalty_was_told = prng_.chance(500'000);
    }
    arrive(between(now_, told));
    const bool late = prng_.chance(100'000);
    endings_.emplace(late ? told + seconds(prng_.between(0, 60)) : told, completion);
  }
}

void StoreTrace::end_due() {
  while (!endings_.empty() && endings_.begin()->first <= now_) {
    const Completion completion = endings_.begin()->second;
    endings_.erase(endings_.begin());
    complete(completion);
  }
}

void StoreTrace::complete(Completion completion) {
  const StoreReply reply = say(Complete{caller(), {completion}});
  if (prng_.chance(faults_.lost_reply)) {
    endings_.emplace(now_ + seconds(2), completion);
    return;
  }
  told_.push_back(completion);
  if (told_.size() > 20) told_.erase(told_.begin());
  const auto* completed = std::get_if<CompleteReply>(&reply.answer);
  ASSERT_NE(completed, nullptr) << dump(reply);
  const CompleteAnswer& answer = completed->answers.at(0);
  if (answer.settled) settle(completion.outcome.attempt.identity, answer.outbox);
}

void StoreTrace::settle(std::string identity, const std::vector<wire::Record>& outbox) {
  Emptied emptied{"up", {}};
  for (const wire::Record& line : outbox) emptied.lines.push_back(Emptied::Line::of(line));
  if (prng_.chance(900'000)) say(std::move(emptied));
  if (prng_.chance(900'000)) say(Forget{"up", {identity}});
  for (std::size_t i = 0; i < kMessages; ++i) {
    if (messages_[i].ask.line.identity != identity) continue;
    ++settled_;
    new_message(i);
  }
}

void StoreTrace::look_around() {
  say(Peek{"up", {"up:a", "up:b", "up:nobody"}});
  say(AskClock{"up", caller()});
  const bool closed = prng_.chance(500'000);
  const StoreTime until = store_now() + seconds(prng_.between(1, 20));
  if (prng_.chance(100'000)) {
    say(SetHold{"up", "up:b", closed, {wire::HoldKind::kPause, until, "x", store_now()}});
  }
}

void StoreTrace::trouble() {
  if (prng_.chance(faults_.new_life)) {
    ++life_;
    for (Message& message : messages_) message.dispatched = 0;
  }
  const bool restart = prng_.chance(faults_.restarts);
  const bool put_back = prng_.chance(faults_.put_back);
  for (StoreRig* rig : rigs_) {
    if (restart) rig->restart(now_);
    if (put_back) rig->put_back(now_);
  }
  if (put_back) say(Peek{"up", {"up:a"}});
  if (faults_.steps > 0 && prng_.chance(faults_.steps)) step_clock();
}

// Its limiter knew the time before, and asks before anybody takes the new one for granted.
void StoreTrace::step_clock() {
  say(AskClock{"up", caller()});
  skew_ = skew_ + (prng_.chance(500'000) ? seconds(300) : -seconds(300));
  say(AskClock{"up", caller()});
}

std::uint64_t StoreTrace::over(const Limit& limit, const std::string& key) const {
  std::vector<StoreTime> times;
  for (const Arrival& arrival : arrivals_) {
    if (key.empty() || arrival.key == key) times.push_back(arrival.at);
  }
  std::sort(times.begin(), times.end());
  std::size_t from = 0, fullest = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    while (times[i] - times[from] > limit.window) ++from;
    fullest = std::max(fullest, i - from + 1);
  }
  return fullest > limit.n ? fullest - limit.n : 0;
}

std::uint64_t StoreTrace::over() const {
  std::uint64_t over_by = 0;
  for (const Limit& limit : config_.upstreams[0].limits) {
    if (limit.scope == LimitScope::kUpstream) {
      over_by = std::max(over_by, over(limit, {}));
      continue;
    }
    for (const char* key : {"up:a", "up:b"}) over_by = std::max(over_by, over(limit, key));
  }
  return over_by;
}

}  // namespace sluice::limiter
