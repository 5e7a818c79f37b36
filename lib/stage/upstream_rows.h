// The rows of [[upstream]], and what one such table says.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/settings.h"
#include "lib/base/upstream.h"

namespace sluice::stage {

inline constexpr std::int64_t kUpstreamNameMax = 64;

std::span<const SettingRow> upstream_rows();
Result<Upstream> read_upstream(const SettingTable& table);

}  // namespace sluice::stage
