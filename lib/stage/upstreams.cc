#include "lib/stage/upstreams.h"

#include <algorithm>
#include <array>
#include <set>

#include "lib/base/check.h"

namespace sluice::stage {

namespace {

constexpr std::int64_t kNameMax = 64;

constexpr std::array kUpstreamRows = {
    SettingRow{.name = "name",
               .help = "Its name: the first part of keys.",
               .min = 1,
               .max = kNameMax,
               .required = true},
    SettingRow{.name = "url",
               .help = "Scheme, host, port and an optional path prefix.",
               .min = 8,
               .max = 2048,
               .required = true},
    SettingRow{.name = "path",
               .preset = "/",
               .help = "Where messages go that name no path.",
               .min = 1,
               .max = 8192},
    SettingRow{.name = "method",
               .preset = "POST",
               .help = "Of messages that name none.",
               .min = 1,
               .max = 16},
    SettingRow{.name = "methods",
               .type = SettingType::kList,
               .preset = "POST",
               .help = "Which methods a message may ask for.",
               .min = 1,
               .max = 16},
    SettingRow{.name = "headers",
               .type = SettingType::kList,
               .help = "Added to every request: [\"Name: value\"].",
               .max = 64},
    SettingRow{
        .name = "credential", .help = "secret://env/NAME or secret://file/PATH.", .max = 4096},
    SettingRow{.name = "credential_header",
               .preset = "Authorization",
               .help = "The header that carries the credential.",
               .min = 1,
               .max = 256},
    SettingRow{.name = "timeout",
               .type = SettingType::kDuration,
               .preset = "10s",
               .help = "Of one attempt, first byte to last.",
               .min = us(milliseconds(10)),
               .max = us(minutes(10)),
               .scaled = false},
    SettingRow{.name = "connect_timeout",
               .type = SettingType::kDuration,
               .preset = "3s",
               .help = "Until the connection stands.",
               .min = us(milliseconds(10)),
               .max = us(minutes(1))},
    SettingRow{.name = "keep_idle",
               .type = SettingType::kDuration,
               .preset = "2s",
               .help = "A connection idle longer is not used again.",
               .min = 0,
               .max = us(minutes(5))},
    SettingRow{.name = "in_flight",
               .type = SettingType::kWhole,
               .preset = "256",
               .help = "Attempts at the same time, each dispatcher.",
               .min = 1,
               .max = 100'000},
    SettingRow{.name = "in_flight_per_key",
               .type = SettingType::kWhole,
               .preset = "1",
               .help = "Attempts of one key at the same time.",
               .min = 1,
               .max = 1000},
    SettingRow{.name = "on_unknown",
               .type = SettingType::kOneOf,
               .preset = "resend",
               .help = "What becomes of a message whose fate cannot be known.",
               .words = "resend|dead"},
    SettingRow{.name = "attempts_max",
               .type = SettingType::kWhole,
               .preset = "5",
               .help = "Failed attempts until a message is dead.",
               .min = 1,
               .max = 1000},
    SettingRow{.name = "throttles_max",
               .type = SettingType::kWhole,
               .preset = "100",
               .help = "Throttled attempts until a message is dead.",
               .min = 1,
               .max = 100'000},
    SettingRow{.name = "backoff_base",
               .type = SettingType::kDuration,
               .preset = "5s",
               .help = "Wait after the first failure; doubles.",
               .min = us(milliseconds(1)),
               .max = us(hours(1)),
               .scaled = true},
    SettingRow{.name = "backoff_max",
               .type = SettingType::kDuration,
               .preset = "15min",
               .help = "The longest wait after a failure.",
               .min = us(milliseconds(1)),
               .max = us(hours(24)),
               .scaled = true},
    SettingRow{.name = "penalty_base",
               .type = SettingType::kDuration,
               .preset = "60s",
               .help = "Pause of a key that was throttled without Retry-After; doubles.",
               .min = us(milliseconds(1)),
               .max = us(hours(24)),
               .scaled = true},
    SettingRow{.name = "penalty_max",
               .type = SettingType::kDuration,
               .preset = "1h",
               .help = "The longest such pause.",
               .min = us(milliseconds(1)),
               .max = us(hours(24 * 7)),
               .scaled = true},
    SettingRow{.name = "unknown_hold",
               .type = SettingType::kDuration,
               .preset = "60s",
               .help = "How long after its lease an unanswered request may still arrive.",
               .min = us(milliseconds(1)),
               .max = us(hours(1)),
               .scaled = true},
    SettingRow{.name = "max_pause",
               .type = SettingType::kDuration,
               .preset = "60s",
               .help = "The longest that a process may be stopped and go on.",
               .min = us(milliseconds(1)),
               .max = us(hours(1)),
               .scaled = true},
    SettingRow{.name = "start_window",
               .type = SettingType::kDuration,
               .preset = "2s",
               .help = "A grant is to start within this.",
               .min = us(milliseconds(10)),
               .max = us(minutes(1)),
               .scaled = true},
    SettingRow{.name = "expires_after",
               .type = SettingType::kDuration,
               .preset = "4d",
               .help = "A message without expires_at lives so long.",
               .min = us(seconds(1)),
               .max = us(hours(24 * 14)),
               .scaled = true},
    SettingRow{
        .name = "ca_file", .help = "Certificates to trust; none: the system's.", .max = 4096},
};

constexpr std::array kLimitRows = {
    SettingRow{.name = "upstream",
               .help = "The name of its upstream.",
               .min = 1,
               .max = kNameMax,
               .required = true},
    SettingRow{.name = "name", .help = "Its name; none: made of n and window.", .max = kNameMax},
    SettingRow{.name = "scope",
               .type = SettingType::kOneOf,
               .preset = "key",
               .help = "Counted for each key, or for all of the upstream.",
               .words = "key|upstream"},
    SettingRow{.name = "n",
               .type = SettingType::kWhole,
               .preset = "10",
               .help = "Requests per window.",
               .min = 1,
               .max = 1'000'000},
    SettingRow{.name = "window",
               .type = SettingType::kDuration,
               .preset = "60s",
               .help = "Any closed window of this length.",
               .min = us(milliseconds(10)),
               .max = us(hours(24 * 31)),
               .scaled = true},
    SettingRow{.name = "burst",
               .type = SettingType::kWhole,
               .preset = "3",
               .help = "So many at once; at most n.",
               .min = 1,
               .max = 1'000'000},
    SettingRow{.name = "guard",
               .type = SettingType::kDuration,
               .preset = "1s",
               .help = "Kept free next to the window, for clocks and the closed edge.",
               .min = us(milliseconds(1)),
               .max = us(minutes(10)),
               .scaled = true},
};

Error wrong(const Place& place, const std::string& what) {
  return {Trouble::kSettings, place.text() + ": " + what};
}

std::string trimmed(std::string_view text) {
  const auto start = text.find_first_not_of(" \t");
  const auto end = text.find_last_not_of(" \t");
  return start == std::string_view::npos ? std::string()
                                         : std::string(text.substr(start, end - start + 1));
}

Result<std::vector<std::pair<std::string, std::string>>> read_headers(const SettingTable& table) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const std::string& line : table.list("headers")) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0) {
      return wrong(table.place_of("headers"), "headers: \"" + line + "\" is no \"Name: value\"");
    }
    headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  return headers;
}

Result<Upstream> read_upstream(const SettingTable& table) {
  Upstream into;
  into.name = table.text("name");
  into.url = table.text("url");
  if (!into.url.starts_with("http://") && !into.url.starts_with("https://")) {
    return wrong(table.place_of("url"), "url: must start with http:// or https://");
  }
  if (into.name.find_first_of(": \t\"") != std::string::npos) {
    return wrong(table.place_of("name"), "name: must have no colon, space or quote");
  }
  into.path = table.text("path");
  into.method = table.text("method");
  into.methods = table.list("methods");
  auto headers = read_headers(table);
  if (!headers) return headers.error();
  into.headers = std::move(*headers);
  into.credential = table.text("credential");
  if (!into.credential.empty() && !into.credential.starts_with("secret://env/") &&
      !into.credential.starts_with("secret://file/")) {
    return wrong(table.place_of("credential"),
                 "credential: must be secret://env/NAME or secret://file/PATH");
  }
  into.credential_header = table.text("credential_header");
  into.timeout = table.duration("timeout");
  into.connect_timeout = table.duration("connect_timeout");
  into.keep_idle = table.duration("keep_idle");
  into.in_flight = static_cast<std::uint32_t>(table.whole("in_flight"));
  into.in_flight_per_key = static_cast<std::uint32_t>(table.whole("in_flight_per_key"));
  into.on_unknown = table.text("on_unknown") == "dead" ? OnUnknown::kDead : OnUnknown::kResend;
  into.attempts_max = static_cast<std::uint32_t>(table.whole("attempts_max"));
  into.throttles_max = static_cast<std::uint32_t>(table.whole("throttles_max"));
  into.backoff_base = table.duration("backoff_base");
  into.backoff_max = table.duration("backoff_max");
  into.penalty_base = table.duration("penalty_base");
  into.penalty_max = table.duration("penalty_max");
  into.unknown_hold = table.duration("unknown_hold");
  into.max_pause = table.duration("max_pause");
  into.start_window = table.duration("start_window");
  into.expires_after = table.duration("expires_after");
  into.ca_file = table.text("ca_file");
  return into;
}

std::string limit_name(std::uint32_t n, Duration window) {
  return std::to_string(n) + " per " + print_duration(window);
}

Result<Limit> read_limit(const SettingTable& table) {
  Limit into;
  into.scope = table.text("scope") == "upstream" ? LimitScope::kUpstream : LimitScope::kKey;
  into.n = static_cast<std::uint32_t>(table.whole("n"));
  into.window = table.duration("window");
  into.burst = static_cast<std::uint32_t>(table.whole("burst"));
  into.guard = table.duration("guard");
  into.name = table.text("name").empty() ? limit_name(into.n, into.window) : table.text("name");
  if (into.burst > into.n) {
    if (table.given("burst")) return wrong(table.place_of("burst"), "burst: at most n");
    into.burst = into.n;
  }
  return into;
}

// A table that the file does not have: these members, and otherwise every default.
Result<SettingTable> preset_table(std::string_view name, std::span<const SettingRow> rows,
                                  SettingNode::Table members, const Settings& settings) {
  const SettingNode node{std::move(members), Place{"default", 0}};
  return SettingTable::check(rows, &node, name, settings.time_scale_millionths);
}

SettingMember member(std::string name, std::string text) {
  return {std::move(name), {std::move(text), Place{"default", 0}}};
}

Status read_limits(const std::vector<SettingTable>& tables, std::vector<Upstream>& upstreams) {
  for (const SettingTable& table : tables) {
    const auto upstream =
        std::find_if(upstreams.begin(), upstreams.end(),
                     [&](const Upstream& one) { return one.name == table.text("upstream"); });
    if (upstream == upstreams.end()) {
      return wrong(table.place_of("upstream"),
                   "upstream: there is no [[upstream]] named \"" + table.text("upstream") + "\"");
    }
    auto limit = read_limit(table);
    if (!limit) return limit.error();
    upstream->limits.push_back(std::move(*limit));
  }
  return Done{};
}

void mix(std::uint64_t& hash, std::string_view bytes) {  // FNV-1a
  for (const char c : bytes) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
  }
  hash = (hash ^ 0xffU) * 0x100000001b3U;
}

}  // namespace

