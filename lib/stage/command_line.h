// The flags of a stage: one per row, and those that every program has. CLI11 stays inside.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/settings.h"

namespace sluice::stage {

struct CommandLine {
  std::string settings_file;  // --settings; empty: none
  bool print_settings = false;
  bool check = false;
  bool describe = false;
  std::vector<std::pair<std::string, std::string>> given;  // row name, text
};

struct Program {
  std::string name;  // "sluice-limiter"
  std::string what;
  std::vector<SettingRow> rows;  // all that may be given as flags
  std::vector<std::string_view> verbs = {};
};

// The parsed flags; or an exit code, when --help or --version was answered or the usage was wrong
// and that was said.
std::variant<CommandLine, int> parse_command_line(const Program& program, int argc,
                                                  const char* const* argv);

inline constexpr const char* kProgramVersion = "0.1.0";

}  // namespace sluice::stage
