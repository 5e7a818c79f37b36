#include "auditor/settings.h"

#include <algorithm>
#include <array>
#include <set>

#include "lib/aws/s3.h"
#include "lib/base/money.h"
#include "lib/stage/upstreams.h"

namespace sluice::auditor {
namespace {

constexpr std::int64_t kCopiedMax = 256LL * 1024 * 1024;           // a copy is in memory as a whole
constexpr std::int64_t kBudgetMax = 100'000'000 * kNanoPerDollar;  // USD 100 million

constexpr std::array kRows = {
    SettingRow{.name = "pending_max",
               .type = SettingType::kWhole,
               .preset = "20000",
               .help = "Records and costs that may wait to be written.",
               .min = 100,
               .max = 1'000'000},
    SettingRow{.name = "batch_max",
               .type = SettingType::kWhole,
               .preset = "2000",
               .help = "Records and costs that are written at once.",
               .min = 1,
               .max = 100'000},
    SettingRow{.name = "segment_bytes_max",
               .type = SettingType::kWhole,
               .preset = "16MiB",
               .help = "A segment of the trail is sealed when it is longer.",
               .min = 4096,
               .max = 1LL << 40},
    SettingRow{.name = "segment_age_max",
               .type = SettingType::kDuration,
               .preset = "1d",
               .help = "A segment that is older is sealed before the next line.",
               .min = us(minutes(1)),
               .max = us(hours(24 * 400))},
    SettingRow{.name = "trail_bucket",
               .help = "The bucket of S3 that sealed segments are copied to; none: nowhere.",
               .max = 63},
    SettingRow{
        .name = "trail_prefix", .help = "What their keys begin with: \"trail/\".", .max = 512},
    SettingRow{.name = "trail_encryption",
               .type = SettingType::kOneOf,
               .preset = "bucket",
               .help = "Their encryption in S3; bucket: as the bucket has it.",
               .words = "bucket|AES256|aws:kms"},
    SettingRow{.name = "trail_kms_key",
               .help = "Of aws:kms, the key's ARN; none: the account's own.",
               .max = 2048},
    SettingRow{.name = "trail_lock",
               .type = SettingType::kOneOf,
               .preset = "none",
               .help = "Their Object Lock, where the bucket has it on.",
               .words = "none|governance|compliance"},
    SettingRow{.name = "trail_lock_for",
               .type = SettingType::kDuration,
               .preset = "365d",
               .help = "How long each is locked, from when it is copied.",
               .min = us(hours(24)),
               .max = us(hours(24 * 36'500))},
    SettingRow{.name = "trail_copy_late",
               .type = SettingType::kDuration,
               .preset = "1h",
               .help = "An alert when a sealed segment has no copy for longer.",
               .min = us(minutes(1)),
               .max = us(hours(24 * 30))},
    SettingRow{.name = "watch_keys_max",
               .type = SettingType::kWhole,
               .preset = "100000",
               .help = "Keys whose last attempts the watch remembers.",
               .min = 100,
               .max = 10'000'000},
    SettingRow{.name = "watch_attempts_max",
               .type = SettingType::kWhole,
               .preset = "1000000",
               .help = "Attempts of all keys together that the watch remembers.",
               .min = 1'000,
               .max = 100'000'000},
    SettingRow{.name = "figures_window",
               .type = SettingType::kDuration,
               .preset = "1h",
               .help = "Over how long the share of dead messages and the delays are counted.",
               .min = us(minutes(1)),
               .max = us(hours(24))},
    SettingRow{.name = "dead_share_max",
               .type = SettingType::kRatio,
               .preset = "0.01",
               .help = "An alert when this share of the messages that ended is dead, or more.",
               .min = 1,
               .max = 1'000'000},
    SettingRow{.name = "dead_share_from",
               .type = SettingType::kWhole,
               .preset = "100",
               .help = "Messages that ended in figures_window; fewer raise no alert.",
               .min = 1,
               .max = 1'000'000'000},
    SettingRow{
        .name = "start_delay_max",
        .type = SettingType::kDuration,
        .preset = "500ms",
        .help = "An alert when 1 % of the attempts start so long after they could, or later.",
        .min = us(milliseconds(1)),
        .max = us(hours(1)),
        .scaled = true},
    SettingRow{.name = "start_delay_from",
               .type = SettingType::kWhole,
               .preset = "1000",
               .help = "Attempts in figures_window; fewer raise no alert.",
               .min = 1,
               .max = 1'000'000'000},
    SettingRow{.name = "held_max",
               .type = SettingType::kDuration,
               .preset = "300s",
               .help = "An alert when a message that could go waits longer for Sluice itself.",
               .min = us(seconds(1)),
               .max = us(hours(24)),
               .scaled = true},
    SettingRow{.name = "dead_letters_max",
               .type = SettingType::kWhole,
               .preset = "10",
               .help = "An alert when more dead letters lie than this.",
               .min = 0,
               .max = 1'000'000'000},
    SettingRow{.name = "long_penalty",
               .type = SettingType::kDuration,
               .preset = "1h",
               .help = "An alert when an upstream closes a key for longer.",
               .min = us(seconds(1)),
               .max = us(hours(24 * 365)),
               .scaled = true},
    SettingRow{.name = "keep_records",
               .type = SettingType::kDuration,
               .preset = "30d",
               .help = "How long a record that is said again is known; the trail itself stays.",
               .min = us(hours(24)),
               .max = us(hours(24 * 3650))},
    SettingRow{.name = "ledger",
               .type = SettingType::kOneOf,
               .preset = "sqlite",
               .help = "Where costs are: sqlite in the data directory, or a table of DynamoDB.",
               .words = "sqlite|dynamodb"},
    SettingRow{.name = "costs_table",
               .preset = "huntaze-ai-costs-production",
               .help = "Of ledger = \"dynamodb\": the table's name.",
               .min = 3,
               .max = 255},
    SettingRow{.name = "keep_days",
               .type = SettingType::kDuration,
               .preset = "90d",
               .help = "Of ledger = \"dynamodb\": how long the sums of a day are kept.",
               .min = us(hours(24 * 32)),
               .max = us(hours(24 * 3650))},
    SettingRow{
        .name = "keep_events",
        .type = SettingType::kDuration,
        .preset = "400d",
        .help =
            "How long a cost that is said again is known, from when it was booked; the sums stay.",
        .min = us(hours(24)),
        .max = us(hours(24 * 3650))},
};

constexpr std::array kBudgetRows = {
    SettingRow{.name = "name", .help = "Its name.", .min = 1, .max = 64, .required = true},
    SettingRow{.name = "amount",
               .help = "USD that may be spent in the period, as text: \"500.00\".",
               .min = 1,
               .max = 32,
               .required = true},
    SettingRow{.name = "period",
               .type = SettingType::kOneOf,
               .preset = "month",
               .help = "Months are UTC.",
               .words = "month"},
    SettingRow{.name = "providers",
               .type = SettingType::kList,
               .help = "Whose costs count; none: all.",
               .max = 256},
    SettingRow{.name = "alert_at",
               .type = SettingType::kList,
               .preset = "80% forecast,100% actual",
               .help = "Shares of the amount that raise an alert, once per period each.",
               .max = 16},
    SettingRow{.name = "forecast_from",
               .type = SettingType::kDuration,
               .preset = "3d",
               .help = "So long a period says nothing of its end: its forecast is what was spent.",
               .min = us(hours(1)),
               .max = us(hours(24 * 28))},
};

Error wrong(const SettingTable& table, std::string_view name, const std::string& why) {
  return {Trouble::kSettings,
          table.place_of(name).text() + ": [[budget]] " + std::string(name) + ": " + why};
}

Result<Budget> read_budget(const SettingTable& table) {
  Budget budget;
  budget.name = table.text("name");
  const auto amount = parse_dollars(table.text("amount"));
  if (!amount) return wrong(table, "amount", amount.error().what);
  if (*amount < 1 || *amount > kBudgetMax) {
    return wrong(table, "amount", "more than 0, at most 100000000");
  }
  budget.amount_nano = *amount;
  budget.providers = table.list("providers");
  budget.forecast_from = table.duration("forecast_from");
  budget.thresholds.clear();
  for (const std::string& text : table.list("alert_at")) {
    const auto threshold = parse_threshold(text);
    if (!threshold) return wrong(table, "alert_at", threshold.error().what);
    budget.thresholds.push_back(*threshold);
  }
  return budget;
}

std::uint32_t whole32(const SettingTable& table, std::string_view name) {
  return static_cast<std::uint32_t>(table.whole(name));
}

Bounds read_bounds(const SettingTable& own) {
  Bounds bounds;
  bounds.window = own.duration("figures_window");
  bounds.dead_millionths = static_cast<std::uint32_t>(own.millionths("dead_share_max"));
  bounds.dead_from = whole32(own, "dead_share_from");
  bounds.start_delay = own.duration("start_delay_max");
  bounds.start_delay_from = whole32(own, "start_delay_from");
  bounds.held = own.duration("held_max");
  bounds.dead_letters = whole32(own, "dead_letters_max");
  bounds.long_penalty = own.duration("long_penalty");
  bounds.uncopied = own.duration("trail_copy_late");
  return bounds;
}

}  // namespace

std::span<const SettingRow> setting_rows() { return kRows; }
std::span<const SettingRow> budget_rows() { return kBudgetRows; }

Result<Threshold> parse_threshold(const std::string& text) {
  const Error error{
      Trouble::kSettings,
      "\"" + text + "\" is not of the form \"100% actual\" or \"80% forecast\" (1% to 1000%)"};
  const std::size_t percent = text.find('%');
  const std::string basis = text.substr(std::min(percent, text.size()));
  const bool forecasts = basis == "% forecast";
  if (percent == 0 || percent > 4 || (basis != "% actual" && !forecasts)) return error;
  Threshold threshold{forecasts ? Basis::kForecast : Basis::kActual, 0};
  for (const char c : text.substr(0, percent)) {
    if (c < '0' || c > '9') return error;
    threshold.percent = threshold.percent * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (threshold.percent < 1 || threshold.percent > 1000) return error;
  return threshold;
}

Result<Config> read_config(const Settings& settings) {
  Config config;
  auto upstreams = stage::read_upstreams(settings);
  if (!upstreams) return upstreams.error();
  config.upstreams = std::move(*upstreams);
  const auto budgets = settings.tables("budget", kBudgetRows);
  if (!budgets) return budgets.error();
  if (!budgets->empty()) config.budgets.clear();
  std::set<std::string> names;
  for (const SettingTable& table : *budgets) {
    auto budget = read_budget(table);
    if (!budget) return budget.error();
    if (!names.insert(budget->name).second) {
      return wrong(table, "name", "there are two of the name \"" + budget->name + "\"");
    }
    config.budgets.push_back(std::move(*budget));
  }
  const SettingTable& own = settings.stage;
  config.pending_max = whole32(own, "pending_max");
  config.batch_max = whole32(own, "batch_max");
  config.segment_bytes_max = static_cast<std::uint64_t>(own.whole("segment_bytes_max"));
  config.segment_age_max = own.duration("segment_age_max");
  config.watch_keys_max = whole32(own, "watch_keys_max");
  config.watch_attempts_max = whole32(own, "watch_attempts_max");
  config.bounds = read_bounds(own);
  // A call of AWS may be said three times before it is given up.
  if (own.text("ledger") == "dynamodb") config.call_timeout = minutes(1);
  return config;
}

CostTable read_cost_table(const Settings& settings) {
  CostTable table;
  if (settings.stage.text("ledger") != "dynamodb") return table;
  table.name = settings.stage.text("costs_table");
  table.keep_events = settings.stage.duration("keep_events");
  table.keep_days = settings.stage.duration("keep_days");
  return table;
}

Result<CopiesConfig> read_copies(const Settings& settings) {
  const SettingTable& own = settings.stage;
  CopiesConfig copies;
  copies.bucket = own.text("trail_bucket");
  if (copies.bucket.empty()) return copies;
  const auto wrong = [&own](std::string_view name, const std::string& why) {
    return Error{Trouble::kSettings,
                 own.place_of(name).text() + ": " + std::string(name) + ": " + why};
  };
  copies.prefix = own.text("trail_prefix");
  if (const auto good = aws::s3::check_bucket(copies.bucket); !good) {
    return wrong("trail_bucket", good.error().what);
  }
  if (const auto good = aws::s3::check_key(copy_key(copies.prefix, 1)); !good) {
    return wrong("trail_prefix", good.error().what);
  }
  if (own.whole("segment_bytes_max") > kCopiedMax) {
    return wrong("segment_bytes_max", "at most 256MiB where segments are copied to S3");
  }
  const std::string& encryption = own.text("trail_encryption");
  if (encryption != "bucket") copies.encryption = encryption;
  copies.kms_key = own.text("trail_kms_key");
  if (!copies.kms_key.empty() && encryption != "aws:kms") {
    return wrong("trail_kms_key", "is for trail_encryption = \"aws:kms\"");
  }
  using Mode = aws::s3::Lock::Mode;
  const std::string& lock = own.text("trail_lock");
  if (lock != "none") copies.lock = lock == "compliance" ? Mode::kCompliance : Mode::kGovernance;
  copies.lock_for = own.duration("trail_lock_for");
  return copies;
}

Retention read_retention(const Settings& settings) {
  Retention retention;
  retention.records = settings.stage.duration("keep_records");
  retention.events = settings.stage.duration("keep_events");
  return retention;
}

}  // namespace sluice::auditor
