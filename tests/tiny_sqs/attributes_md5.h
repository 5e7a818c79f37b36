// The MD5 by which SQS says what it has of a message's attributes ("Amazon SQS message metadata",
// Developer Guide).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::tiny_sqs {

// Empty: there are none.
std::string md5_of_attributes(const nlohmann::json& attributes);

}  // namespace sluice::tiny_sqs
