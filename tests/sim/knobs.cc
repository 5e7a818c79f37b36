#include "tests/sim/knobs.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>

#include "lib/base/check.h"

namespace sluice::sim {
namespace {

constexpr Duration kLongest = seconds(10);  // a run lasts for minutes

struct Knob {
  std::string_view name;
  void (*set)(Settings&, std::int64_t);
};

template <class T>
T to(std::int64_t value) {
  return static_cast<T>(value);
}

constexpr Knob kLimiter[] = {
    {"line_min", [](Settings& s, std::int64_t v) { s.limiter.line_min = to<std::uint32_t>(v); }},
    {"line_span", [](Settings& s, std::int64_t v) { s.limiter.line_span = {v}; }},
    {"hold_horizon", [](Settings& s, std::int64_t v) { s.limiter.hold_horizon = {v}; }},
    {"park_after", [](Settings& s, std::int64_t v) { s.limiter.park_after = {v}; }},
    {"ask_latest", [](Settings& s, std::int64_t v) { s.limiter.ask_latest = {v}; }},
    {"record_again", [](Settings& s, std::int64_t v) { s.limiter.record_again = {v}; }},
    {"store_again", [](Settings& s, std::int64_t v) { s.limiter.store_again = {v}; }},
    {"unrecorded_max",
     [](Settings& s, std::int64_t v) { s.limiter.unrecorded_max = to<std::size_t>(v); }},
    {"messages_max",
     [](Settings& s, std::int64_t v) { s.limiter.messages_max = to<std::size_t>(v); }},
    {"bytes_max", [](Settings& s, std::int64_t v) { s.limiter.bytes_max = to<std::size_t>(v); }},
    {"offers_max",
     [](Settings& s, std::int64_t v) { s.limiter.offers_max = to<std::uint32_t>(v); }},
};

constexpr Knob kDispatcher[] = {
    {"table_max", [](Settings& s, std::int64_t v) { s.dispatcher.table_max = to<std::size_t>(v); }},
    {"closures_max",
     [](Settings& s, std::int64_t v) { s.dispatcher.closures_max = to<std::size_t>(v); }},
    {"resend_every", [](Settings& s, std::int64_t v) { s.dispatcher.resend_every = {v}; }},
    {"breaker_failures",
     [](Settings& s, std::int64_t v) { s.dispatcher.breaker_failures = to<std::uint32_t>(v); }},
    {"breaker_wait", [](Settings& s, std::int64_t v) { s.dispatcher.breaker_wait = {v}; }},
    {"breaker_wait_max", [](Settings& s, std::int64_t v) { s.dispatcher.breaker_wait_max = {v}; }},
};

const SettingRow& row_of(std::span<const SettingRow> rows, std::string_view name) {
  const auto at =
      std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
  CHECK(at != rows.end());
  return *at;
}

// The least, up to ten times that, or the greatest that a run can wait for.
std::int64_t draw(Prng& prng, const SettingRow& row) {
  const bool time = row.type == SettingType::kDuration;
  const std::int64_t most = time ? std::min(row.max, kLongest.us) : row.max;
  switch (prng.below(3)) {
    case 0:
      return row.min;
    case 1:
      return std::min(most, prng.between(row.min, std::max<std::int64_t>(row.min, 1) * 10));
    default:
      return most;
  }
}

void turn(Prng& prng, std::span<const SettingRow> rows, std::span<const Knob> knobs,
          Settings& settings) {
  for (const Knob& knob : knobs)
    if (prng.chance(60'000)) knob.set(settings, draw(prng, row_of(rows, knob.name)));
}

}  // namespace

void draw_knobs(Prng& prng, Settings& settings) {
  turn(prng, limiter::setting_rows(), kLimiter, settings);
  turn(prng, dispatcher::setting_rows(), kDispatcher, settings);
}

bool has_knob(std::string_view row) {
  const auto named = [row](const Knob& knob) { return knob.name == row; };
  return std::any_of(std::begin(kLimiter), std::end(kLimiter), named) ||
         std::any_of(std::begin(kDispatcher), std::end(kDispatcher), named);
}

}  // namespace sluice::sim
