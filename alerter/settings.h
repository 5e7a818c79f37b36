// The alerter's settings: [alerter] and [[sink]].
#pragma once

#include <span>
#include <string>

#include "alerter/config.h"
#include "lib/aws/secrets.h"
#include "lib/base/settings.h"

namespace sluice::alerter {

std::span<const SettingRow> setting_rows();  // [alerter]
std::span<const SettingRow> sink_rows();     // [[sink]]

// Without any [[sink]]: standard output, and alerts.ndjson in `data_dir`.
Result<Config> read_config(const Settings& settings, const std::string& data_dir);

// Of sinks and of the heartbeat.
Result<std::vector<aws::NamedSecret>> secrets_of(const Settings& settings);

}  // namespace sluice::alerter
