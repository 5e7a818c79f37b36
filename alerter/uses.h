// What sluice-alerter calls of AWS (lib/aws/uses.h); its secrets have a list of their own.
#pragma once

#include "lib/aws/uses.h"

namespace sluice::alerter {

// Sinks of the kind "sns", and alerts_table.
inline constexpr std::array kUses{
    aws::Use{"Topics", "sns", "PublishBatch"},
    aws::Use{"AlertsTable", "dynamodb", "PutItem"},
};

}  // namespace sluice::alerter
