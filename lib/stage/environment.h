// What a setting is called in the environment.
#pragma once

#include <string>
#include <string_view>

namespace sluice::stage {

// "ingest_listen" -> "SLUICE_INGEST_LISTEN"; whatever is no letter or digit is '_'.
std::string environment_name(std::string_view words);

}  // namespace sluice::stage
