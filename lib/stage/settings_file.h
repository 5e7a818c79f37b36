// A TOML file as a neutral tree that remembers lines. toml++ stays inside.
#pragma once

#include <string>

#include "lib/base/settings.h"

namespace sluice::stage {

// kSettings with file and line when it cannot be read or is no TOML.
Result<SettingNode> read_settings_file(const std::string& path);

}  // namespace sluice::stage
