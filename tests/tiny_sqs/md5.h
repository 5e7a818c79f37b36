// MD5 (RFC 1321), which AWS's SDKs compare of each body.
#pragma once

#include <string>
#include <string_view>

namespace sluice::tiny_sqs {

std::string md5_hex(std::string_view bytes);

}  // namespace sluice::tiny_sqs
