// [[queue]] of sluice.toml: the queues of SQS that ingest empties.
#pragma once

#include <span>
#include <vector>

#include "ingest/settings.h"
#include "ingest/sqs_source.h"

namespace sluice::ingest {

std::span<const SettingRow> queue_rows();
// Of all [[queue]]: their messages' source.
Result<std::vector<std::string>> queue_names(const Settings& settings);
// Where a queue's documents have things is what [source] says, but for what its own table does.
Result<std::vector<SqsSettings>> read_queues(const Settings& settings, const Config& config,
                                             const Pointers& source);

}  // namespace sluice::ingest
