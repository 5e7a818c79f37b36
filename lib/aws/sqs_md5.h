// The MD5s by which SQS says what it has of a message ("Amazon SQS message metadata", Developer
// Guide). Pure.
#pragma once

#include <string>

#include "lib/aws/sqs.h"

namespace sluice::aws::sqs {

// In hex. Empty: it is not known, of what is no UTF-8, which is sent with other bytes, or no
// base64; of no attributes; or without MD5 (FIPS).
std::string md5_of(const std::string& body);
std::string md5_of(const Attributes& attributes);

// False where either does not know.
inline bool differ(const std::string& said, const std::string& own) {
  return !said.empty() && !own.empty() && said != own;
}

}  // namespace sluice::aws::sqs
