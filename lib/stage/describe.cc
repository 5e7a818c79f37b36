#include "lib/stage/describe.h"

namespace sluice::stage {

namespace {

// A bar would end the cell.
std::string cell(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '|') safe += '\\';
    safe += c;
  }
  return safe;
}

}  // namespace

std::string describe_table(std::string_view name, std::span<const SettingRow> rows) {
  std::string text = "\n## `" + std::string(name) + "`\n\n| name | is | value |\n|---|---|---|\n";
  for (const SettingRow& row : rows) {
    text += "| `" + std::string(row.name) + "` | " + cell(row.help) + " | " +
            cell(describe_setting(row)) + (row.scaled ? "; scaled" : "") +
            (row.secret ? "; never a flag" : "") + " |\n";
  }
  return text;
}

}  // namespace sluice::stage
