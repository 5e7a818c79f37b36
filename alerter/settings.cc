#include "alerter/settings.h"

#include <algorithm>
#include <array>
#include <set>

#include "lib/port/http_client.h"

namespace sluice::alerter {
namespace {

constexpr std::array kRows = {
    SettingRow{.name = "follow_interval",
               .type = SettingType::kDuration,
               .preset = "1s",
               .help = "How often the auditor is asked for new alerts.",
               .min = us(milliseconds(10)),
               .max = us(hours(1))},
    SettingRow{.name = "follow_max",
               .type = SettingType::kWhole,
               .preset = "100",
               .help = "Alerts in one answer.",
               .min = 1,
               .max = 500},
    SettingRow{.name = "backoff_base",
               .type = SettingType::kDuration,
               .preset = "5s",
               .help = "After a delivery that failed; doubles with each.",
               .min = us(milliseconds(100)),
               .max = us(hours(1)),
               .scaled = true},
    SettingRow{.name = "backoff_max",
               .type = SettingType::kDuration,
               .preset = "15min",
               .help = "The longest time between two tries.",
               .min = us(seconds(1)),
               .max = us(hours(24)),
               .scaled = true},
    SettingRow{
        .name = "jobs_max",
        .type = SettingType::kWhole,
        .preset = "1000",
        .help = "Undelivered alerts in memory, for each sink; the rest waits in the state's file.",
        .min = 10,
        .max = 100'000},
    SettingRow{.name = "rescan_interval",
               .type = SettingType::kDuration,
               .preset = "10s",
               .help = "How often the state is searched for what is undelivered.",
               .min = us(milliseconds(100)),
               .max = us(hours(1))},
};

constexpr std::array kSinkRows = {
    SettingRow{.name = "name", .help = "Its name.", .min = 1, .max = 64, .required = true},
    SettingRow{.name = "kind",
               .type = SettingType::kOneOf,
               .help = "What it is.",
               .words = "stdout|file|webhook",
               .required = true},
    SettingRow{.name = "path", .help = "Of a file: NDJSON is appended to it.", .max = 4096},
    SettingRow{.name = "url", .help = "Of a webhook: http(s)://...", .max = 2048},
    SettingRow{.name = "timeout",
               .type = SettingType::kDuration,
               .preset = "10s",
               .help = "Of one delivery to a webhook.",
               .min = us(milliseconds(100)),
               .max = us(minutes(5))},
};

Error wrong(const SettingTable& table, std::string_view name, const std::string& why) {
  return {Trouble::kSettings,
          table.place_of(name).text() + ": [[sink]] " + std::string(name) + ": " + why};
}

Result<Sink> read_sink(const SettingTable& table) {
  Sink sink;
  sink.name = table.text("name");
  sink.path = table.text("path");
  sink.url = table.text("url");
  sink.timeout = table.duration("timeout");
  const std::string& kind = table.text("kind");
  if (kind == "file") {
    sink.kind = SinkKind::kFile;
    if (sink.path.empty()) return wrong(table, "path", "a file needs one");
  } else if (kind == "webhook") {
    sink.kind = SinkKind::kWebhook;
    if (auto good = port::HttpClient::check_url(sink.url); !good) {
      return wrong(table, "url", good.error().what);
    }
  }
  return sink;
}

}  // namespace

std::span<const SettingRow> setting_rows() { return kRows; }
std::span<const SettingRow> sink_rows() { return kSinkRows; }

Result<Config> read_config(const Settings& settings, const std::string& data_dir) {
  Config config;
  const auto tables = settings.tables("sink", kSinkRows);
  if (!tables) return tables.error();
  std::set<std::string> names;
  for (const SettingTable& table : *tables) {
    auto sink = read_sink(table);
    if (!sink) return sink.error();
    if (!names.insert(sink->name).second) {
      return wrong(table, "name", "there are two of the name \"" + sink->name + "\"");
    }
    config.deliver_timeout = std::max(config.deliver_timeout, sink->timeout + seconds(20));
    config.sinks.push_back(std::move(*sink));
  }
  if (config.sinks.empty()) {
    config.sinks = {{"stdout", SinkKind::kStandardOutput, {}, {}, {}},
                    {"file", SinkKind::kFile, data_dir + "/alerts.ndjson", {}, {}}};
  }
  const SettingTable& own = settings.stage;
  config.follow_interval = own.duration("follow_interval");
  config.follow_max = static_cast<std::uint32_t>(own.whole("follow_max"));
  config.backoff_base = own.duration("backoff_base");
  config.backoff_max = own.duration("backoff_max");
  config.jobs_max = static_cast<std::uint32_t>(own.whole("jobs_max"));
  config.rescan_interval = own.duration("rescan_interval");
  return config;
}

}  // namespace sluice::alerter
