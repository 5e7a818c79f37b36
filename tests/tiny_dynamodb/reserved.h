// Names that no expression may spell out.
#pragma once

#include <string>
#include <string_view>

namespace sluice::tiny {

bool is_reserved(std::string_view word);

}  // namespace sluice::tiny
