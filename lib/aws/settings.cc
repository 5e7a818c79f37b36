#include "lib/aws/settings.h"

#include <array>

namespace sluice::aws {

namespace {

constexpr std::array kRows = {
    SettingRow{.name = "region",
               .preset = "",
               .help = "Such as eu-west-1; without: AWS_REGION, AWS_DEFAULT_REGION, the "
                       "profile's, or the EC2 instance's.",
               .max = 64},
    SettingRow{.name = "endpoint",
               .preset = "",
               .help = "Where all services are, for an emulator; without: AWS_ENDPOINT_URL, "
                       "AWS_ENDPOINT_URL_<SERVICE>, or AWS's own.",
               .max = 2048},
    SettingRow{.name = "calls_per_second",
               .type = SettingType::kWhole,
               .preset = "1000",
               .help = "Of one service, by one process.",
               .min = 1,
               .max = 100'000},
};

}  // namespace

std::span<const SettingRow> setting_rows() { return kRows; }

Result<SessionSettings> read_settings(const Settings& settings) {
  auto tables = settings.tables("aws", kRows);
  if (!tables) return tables.error();
  if (tables->size() > 1) return Error{Trouble::kSettings, "[aws] is there twice"};
  auto defaults = SettingTable::check(kRows, nullptr, "aws", 1'000'000);
  if (!defaults) return defaults.error();
  const SettingTable& table = tables->empty() ? *defaults : tables->front();
  return SessionSettings{table.text("region"), table.text("endpoint"),
                         static_cast<std::uint32_t>(table.whole("calls_per_second"))};
}

}  // namespace sluice::aws
