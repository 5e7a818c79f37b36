#include "alerter/settings.h"

#include <algorithm>
#include <array>
#include <set>

#include "alerter/sns.h"
#include "lib/port/http_client.h"
#include "lib/port/secrets.h"
#include "lib/wire/alert_kinds.h"

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
    SettingRow{.name = "group_wait",
               .type = SettingType::kDuration,
               .preset = "2s",
               .help = "So long an alert waits for others of its group, to be told with them.",
               .min = 0,
               .max = us(hours(1)),
               .scaled = true},
    SettingRow{.name = "group_by",
               .type = SettingType::kList,
               .preset = "upstream,budget",
               .help = "Alerts of one kind are a group when they agree on these labels.",
               .max = 16},
    SettingRow{.name = "group_max",
               .type = SettingType::kWhole,
               .preset = "50",
               .help = "Alerts in one delivery.",
               .min = 1,
               .max = 500},
    SettingRow{.name = "repeat_interval",
               .type = SettingType::kDuration,
               .preset = "4h",
               .help = "An alert that is still firing is said again after this.",
               .min = 0,
               .max = us(hours(24 * 30)),
               .scaled = true},
    SettingRow{
        .name = "give_up_after",
        .type = SettingType::kWhole,
        .preset = "5",
        .help =
            "Refusals (400, 413, 422) by a sink, after which an alert goes to the others instead.",
        .min = 1,
        .max = 1'000},
    SettingRow{.name = "alerts_table",
               .help = "A table of DynamoDB that alerts are recorded in; none: nowhere.",
               .max = 255},
    SettingRow{.name = "silence_max",
               .type = SettingType::kDuration,
               .preset = "1min",
               .help = "An alert when the auditor is silent for longer; 0: never.",
               .min = 0,
               .max = us(hours(24))},
    SettingRow{.name = "heartbeat_url",
               .help = "http(s)://... or secret://...: a POST while auditor and alerter are alive.",
               .max = 2048},
    SettingRow{.name = "heartbeat_interval",
               .type = SettingType::kDuration,
               .preset = "1min",
               .help = "How often the heartbeat goes out.",
               .min = us(seconds(1)),
               .max = us(hours(24))},
};

