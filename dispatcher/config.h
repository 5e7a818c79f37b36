// What the dispatcher is told; times are already scaled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/settings.h"
#include "lib/base/upstream.h"

namespace sluice::dispatcher {

struct Config {
  std::vector<Upstream> upstreams;
  std::size_t table_max = 1'500'000;    // attempts in the table, all upstreams together
  std::size_t asked_reserve = 10'000;   // beyond that, for attempts that were asked for only
  std::size_t closures_max = 100'000;   // closed keys
  Duration resend_every = seconds(2);   // outcomes that no limiter has completed
  Duration trip_age_max = seconds(5);   // no start without a younger round trip
  Duration give_up_grace = seconds(5);  // past an attempt's timeouts: its end was lost
  std::uint32_t breaker_failures = 5;   // connect failures in a row
  Duration breaker_wait = seconds(10);  // to the first try; doubles
  Duration breaker_wait_max = minutes(5);
};

// The rows of [dispatcher], beside those that every stage has.
std::span<const SettingRow> setting_rows();
Config config_from(const SettingTable& table, std::vector<Upstream> upstreams);

}  // namespace sluice::dispatcher
