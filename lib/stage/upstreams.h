// [[upstream]] and [[limit]] of sluice.toml -> lib/base/upstream.h. Shared by ingest, limiter and
// dispatcher, so that all three read the same file alike. Spans come out scaled.
#pragma once

#include <span>
#include <vector>

#include "lib/base/settings.h"
#include "lib/base/upstream.h"

namespace sluice::stage {

// Without any [[upstream]]: "onlyfans" at http://127.0.0.1:8090, 10 per 60 s, burst 3. An upstream
// without [[limit]] has that same limit: never none.
Result<std::vector<Upstream>> read_upstreams(const Settings& settings);

// Of which settings the limits were made: changes when any of them does. Never 0.
std::uint64_t limits_version(std::span<const Upstream> upstreams);

// True for http(s)://127.x.x.x, [::1] and localhost, whatever the port.
bool is_loopback_url(std::string_view url);

std::span<const SettingRow> limit_rows();

// The same as tables, for --print-settings: those of the file and those that stand in for none.
Result<std::vector<SettingTable>> upstream_tables(const Settings& settings);
Result<std::vector<SettingTable>> limit_tables(const Settings& settings);

}  // namespace sluice::stage
