// `statuses` and `abnormal` of [[upstream]]: what an answer means. Only upstream_rows.cc reads
// them.
//
//   rule    = status ":" what
//   status  = three digits | a digit and "xx" | "*"
#pragma once

#include "lib/base/settings.h"
#include "lib/base/upstream.h"

namespace sluice::stage {

// Says which rule is wrong, where it stands and what would be right.
Status read_answer_rules(const SettingTable& table, Upstream& into);

}  // namespace sluice::stage
