// [aws] of sluice.toml -> SessionSettings: what every stage that calls AWS shares.
#pragma once

#include <span>

#include "lib/aws/session.h"
#include "lib/base/settings.h"

namespace sluice::aws {

std::span<const SettingRow> setting_rows();
Result<SessionSettings> read_settings(const Settings& settings);

}  // namespace sluice::aws
