// Why a shard of the store is closed, as limiters say it to people: in the trail, the log and
// metrics.
#pragma once

#include <array>
#include <string_view>

namespace sluice::wire {

// A line of kHold whose reason begins so is of a closure; one of the words follows.
inline constexpr std::string_view kClosureSays = "closure: ";

// In the order of the limiter's ClosedBy.
inline constexpr std::array<std::string_view, 6> kClosureWords = {
    "", "first", "life", "clock_back", "clock_contradicts", "spans"};

}  // namespace sluice::wire
