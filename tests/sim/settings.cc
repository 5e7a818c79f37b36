#include "tests/sim/settings.h"

#include <algorithm>
#include <string>

namespace sluice::sim {
namespace {

bool coin(Prng& prng) { return prng.chance(500'000); }

Limit draw_limit(Prng& prng) {
  Limit limit;
  limit.name = "per-key";
  limit.n = static_cast<std::uint32_t>(prng.between(1, 10));
  limit.window = milliseconds(prng.between(2'000, 12'000));
  limit.burst = static_cast<std::uint32_t>(prng.between(1, limit.n));
  limit.guard = coin(prng) ? milliseconds(501) : seconds(1);
  return limit;
}

Upstream draw_upstream(Prng& prng, const char* name) {
  Upstream upstream;
  upstream.name = name;
  upstream.url = "http://127.0.0.1:1";
  upstream.limits = {draw_limit(prng)};
  if (prng.chance(250'000)) {
    Limit whole = draw_limit(prng);
    whole.name = "whole";
    whole.scope = LimitScope::kUpstream;
    whole.n *= 3;
    whole.burst = whole.n;
    upstream.limits.push_back(whole);
  }
  upstream.timeout = milliseconds(prng.between(1'000, 4'000));
  upstream.connect_timeout = seconds(1);
  upstream.in_flight = static_cast<std::uint32_t>(prng.between(1, 40));
  upstream.in_flight_per_key = static_cast<std::uint32_t>(prng.between(1, 3));
  upstream.on_unknown = prng.chance(250'000) ? OnUnknown::kDead : OnUnknown::kResend;
  upstream.throttles_max = 20;
  upstream.abnormal = {{{403, 403}, "abnormal usage"}};
  upstream.backoff_base = milliseconds(prng.between(100, 2'000));
  upstream.backoff_max = seconds(20);
  upstream.penalty_base = seconds(prng.between(2, 8));
  upstream.penalty_max = seconds(20);
  upstream.unknown_hold = seconds(prng.between(2, 8));
  upstream.max_pause = seconds(prng.between(3, 6));
  upstream.expires_after = prng.chance(200'000) ? seconds(prng.between(5, 60)) : hours(96);
  return upstream;
}

void draw_limiter(Prng& prng, limiter::Config& config) {
  config.words_max = 14;  // as many as people say at a time, of six keys of two upstreams
  if (coin(prng)) config.line_min = static_cast<std::uint32_t>(prng.between(2, 8));
  if (coin(prng)) config.line_span = seconds(1);
  if (coin(prng)) config.hold_horizon = seconds(prng.between(1, 10));
  if (coin(prng)) config.park_after = milliseconds(prng.between(100, 3'000));
  if (prng.chance(250'000)) config.unrecorded_max = 5;
  if (prng.chance(250'000)) config.offers_max = 3;
  if (prng.chance(250'000)) config.batch_max = 2;
  if (coin(prng)) config.store_again = seconds(2);
}

void draw_ingest(Prng& prng, ingest::Config& config) {
  config.sweep_every = seconds(prng.between(5, 60));
  config.announce_every = seconds(prng.between(5, 60));
  config.hold_visibility = seconds(20);
  config.queues = {"queue", "fifo"};
  config.full_visibility = seconds(5);
  config.away_visibility = seconds(10);
  if (prng.chance(250'000)) config.key_max = 4;
  if (prng.chance(250'000)) config.read_max = 3;
  if (coin(prng)) config.parking_wait = seconds(2);
}

void draw_others(Prng& prng, Settings& all) {
  all.dispatcher.breaker_wait = seconds(1);
  all.dispatcher.breaker_wait_max = seconds(8);
  all.dispatcher.give_up_grace = seconds(2);
  if (coin(prng)) all.auditor.batch_max = 3;
  if (coin(prng)) {
    all.auditor.segment_bytes_max = 4'000;
  } else {
    all.auditor.segment_age_max = minutes(1);
  }
  all.auditor.call_timeout = all.auditor.costs_timeout = seconds(prng.between(1, 6));
  all.auditor.budgets[0].amount_nano = 1'000'000'000;
  all.alerter.sinks = {{"out", alerter::SinkKind::kStandardOutput, "", "", seconds(1)},
                       {"file", alerter::SinkKind::kFile, "/alerts", "", seconds(1)}};
  all.alerter.repeat_interval = {};  // each alert is to reach each sink
  all.alerter.backoff_base = seconds(1);
  all.alerter.backoff_max = seconds(8);
  all.alerter.deliver_timeout = seconds(3);
  all.alerter.state_timeout = seconds(3);
}

}  // namespace

Settings Settings::drawn(Prng& prng) {
  Settings all;
  all.upstreams.push_back(draw_upstream(prng, "onlyfans"));
  if (prng.chance(250'000)) all.upstreams.push_back(draw_upstream(prng, "other"));
  all.ingests = static_cast<int>(prng.between(1, 2));
  all.dispatchers = static_cast<int>(prng.between(1, 2));
  all.keys = static_cast<int>(prng.between(1, 6));
  all.messages = static_cast<int>(prng.between(10, 90));
  all.costs = static_cast<int>(prng.between(0, 20));
  if (coin(prng)) all.queued = static_cast<std::uint32_t>(prng.between(100'000, 1'000'000));
  if (coin(prng)) all.impatient = 300'000;
  if (coin(prng)) all.cancelled = 50'000;
  if (coin(prng)) all.pressing = 300'000;
  if (coin(prng)) all.scheduled = 100'000;
  all.sending = seconds(prng.between(1, 60));
  all.safety = seconds(prng.between(30, 120));
  draw_limiter(prng, all.limiter);
  draw_ingest(prng, all.ingest);
  draw_others(prng, all);
  all.share_upstreams();
  return all;
}

void Settings::share_upstreams() {
  ingest.upstreams = limiter.upstreams = dispatcher.upstreams = auditor.upstreams = upstreams;
}

void Settings::draw_later(Prng& prng) {
  if (prng.chance(150'000)) limiter.messages_max = static_cast<std::size_t>(prng.between(4, 30));
  if (prng.chance(100'000))
    limiter.bytes_max = static_cast<std::size_t>(prng.between(4, 40)) * 1'024;
  if (prng.chance(150'000)) dispatcher.table_max = static_cast<std::size_t>(prng.between(2, 12));
  if (prng.chance(150'000)) ingest.read_bytes_max = 1;
  if (prng.chance(150'000)) ingest.open_max = static_cast<std::uint32_t>(prng.between(3, 12));
}

void Settings::draw_timeouts(Prng& prng) {
  for (Upstream& upstream : dispatcher.upstreams)
    upstream.timeout = milliseconds(prng.between(500, 20'000));
}

void Settings::draw_in_order(Prng& prng) {
  if (explained_day || stated_day || shared_day || !prng.chance(350'000)) return;
  in_order = prng.chance(500'000) ? 1'000'000 : 400'000;
  queued = std::max(queued, 300'000U);
  if (coin(prng)) stops = 700'000;
}

void Settings::draw_door(Prng& prng) {
  if (explained_day || stated_day || shared_day || !prng.chance(250'000)) return;
  send_into_queue();
  if (coin(prng)) ingest.door_max = static_cast<std::uint32_t>(prng.between(1, 6));
}

void Settings::draw_costs(Prng& prng) {
  costs_elsewhere = true;
  auditor.costs_timeout = seconds(prng.between(1, 15));
  if (coin(prng)) auditor.pending_max = static_cast<std::uint32_t>(prng.between(4, 16));
}

void Settings::send_into_queue() {
  ingest.door_queue = "door";
  ingest.queues.emplace_back("door");
}

void Settings::be_explained(Duration longest_answer) {
  explained_day = true;
  answer_max = longest_answer;
  ingests = 1;
  queued = cancelled = 0;
  for (Upstream& upstream : upstreams) {
    std::erase_if(upstream.limits,
                  [](const Limit& limit) { return limit.scope == LimitScope::kUpstream; });
    upstream.in_flight = 200;
    upstream.expires_after = hours(96);
  }
  limiter.unrecorded_max = 10'000;
  limiter.batch_max = 256;
  share_upstreams();
}

void Settings::be_stated(Prng& prng) {
  stated_day = true;
  quiet_morning = coin(prng);
  keys = static_cast<int>(prng.between(1, 4));
  ingests = keys % 2 == 0 ? 2 : 1;
  messages = static_cast<int>(prng.between(100, 300));
  safety = seconds(quiet_morning ? 240 : 30);
  sending = minutes(4);
  queued = otherwise = impatient = cancelled = scheduled = pressing = 0;
  answer_max = milliseconds(prng.between(20, 800));
  for (Upstream& upstream : upstreams) {
    Limit limit = draw_limit(prng);
    limit.window = seconds(prng.between(6, 20));
    upstream.limits = {limit};
    upstream.in_flight = 200;
    upstream.in_flight_per_key = static_cast<std::uint32_t>(prng.between(0, 3));
    upstream.expires_after = hours(96);
  }
  limiter.unrecorded_max = 10'000;
  limiter.batch_max = 256;
  share_upstreams();
}

void Settings::be_shared(Prng& prng) {
  shared_day = true;
  ingests = 1;
  cancelled = scheduled = pressing = 0;
  keys = static_cast<int>(prng.between(2, 5));
  messages = 120;
  sending = seconds(prng.between(1, 10));
  for (Upstream& upstream : upstreams) {
    Limit whole = draw_limit(prng);
    whole.name = "whole";
    whole.scope = LimitScope::kUpstream;
    upstream.limits = {whole};
    upstream.in_flight = 200;
    upstream.expires_after = hours(96);
  }
  limiter.unrecorded_max = 10'000;
  share_upstreams();
}

// Everything through the slowest limit, all of it five times over, and the longest of all waits
// before it can begin.
Duration Settings::settles_within() const {
  Duration longest = minutes(3);
  for (const Upstream& upstream : upstreams)
    for (const Limit& limit : upstream.limits) {
      const Duration lease = upstream.start_window + upstream.timeout + upstream.max_pause;
      const Duration slot =
          limit.window + limit.guard + lease + upstream.unknown_hold + upstream.timeout;
      longest =
          std::max(longest, minutes(3) + slot * (3 * messages / static_cast<int>(limit.n) + 3));
    }
  return longest;
}

}  // namespace sluice::sim
