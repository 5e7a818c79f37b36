// Settings: one row per setting says its name, type, default, bounds and help. The parser, --help,
// --print-settings, the manual pages and the simulation's extremes all read the same rows. Pure;
// lib/stage reads the file, the flags and the environment into SettingNode and hands them here.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/result.h"

namespace sluice {

enum class SettingType : std::uint8_t {
  kFlag,   // true, false
  kWhole,  // 10_000; also 256KiB, 1MiB, 2GiB; with `words`, which is then one word for 0, also it
  kDuration,  // "250ms", "10s", "5min", "2h", "14d"
  kRatio,     // 0.1; held as millionths
  kText,
  kOneOf,  // one of `words`, which are separated by '|'
  kList,   // ["a", "b"]; in a flag or the environment a,b
};

// A constant of the program: rows live in constexpr tables. Views point to literals.
struct SettingRow {
  std::string_view name;  // snake_case; the flag is --name (or --na-me)
  SettingType type = SettingType::kText;
  std::string_view preset = {};  // the default, written as in the file, without quotes
  std::string_view help = {};    // one sentence, without the default and the bounds
  std::int64_t min = 0;  // kWhole; kDuration in us; kRatio in millionths; kText, kList: length
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string_view words = {};
  bool scaled = false;    // multiplied by time_scale when read; bounds are those of what is written
  bool secret = false;    // never printed: a file or environment variable holds it
  bool required = false;  // has no default
};
constexpr std::int64_t us(Duration span) { return span.us; }  // for min and max

// Where something was written: "sluice.toml:12", "--listen", "SLUICE_LIMITER_LISTEN".
struct Place {
  std::string file;
  int line = 0;  // 0: not a file
  [[nodiscard]] std::string text() const;
};

struct SettingMember;

// A value as the file has it, neutral of TOML.
struct SettingNode {
  using Array = std::vector<SettingNode>;
  using Table = std::vector<SettingMember>;  // in the file's order
  using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table>;
  Value value;
  Place place;

  // Written out, because a table's members are complete only below.
  SettingNode();
  SettingNode(Value is, Place where);
  SettingNode(const SettingNode&);
  SettingNode(SettingNode&&) noexcept;
  SettingNode& operator=(const SettingNode&);
  SettingNode& operator=(SettingNode&&) noexcept;
  ~SettingNode();

  // A member of a table; nullptr when this is no table or has none of that name.
  [[nodiscard]] const SettingNode* find(std::string_view name) const;
};

struct SettingMember {
  std::string name;
  SettingNode node;
};

using SettingValue = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

// One value, checked against its row. The error names the place, the setting, and what is allowed.
Result<SettingValue> check_setting(const SettingRow& row, const SettingNode& node);
// As it would be written in the file, quotes included. Secrets: "(secret)".
std::string print_setting(const SettingRow& row, const SettingValue& value);
// "10s, at least 1s, at most 1h": the type, bounds and default of a row, for --help.
std::string describe_setting(const SettingRow& row);

// "1500ms" <-> Duration.
Result<Duration> parse_duration(std::string_view text);
std::string print_duration(Duration span);

// The checked values of one table. Asking for a name that has no row is our bug (CHECK).
class SettingTable {
 public:
  // `node`: the table in the file, or nullptr: all defaults. Unknown names are refused ("did you
  // mean ..."). Rows marked `scaled` are multiplied by scale_millionths.
  static Result<SettingTable> check(std::span<const SettingRow> rows, const SettingNode* node,
                                    std::string_view table_name, std::int64_t scale_millionths);

  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] std::int64_t whole(std::string_view name) const;
  [[nodiscard]] Duration duration(std::string_view name) const;  // scaled already
  [[nodiscard]] std::int64_t millionths(std::string_view name) const;
  [[nodiscard]] const std::string& text(std::string_view name) const;  // kText, kOneOf
  [[nodiscard]] const std::vector<std::string>& list(std::string_view name) const;
  [[nodiscard]] bool given(std::string_view name) const;  // not the default

  [[nodiscard]] const Place& place() const { return place_; }
  [[nodiscard]] Place place_of(std::string_view name) const;
  // One later layer over these values (the environment, then flags); same checks.
  Status set(std::string_view name, const SettingNode& node);
  // The names of the settings that have another value there; both tables are of the same rows.
  [[nodiscard]] std::vector<std::string> differences(const SettingTable& other) const;
  // "name = value" lines for --print-settings, with what was scaled already scaled.
  [[nodiscard]] std::string print() const;

 private:
  struct Held {
    const SettingRow* row = nullptr;
    SettingValue value;
    Place place;
    bool given = false;
  };
  [[nodiscard]] const Held& held(std::string_view name, SettingType type) const;
  Status put(const SettingRow& row, const SettingNode& node);

  std::vector<Held> held_;
  Place place_;
  std::int64_t scale_millionths_ = 1'000'000;
};

// Whole file and tables of one process. Read by lib/stage; used by shells to make their Config.
struct Settings {
  SettingTable shared;  // [sluice]: data_dir, time_scale, log ...
  SettingTable stage;   // [limiter] ...: the stage's own rows and those that every stage has
  SettingNode tree;     // the whole file, for tables such as [[upstream]]; others' are not checked
  std::int64_t time_scale_millionths = 1'000'000;

  // A span of limits, leases, holds or back-offs, as the process shall use it.
  [[nodiscard]] Duration scaled(Duration span) const;
  // Every [[name]] of the file (or the one [name]), checked against these rows; none: empty.
  [[nodiscard]] Result<std::vector<SettingTable>> tables(std::string_view name,
                                                         std::span<const SettingRow> rows) const;
};

// The candidate nearest to `name`, if it is near: for "did you mean".
std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace sluice
