// The auditor's settings: [auditor], [[budget]], and the limits that all stages share.
#pragma once

#include <span>

#include "auditor/config.h"
#include "auditor/cost_items.h"
#include "auditor/s3_copies.h"
#include "auditor/sqlite_ledger.h"
#include "lib/base/settings.h"

namespace sluice::auditor {

std::span<const SettingRow> setting_rows();  // [auditor]
std::span<const SettingRow> budget_rows();   // [[budget]]

Result<Config> read_config(const Settings& settings);
Retention read_retention(const Settings& settings);
Result<CopiesConfig> read_copies(const Settings& settings);
// Without a name: costs are in the ledger's file.
CostTable read_cost_table(const Settings& settings);

// "100% actual", "80% forecast" -> Threshold.
Result<Threshold> parse_threshold(const std::string& text);

}  // namespace sluice::auditor
