#include "lib/stage/upstreams.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "lib/base/check.h"
#include "lib/stage/environment.h"
#include "lib/stage/upstream_rows.h"
#include "lib/wire/valid.h"

namespace sluice::stage {

namespace {

constexpr std::array kLimitRows = {
    SettingRow{.name = "upstream",
               .help = "The name of its upstream.",
               .min = 1,
               .max = kUpstreamNameMax,
               .required = true},
    SettingRow{
        .name = "name", .help = "Its name; none: made of n and window.", .max = kUpstreamNameMax},
    SettingRow{.name = "kind",
               .type = SettingType::kOneOf,
               .preset = "rate",
               .help = "rate: n per window. concurrency: n at the same time.",
               .words = "rate|concurrency"},
    SettingRow{.name = "scope",
               .type = SettingType::kOneOf,
               .preset = "key",
               .help = "Counted for each key, or for all of the upstream.",
               .words = "key|upstream"},
    SettingRow{.name = "n",
               .type = SettingType::kWhole,
               .preset = "10",
               .help = "Requests per window, or at the same time; a message counts its cost.",
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
    SettingRow{.name = "shadow",
               .type = SettingType::kFlag,
               .preset = "false",
               .help = "Refuse nothing: count what would have been refused."},
};

Error wrong(const Place& place, const std::string& what) {
  return {Trouble::kSettings, place.text() + ": " + what};
}

std::string limit_name(const Limit& limit) {
  const std::string n = std::to_string(limit.n);
  if (limit.kind == LimitKind::kConcurrency) return n + " at once";
  return n + " per " + print_duration(limit.window);
}

Result<Limit> read_limit(const SettingTable& table) {
  Limit into;
  into.scope = table.text("scope") == "upstream" ? LimitScope::kUpstream : LimitScope::kKey;
  into.kind = table.text("kind") == "concurrency" ? LimitKind::kConcurrency : LimitKind::kRate;
  into.n = static_cast<std::uint32_t>(table.whole("n"));
  into.window = table.duration("window");
  into.burst = static_cast<std::uint32_t>(table.whole("burst"));
  into.guard = table.duration("guard");
  into.shadow = table.flag("shadow");
  into.name = table.text("name").empty() ? limit_name(into) : table.text("name");
  if (const char* trouble = wire::text_trouble(into.name)) {
    return wrong(table.place_of("name"), std::string("name: ") + trouble);
  }
  if (into.kind == LimitKind::kConcurrency) {
    for (const char* name : {"window", "burst", "guard"}) {
      if (table.given(name)) {
        return wrong(table.place_of(name), std::string(name) + ": not for kind = \"concurrency\"");
      }
    }
  }
  if (into.burst > into.n) {
    if (table.given("burst") && into.kind == LimitKind::kRate) {
      return wrong(table.place_of("burst"), "burst: at most n");
    }
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

// One file serves wherever the same API is at another place.
Status set_urls_from_environment(std::vector<SettingTable>& upstreams) {
  for (SettingTable& table : upstreams) {
    const std::string name = environment_name("upstream_" + table.text("name") + "_url");
    const char* url = std::getenv(name.c_str());
    if (url == nullptr) continue;
    if (auto set = table.set("url", {std::string(url), {name, 0}}); !set) return set;
  }
  return Done{};
}

Status assign_limits(const std::vector<SettingTable>& tables, std::vector<Upstream>& upstreams) {
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
    const auto& others = upstream->limits;
    if (std::any_of(others.begin(), others.end(),
                    [&](const Limit& other) { return other.name == limit->name; })) {
      return wrong(table.place(), "upstream \"" + upstream->name + "\" has two [[limit]] named \"" +
                                      limit->name + "\": give one another name");
    }
    if (others.size() >= wire::kLimitsMax) {
      return wrong(table.place(), "upstream \"" + upstream->name + "\" has more than " +
                                      std::to_string(wire::kLimitsMax) + " limits");
    }
    upstream->limits.push_back(std::move(*limit));
  }
  return Done{};
}

}  // namespace

Result<std::vector<SettingTable>> upstream_tables(const Settings& settings) {
  auto tables = settings.tables("upstream", upstream_rows());
  if (!tables) return tables;
  if (tables->empty()) {
    auto preset = preset_table("[[upstream]]", upstream_rows(),
                               {member("name", "onlyfans"), member("url", "http://127.0.0.1:8090")},
                               settings);
    if (!preset) return preset.error();
    tables->push_back(std::move(*preset));
  }
  if (auto set = set_urls_from_environment(*tables); !set) return set.error();
  return tables;
}

std::span<const SettingRow> limit_rows() { return kLimitRows; }

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
  if (auto read = assign_limits(*limits, upstreams); !read) return read.error();
  return upstreams;
}

Result<std::vector<Limit>> read_limits(const std::string& upstream, std::vector<SettingNode> rows,
                                       std::int64_t scale_millionths) {
  std::vector<SettingTable> tables;
  for (SettingNode& row : rows) {
    if (auto* members = std::get_if<SettingNode::Table>(&row.value);
        members != nullptr && row.find("upstream") == nullptr) {
      members->push_back({"upstream", {upstream, row.place}});
    }
    auto table = SettingTable::check(kLimitRows, &row, "a limit", scale_millionths);
    if (!table) return table.error();
    tables.push_back(std::move(*table));
  }
  std::vector<Upstream> only(1);
  only[0].name = upstream;
  if (auto read = assign_limits(tables, only); !read) return read.error();
  return std::move(only[0].limits);
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