constexpr std::array kSinkRows = {
    SettingRow{.name = "name", .help = "Its name.", .min = 1, .max = 64, .required = true},
    SettingRow{.name = "kind",
               .type = SettingType::kOneOf,
               .help = "What it is.",
               .words = "stdout|file|webhook|sns",
               .required = true},
    SettingRow{.name = "path", .help = "Of a file: NDJSON is appended to it.", .max = 4096},
    SettingRow{.name = "url", .help = "Of a webhook: http(s)://..., or secret://...", .max = 2048},
    SettingRow{.name = "topic",
               .help = "Of sns: the topic's ARN, arn:aws:sns:REGION:ACCOUNT:NAME.",
               .max = 512},
    SettingRow{.name = "secrets",
               .type = SettingType::kList,
               .help = "Of a webhook: secret://env/NAME, /file/PATH, /aws/NAME#FIELD; each signs.",
               .max = 8},
    SettingRow{.name = "severities",
               .type = SettingType::kList,
               .help = "info, warning, critical: what it takes; none: all.",
               .max = 3},
    SettingRow{.name = "kinds",
               .type = SettingType::kList,
               .help = "Kinds of alerts that it takes; none: all.",
               .max = 64},
    SettingRow{.name = "budgets",
               .type = SettingType::kList,
               .help = "Of alerts about budgets, whose it takes; none: all.",
               .max = 256},
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

Result<std::vector<wire::Severity>> read_severities(const SettingTable& table) {
  std::vector<wire::Severity> found;
  for (const std::string& word : table.list("severities")) {
    constexpr std::array<std::string_view, 3> kWords = {"info", "warning", "critical"};
    const auto place = std::find(kWords.begin(), kWords.end(), word);
    if (place == kWords.end()) {
      return wrong(table, "severities", "\"" + word + "\" is none of info, warning, critical");
    }
    found.push_back(static_cast<wire::Severity>(place - kWords.begin() + 1));
  }
  return found;
}

Result<std::vector<std::string>> read_kinds(const SettingTable& table) {
  std::vector<std::string> kinds = table.list("kinds");
  for (const std::string& kind : kinds) {
    const auto& all = wire::kAlertKinds;
    if (std::find(all.begin(), all.end(), kind) != all.end()) continue;
    std::string known;
    for (const std::string_view one : all) known += (known.empty() ? "" : ", ") + std::string(one);
    return wrong(table, "kinds", "\"" + kind + "\" is none of " + known);
  }
  return kinds;
}

// The error does not say the url: there may be a token in it.
Status check_webhook(const SettingTable& table, const Sink& sink) {
  if (!port::is_secret(sink.url) && !port::HttpClient::check_url(sink.url).ok()) {
    return wrong(table, "url",
                 "is no http(s) URL with a host, and no secret://env/, /file/ or /aws/");
  }
  for (const std::string& secret : sink.secrets) {
    if (!port::is_secret(secret)) {
      return wrong(table, "secrets",
                   "each is secret://env/NAME, secret://file/PATH or secret://aws/NAME#FIELD");
    }
  }
  return Done{};
}

Result<Sink> read_sink(const SettingTable& table) {
  Sink sink;
  sink.name = table.text("name");
  sink.path = table.text("path");
  sink.url = table.text("url");
  sink.timeout = table.duration("timeout");
  sink.secrets = table.list("secrets");
  sink.budgets = table.list("budgets");
  const std::string& kind = table.text("kind");
  if (kind == "file") {
    sink.kind = SinkKind::kFile;
    if (sink.path.empty()) return wrong(table, "path", "a file needs one");
  } else if (kind == "webhook") {
    sink.kind = SinkKind::kWebhook;
    if (auto good = check_webhook(table, sink); !good) return good.error();
  }
  if (kind == "sns") {
    sink.kind = SinkKind::kSns;
    sink.topic = table.text("topic");
    if (region_of_topic(sink.topic).empty()) {
      return wrong(table, "topic", "is no ARN of a topic: arn:aws:sns:REGION:ACCOUNT:NAME");
    }
  }
  auto kinds = read_kinds(table);
  if (!kinds) return kinds.error();
  sink.kinds = std::move(*kinds);
  auto severities = read_severities(table);
  if (!severities) return severities.error();
  sink.severities = std::move(*severities);
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
    config.sinks = {{.name = "stdout"},
                    {.name = "file", .kind = SinkKind::kFile, .path = data_dir + "/alerts.ndjson"}};
  }
  const SettingTable& own = settings.stage;
  config.follow_interval = own.duration("follow_interval");
  config.follow_max = static_cast<std::uint32_t>(own.whole("follow_max"));
  config.backoff_base = own.duration("backoff_base");
  config.backoff_max = own.duration("backoff_max");
  config.jobs_max = static_cast<std::uint32_t>(own.whole("jobs_max"));
  config.rescan_interval = own.duration("rescan_interval");
  config.group_wait = own.duration("group_wait");
  config.group_by = own.list("group_by");
  config.group_max = static_cast<std::uint32_t>(own.whole("group_max"));
  config.repeat_interval = own.duration("repeat_interval");
  config.give_up_after = static_cast<std::uint32_t>(own.whole("give_up_after"));
  config.silence_max = own.duration("silence_max");
  config.beat_interval = own.duration("heartbeat_interval");
  const std::string& beat_url = own.text("heartbeat_url");
  config.beats = !beat_url.empty();
  if (config.beats && !port::is_secret(beat_url) && !port::HttpClient::check_url(beat_url).ok()) {
    return Error{Trouble::kSettings, own.place_of("heartbeat_url").text() +
                                         ": heartbeat_url: is no http(s) URL and no secret://..."};
  }
  return config;
}

Result<std::vector<aws::NamedSecret>> secrets_of(const Settings& settings) {
  const auto tables = settings.tables("sink", kSinkRows);
  if (!tables) return tables.error();
  std::vector<aws::NamedSecret> named;
  aws::name_secrets(settings.stage, {"heartbeat_url"}, {}, named);
  for (const SettingTable& table : *tables) {
    aws::name_secrets(table, {"url"}, {"secrets"}, named);
  }
  return named;
}

}  // namespace sluice::alerter
