// What the limiter knows of a message or a key, as JSON and as sentences for a person.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "limiter/core.h"

namespace sluice::limiter {

// The words for a Wait, by its number: metrics, JSON and people read the same.
inline constexpr std::array<std::string_view, 19> kWaits = {"",
                                                            "none",
                                                            "not_before",
                                                            "backoff",
                                                            "behind",
                                                            "in_flight",
                                                            "window_full",
                                                            "pacing",
                                                            "paused",
                                                            "penalty",
                                                            "breaker",
                                                            "closure",
                                                            "upstream_full",
                                                            "no_dispatcher",
                                                            "store_down",
                                                            "auditor_away",
                                                            "underway",
                                                            "clock_unsure",
                                                            "unloaded"};

std::string_view word_of(wire::Wait why);

// "a, b".
std::string joined(const std::vector<std::string>& names);

// One object, ended by a line feed.
std::string json_of(const Explained& explained);

// The same as sentences for a person.
std::string sentences_of(const Explained& explained);

}  // namespace sluice::limiter
