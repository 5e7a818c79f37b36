// [[upstream]] and [[limit]] of sluice.toml -> lib/base/upstream.h. Shared by ingest, limiter and
// dispatcher, so that all three read the same file alike. Spans come out scaled. Where an upstream
// is, the environment may say over the file: SLUICE_UPSTREAM_<NAME>_URL.
#pragma once

#include <span>
#include <vector>

#include "lib/base/settings.h"
#include "lib/base/upstream.h"

namespace sluice::stage {

// Without any [[upstream]]: "onlyfans" at http://127.0.0.1:8090, 10 per 60 s, burst 3. An upstream
// without [[limit]] has that same limit: never none.
Result<std::vector<Upstream>> read_upstreams(const Settings& settings);

// The limits of one upstream, each a table with the rows of [[limit]]; `upstream` need not be said.
// An error begins with the place of what is wrong.
Result<std::vector<Limit>> read_limits(const std::string& upstream, std::vector<SettingNode> rows,
                                       std::int64_t scale_millionths);

// True for http(s)://127.x.x.x, [::1] and localhost, whatever the port.
bool is_loopback_url(std::string_view url);

std::span<const SettingRow> limit_rows();

// The same as tables, for --print-settings: those of the file and those that stand in for none.
Result<std::vector<SettingTable>> upstream_tables(const Settings& settings);
Result<std::vector<SettingTable>> limit_tables(const Settings& settings);

}  // namespace sluice::stage
