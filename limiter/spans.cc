#include "limiter/spans.h"

#include <algorithm>

#include "lib/base/settings.h"
#include "limiter/script.h"

namespace sluice::limiter {

namespace {

// The numbers that are none of microseconds.
bool is_count(std::string_view name) {
  return name == "on_unknown" || name == "attempts_max" || name == "throttles_max" ||
         name == "in_flight_per_key" || name == "in_flight";
}

std::string words_of(std::string_view name, std::int64_t number) {
  if (name == "on_unknown") return number == 0 ? "resend" : "dead";
  if (name == "in_flight_per_key" && number == kInFlightAuto) return "auto";
  return is_count(name) ? std::to_string(number) : print_duration({number});
}

}  // namespace

SpanNumbers numbers_of(const Spans& s) {
  return {s.unknown_hold.us,
          s.start_window.us,
          s.timeout.us,
          s.max_pause.us,
          s.on_unknown == OnUnknown::kDead ? 1 : 0,
          s.attempts_max,
          s.throttles_max,
          s.penalty_max.us,
          s.store_overlap.us,
          s.close_max.us,
          s.record_min.us,
          s.record_max.us,
          s.in_flight_per_key,
          s.in_flight,
          s.clock_error_max.us};
}

Spans spans_of(const SpanNumbers& n) {
  const auto count = [&](std::size_t i) { return static_cast<std::uint32_t>(n[i]); };
  return {
      {n[0]},   {n[1]},   {n[2]},    {n[3]},    n[4] == 0 ? OnUnknown::kResend : OnUnknown::kDead,
      count(5), count(6), {n[7]},    {n[8]},    {n[9]},
      {n[10]},  {n[11]},  count(12), count(13), {n[14]}};
}

Spans spans_of(const StoreConfig& config, const Upstream& upstream) {
  Spans spans;
  spans.unknown_hold = upstream.unknown_hold;
  spans.start_window = upstream.start_window;
  spans.timeout = upstream.timeout;
  spans.max_pause = upstream.max_pause;
  spans.on_unknown = upstream.on_unknown;
  spans.attempts_max = upstream.attempts_max;
  spans.throttles_max = upstream.throttles_max;
  spans.penalty_max = upstream.penalty_max;
  spans.store_overlap = config.store_overlap;
  spans.close_max = config.close_max;
  spans.record_min = config.record_min;
  spans.record_max = config.record_max;
  spans.in_flight_per_key = upstream.in_flight_per_key;
  spans.in_flight = upstream.in_flight;
  spans.clock_error_max = config.clock_error_max;
  return spans;
}

Spans safer(const Spans& one, const Spans& other) {
  SpanNumbers all = numbers_of(one);
  const SpanNumbers more = numbers_of(other);
  for (std::size_t i = 0; i < kSpanCount; ++i) {
    all[i] = i < kLongerRules ? std::max(all[i], more[i]) : std::min(all[i], more[i]);
  }
  return spans_of(all);
}

std::uint64_t spans_version(const Spans& spans) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::int64_t number : numbers_of(spans)) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
      hash = (hash ^ (static_cast<std::uint64_t>(number) >> shift & 0xffU)) * 0x100000001b3U;
    }
  }
  return hash == 0 ? 1 : hash;
}

std::string differences(const Spans& mine, const Spans& ruling) {
  const SpanNumbers here = numbers_of(mine), rules = numbers_of(ruling);
  std::string words;
  for (std::size_t i = 0; i < kSpanCount; ++i) {
    if (here[i] == rules[i]) continue;
    const std::string name(kSpanNames[i]);
    words += (words.empty() ? "" : ", ") + name + ": " + words_of(name, here[i]) + " here, " +
             words_of(name, rules[i]) + " rules";
  }
  return words;
}

}  // namespace sluice::limiter
