// The bytes of an answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/upstream/behaviour.h"

namespace sluice::upstream {

// IMF-fixdate (RFC 9110 5.6.7).
std::string http_date(std::int64_t unix_s);

// `unix_s` is what this server believes the time to be.
std::string answer_bytes(const Behaviour& behaviour, std::int64_t unix_s, bool keep_alive);
std::string plain_bytes(unsigned status, std::string_view type, std::string_view body,
                        bool keep_alive);

}  // namespace sluice::upstream