Result<std::vector<SettingTable>> upstream_tables(const Settings& settings) {
  auto tables = settings.tables("upstream", kUpstreamRows);
  if (!tables || !tables->empty()) return tables;
  auto preset =
      preset_table("[[upstream]]", kUpstreamRows,
                   {member("name", "onlyfans"), member("url", "http://127.0.0.1:8090")}, settings);
  if (!preset) return preset.error();
  tables->push_back(std::move(*preset));
  return tables;
}

Result<std::vector<SettingTable>> limit_tables(const Settings& settings) {
  auto upstreams = upstream_tables(settings);
  if (!upstreams) return upstreams.error();
  auto tables = settings.tables("limit", kLimitRows);
  if (!tables) return tables;
  std::set<std::string> limited;
  for (const SettingTable& table : *tables) limited.insert(table.text("upstream"));
  for (const SettingTable& upstream : *upstreams) {
    if (limited.contains(upstream.text("name"))) continue;
    auto preset = preset_table("[[limit]]", kLimitRows, {member("upstream", upstream.text("name"))},
                               settings);
    if (!preset) return preset.error();
    tables->push_back(std::move(*preset));
  }
  return tables;
}

Result<std::vector<Upstream>> read_upstreams(const Settings& settings) {
  auto tables = upstream_tables(settings);
  if (!tables) return tables.error();
  std::vector<Upstream> upstreams;
  std::set<std::string> names;
  for (const SettingTable& table : *tables) {
    auto upstream = read_upstream(table);
    if (!upstream) return upstream.error();
    if (!names.insert(upstream->name).second) {
      return wrong(table.place(), "there are two [[upstream]] named \"" + upstream->name + "\"");
    }
    upstreams.push_back(std::move(*upstream));
  }
  auto limits = limit_tables(settings);
  if (!limits) return limits.error();
  if (auto read = read_limits(*limits, upstreams); !read) return read.error();
  return upstreams;
}

std::uint64_t limits_version(std::span<const Upstream> upstreams) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const Upstream& upstream : upstreams) {
    mix(hash, upstream.name);
    for (const Limit& limit : upstream.limits) {
      mix(hash, limit.name);
      for (const std::int64_t part :
           {std::int64_t{limit.n}, limit.window.us, std::int64_t{limit.burst}, limit.guard.us,
            limit.scope == LimitScope::kKey ? std::int64_t{1} : std::int64_t{2}}) {
        mix(hash, std::to_string(part));
      }
    }
  }
  return hash == 0 ? 1 : hash;
}

bool is_loopback_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  std::string_view host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (host.find('@') != std::string_view::npos) return false;
  if (host.starts_with("[::1]")) return host.size() == 5 || host[5] == ':';
  host = host.substr(0, host.find(':'));
  const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || (numeric && host.starts_with("127."));
}

}  // namespace sluice::stage
