// A table of settings as people read it: docs/settings.md is made of these.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/base/settings.h"

namespace sluice::stage {

// Markdown: the table's name as a heading, a line for each row.
std::string describe_table(std::string_view name, std::span<const SettingRow> rows);

}  // namespace sluice::stage
