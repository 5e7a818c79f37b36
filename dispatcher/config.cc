#include "dispatcher/config.h"

#include <array>
#include <utility>

namespace sluice::dispatcher {

namespace {

constexpr std::array kRows = {
    SettingRow{.name = "table_max",
               .type = SettingType::kWhole,
               .preset = "1_500_000",
               .help = "Attempts remembered until their lease has ended; a full table gives no "
                       "more credit.",
               .min = 100,
               .max = 10'000'000},
    SettingRow{.name = "closures_max",
               .type = SettingType::kWhole,
               .preset = "100_000",
               .help = "Keys remembered as closed by a penalty or a recall.",
               .min = 100,
               .max = 10'000'000},
    SettingRow{.name = "resend_every",
               .type = SettingType::kDuration,
               .preset = "2s",
               .help = "How often an outcome is said that no limiter has completed.",
               .min = us(milliseconds(100)),
               .max = us(minutes(1))},
    SettingRow{.name = "breaker_failures",
               .type = SettingType::kWhole,
               .preset = "5",
               .help = "Connections in a row that could not be established, then nothing is tried.",
               .min = 1,
               .max = 1000},
    SettingRow{.name = "breaker_wait",
               .type = SettingType::kDuration,
               .preset = "10s",
               .help = "Until one attempt tries again; doubles with each that fails.",
               .min = us(milliseconds(100)),
               .max = us(hours(1)),
               .scaled = true},
    SettingRow{.name = "breaker_wait_max",
               .type = SettingType::kDuration,
               .preset = "5min",
               .help = "The most that this grows to.",
               .min = us(milliseconds(100)),
               .max = us(hours(24)),
               .scaled = true},
    SettingRow{.name = "answer_max",
               .type = SettingType::kWhole,
               .preset = "1MiB",
               .help = "Bytes of an answer's body that are read; a longer one ends "
                       "its connection.",
               .min = 0,
               .max = 1024 * 1024 * 1024},
    SettingRow{.name = "allow_link_local",
               .type = SettingType::kFlag,
               .preset = "false",
               .help = "Whether upstreams may be at link-local and metadata addresses."},
};

}  // namespace

std::span<const SettingRow> setting_rows() { return kRows; }

Config config_from(const SettingTable& table, std::vector<Upstream> upstreams) {
  Config config;
  config.upstreams = std::move(upstreams);
  config.table_max = static_cast<std::size_t>(table.whole("table_max"));
  config.closures_max = static_cast<std::size_t>(table.whole("closures_max"));
  config.resend_every = table.duration("resend_every");
  config.breaker_failures = static_cast<std::uint32_t>(table.whole("breaker_failures"));
  config.breaker_wait = table.duration("breaker_wait");
  config.breaker_wait_max = table.duration("breaker_wait_max");
  return config;
}

}  // namespace sluice::dispatcher
