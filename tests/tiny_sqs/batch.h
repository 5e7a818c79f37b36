// The entries of a batch, each with a fate of its own.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>

namespace sluice::tiny_sqs {

using nlohmann::json;

// {"Successful": [...], "Failed": [...]}: what `run` says of each entry, with its Id, or the Fault
// that it throws. Throws Fault when the batch as a whole is none.
json each_of(const json& request, const std::function<json(const json& entry)>& run);
// Of a request that has none: none.
const json& entries_of(const json& request);

}  // namespace sluice::tiny_sqs
