#include "lib/stage/boot.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <iostream>
#include <set>

#include "lib/port/link_address.h"
#include "lib/port/listen_socket.h"
#include "lib/stage/command_line.h"
#include "lib/stage/describe.h"
#include "lib/stage/environment.h"
#include "lib/stage/settings_file.h"
#include "lib/stage/upstream_rows.h"
#include "lib/stage/upstreams.h"

// jemalloc reads this by its name: one thread needs one arena, and what a burst took is given back
// after a second (docs/decisions/0009).
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0";
}

namespace sluice::stage {

namespace {

constexpr std::array kSharedRows = {
    SettingRow{.name = "data_dir",
               .preset = "data",
               .help = "Where everything durable is kept.",
               .min = 1,
               .max = 4096},
    SettingRow{.name = "time_scale",
               .type = SettingType::kRatio,
               .preset = "1.0",
               .help =
                   "Multiplies every time of limits, leases, holds and back-offs: for demos and "
                   "tests, refused unless every upstream is loopback.",
               .min = 1000,
               .max = 10'000'000},
    SettingRow{.name = "log_format",
               .type = SettingType::kOneOf,
               .preset = "human",
               .help = "For people or for machines.",
               .words = "human|json"},
    SettingRow{.name = "log_level",
               .type = SettingType::kOneOf,
               .preset = "info",
               .help = "The least that is logged.",
               .words = "debug|info|warning|error"},
};

// Tables that a file may have; a new one is added here.
constexpr std::array<std::string_view, 15> kTables = {
    "sluice", "ingest", "limiter", "dispatcher", "auditor", "alerter", "upstream", "limit",
    "budget", "sink",   "source",  "price",      "queue",   "aws",     "api_key"};

constexpr SettingRow kInstanceRow{.name = "instance",
                                  .preset = "1",
                                  .help = "Which of several of its kind this is; each has its own.",
                                  .min = 1,
                                  .max = 32};
constexpr SettingRow kStopRow{.name = "stop_timeout",
                              .type = SettingType::kDuration,
                              .preset = "30s",
                              .help = "How long it may take to stop in order.",
                              .min = us(milliseconds(100)),
                              .max = us(minutes(30))};
constexpr SettingRow kListenRow{.name = "listen",
                                .type = SettingType::kList,
                                .help =
                                    "Addresses of links that others dial: ipc:///path or "
                                    "tcp://127.0.0.1:port; none: ipc in the data directory.",
                                .max = 8};

SettingRow health_row(const StageInfo& info) {
  return {.name = "health_listen",
          .preset = info.health_listen,
          .help = "Address and port of /healthz, /readyz and /metrics.",
          .min = 1,
          .max = 128};
}

std::string_view plural(wire::Role role) {
  switch (role) {
    case wire::Role::kLimiter:
      return "limiters";
    case wire::Role::kDispatcher:
      return "dispatchers";
    case wire::Role::kAuditor:
      return "auditors";
    case wire::Role::kIngest:
      return "ingests";
    case wire::Role::kAlerter:
      return "alerters";
  }
  return {};
}

SettingRow dial_row(wire::Role role) {
  return {.name = plural(role),
          .type = SettingType::kList,
          .help =
              "Their addresses: ipc:///path, tcp://host:port or dns:name:port; none: ipc in the "
              "data directory.",
          .max = 256};
}

// All rows of the stage's own table. One program is one stage: made once, and kept.
const std::vector<SettingRow>& rows_of(const StageInfo& info) {
  static std::vector<SettingRow> rows;
  if (!rows.empty()) return rows;
  rows.assign(info.rows.begin(), info.rows.end());
  rows.push_back(kInstanceRow);
  rows.push_back(kStopRow);
  rows.push_back(health_row(info));
  if (!info.takes.empty()) rows.push_back(kListenRow);
  for (const wire::Role role : info.dials) rows.push_back(dial_row(role));
  return rows;
}

Status check_tables(const SettingNode& tree) {
  const auto* tables = std::get_if<SettingNode::Table>(&tree.value);
  if (tables == nullptr) return Done{};
  for (const auto& [name, node] : *tables) {
    if (std::find(kTables.begin(), kTables.end(), name) != kTables.end()) continue;
    std::string what = node.place.text() + ": there is no table or setting \"" + name + "\" here";
    const auto near = nearest(name, kTables);
    if (!near.empty()) what += "; did you mean [" + std::string(near) + "]?";
    return Error{Trouble::kSettings, what};
  }
  return Done{};
}

Status set_from_environment(SettingTable& table, std::span<const SettingRow> rows,
                            std::string_view prefix) {
  for (const SettingRow& row : rows) {
    const std::string name = environment_name(std::string(prefix) + std::string(row.name));
    const char* text = std::getenv(name.c_str());
    if (text == nullptr) continue;
    if (auto set = table.set(row.name, {std::string(text), {name, 0}}); !set) return set;
  }
  return Done{};
}

Status set_from_flags(SettingTable& table, std::span<const SettingRow> rows,
                      const CommandLine& line) {
  for (const auto& [name, text] : line.given) {
    const bool mine =
        std::any_of(rows.begin(), rows.end(),
                    [&wanted = name](const SettingRow& row) { return row.name == wanted; });
    if (!mine) continue;
    if (auto set = table.set(name, {text, {"--" + name, 0}}); !set) return set;
  }
  return Done{};
}

// One table, all its layers: the file, then the environment, then flags.
Result<SettingTable> read_layers(std::string_view name, std::span<const SettingRow> rows,
                                 const Settings& settings, const CommandLine& line) {
  auto table = SettingTable::check(rows, settings.tree.find(name), "[" + std::string(name) + "]",
                                   settings.time_scale_millionths);
  if (!table) return table;
  const std::string prefix = name == "sluice" ? "" : std::string(name) + "_";
  if (auto set = set_from_environment(*table, rows, prefix); !set) return set.error();
  if (auto set = set_from_flags(*table, rows, line); !set) return set.error();
  return table;
}

Status check_scale(const Settings& settings) {
  auto upstreams = read_upstreams(settings);
  if (!upstreams) return upstreams.error();
  if (settings.time_scale_millionths == 1'000'000) return Done{};
  for (const Upstream& upstream : *upstreams) {
    if (is_loopback_url(upstream.url)) continue;
    return Error{Trouble::kSettings, settings.shared.place_of("time_scale").text() +
                                         ": time_scale: refused, because upstream \"" +
                                         upstream.name +
                                         "\" is not loopback: its own limits are not scaled"};
  }
  return Done{};
}

// A name that is part of paths, routing ids and log lines.
Status check_instance(const Settings& settings) {
  const std::string& name = settings.stage.text("instance");
  const bool word = std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (word && !name.starts_with('.')) return Done{};
  return Error{Trouble::kSettings, settings.stage.place_of("instance").text() +
                                       ": instance: made of letters, digits, '-', '_' and '.'"};
}

Status check_addresses(const StageInfo& info, const Settings& settings) {
  const auto with_place = [&](std::string_view row, const Error& wrong) {
    return Error{wrong.code,
                 settings.stage.place_of(row).text() + ": " + std::string(row) + ": " + wrong.what};
  };
  if (auto right = port::check_listen(settings.stage.text("health_listen")); !right) {
    return with_place("health_listen", right.error());
  }
  for (const std::string& address : listen_addresses(info, settings)) {
    if (auto right = port::check_link_address(address); !right) {
      return with_place("listen", right.error());
    }
  }
  for (const wire::Role role : info.dials) {
    for (const std::string& address : dial_addresses(role, settings)) {
      if (auto right = port::check_link_address(address); !right) {
        return with_place(plural(role), right.error());
      }
    }
  }
  return Done{};
}

Result<Settings> read_settings(const StageInfo& info, const CommandLine& line) {
  Settings settings;
  if (!line.settings_file.empty()) {
    auto tree = read_settings_file(line.settings_file);
    if (!tree) return tree.error();
    settings.tree = std::move(*tree);
  }
  if (auto known = check_tables(settings.tree); !known) return known.error();
  auto shared = read_layers("sluice", kSharedRows, settings, line);
  if (!shared) return shared.error();
  settings.shared = std::move(*shared);
  settings.time_scale_millionths = settings.shared.millionths("time_scale");
  auto own = read_layers(info.name, rows_of(info), settings, line);
  if (!own) return own.error();
  settings.stage = std::move(*own);
  if (auto word = check_instance(settings); !word) return word.error();
  if (auto right = check_addresses(info, settings); !right) return right.error();
  if (auto scale = check_scale(settings); !scale) return scale.error();
  return settings;
}

void print_tables(std::string_view name, const Result<std::vector<SettingTable>>& tables) {
  if (!tables) return;
  for (const SettingTable& table : *tables) {
    std::cout << "\n[[" << name << "]]\n" << table.print();
  }
}

void print_settings(const StageInfo& info, const Settings& settings) {
  std::cout << "[sluice]\n" << settings.shared.print();
  std::cout << "\n[" << info.name << "]\n" << settings.stage.print();
  print_tables("upstream", upstream_tables(settings));
  print_tables("limit", limit_tables(settings));
  for (const TableRows& table : info.tables) {
    print_tables(table.name, settings.tables(table.name, table.rows));
  }
}

// As docs/settings.md has it.
void describe_settings(const StageInfo& info) {
  std::cout << describe_table("[" + std::string(info.name) + "]", rows_of(info))
            << describe_table("[sluice]", kSharedRows)
            << describe_table("[[upstream]]", upstream_rows())
            << describe_table("[[limit]]", limit_rows());
  for (const TableRows& table : info.tables) {
    std::cout << describe_table("[[" + std::string(table.name) + "]]", table.rows);
  }
}

Program program_of(const StageInfo& info) {
  Program program{program_name(info), std::string(info.what), rows_of(info), info.verbs};
  program.rows.insert(program.rows.end(), kSharedRows.begin(), kSharedRows.end());
  return program;
}

}  // namespace

std::variant<Settings, int> boot(const StageInfo& info, int argc, const char* const* argv,
                                 const std::function<Status(const Settings&)>& check) {
  const Program program = program_of(info);
  auto parsed = parse_command_line(program, argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const auto& line = std::get<CommandLine>(parsed);
  if (line.describe) {
    describe_settings(info);
    return 0;
  }
  auto settings = read_settings(info, line);
  if (!settings) return fail(program.name, settings.error());
  if (check) {
    if (auto checked = check(*settings); !checked) return fail(program.name, checked.error());
  }
  if (line.print_settings) {
    print_settings(info, *settings);
    return 0;
  }
  if (line.check) {
    std::cout << program.name << ": the settings are right\n";
    return 0;
  }
  return std::move(*settings);
}

Result<Settings> read_settings_again(const StageInfo& info, int argc, const char* const* argv,
                                     const std::function<Status(const Settings&)>& check) {
  auto parsed = parse_command_line(program_of(info), argc, argv);
  const auto* line = std::get_if<CommandLine>(&parsed);
  if (line == nullptr) return Error{Trouble::kUsage, "the command line is wrong"};
  auto settings = read_settings(info, *line);
  if (!settings) return settings.error();
  if (check) {
    if (auto checked = check(*settings); !checked) return checked.error();
  }
  return settings;
}

int exit_code(Trouble trouble) {
  switch (trouble) {
    case Trouble::kUsage:
      return 64;
    case Trouble::kSettings:
      return 78;
    default:
      return 75;
  }
}

int fail(std::string_view program, const Error& error) {
  std::cerr << program << ": " << error.what << "\n";
  return exit_code(error.code);
}

std::string program_name(const StageInfo& info) { return "sluice-" + std::string(info.name); }

std::string_view name_of(wire::Role role) {
  const std::string_view many = plural(role);
  return many.substr(0, many.size() - 1);
}

// The first of several goes without a number, as if it were alone.
std::string suffix_of(const Settings& settings) {
  const std::string& instance = settings.stage.text("instance");
  return instance == "1" ? "" : "-" + instance;
}

std::string stage_directory(const StageInfo& info, const Settings& settings) {
  std::string path = settings.shared.text("data_dir") + "/" + std::string(info.name);
  if (info.many) path += suffix_of(settings);
  return path;
}

std::vector<std::string> listen_addresses(const StageInfo& info, const Settings& settings) {
  if (info.takes.empty()) return {};
  if (!settings.stage.list("listen").empty()) return settings.stage.list("listen");
  return {"ipc://" + settings.shared.text("data_dir") + "/run/" + std::string(info.name) +
          suffix_of(settings) + ".sock"};
}

std::vector<std::string> dial_addresses(wire::Role role, const Settings& settings) {
  const auto& given = settings.stage.list(plural(role));
  if (!given.empty()) return given;
  return {"ipc://" + settings.shared.text("data_dir") + "/run/" + std::string(name_of(role)) +
          ".sock"};
}

}  // namespace sluice::stage
