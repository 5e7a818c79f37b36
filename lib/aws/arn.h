// Amazon Resource Names ("AWS General Reference"). Pure.
#pragma once

#include <optional>
#include <string>

namespace sluice::aws {

// arn:aws:sns:eu-west-1:123456789012:name
struct Arn {
  std::string partition;
  std::string service;
  std::string region;   // empty: of none
  std::string account;  // as well
  std::string resource;
};
// Nothing: it is none.
std::optional<Arn> read_arn(const std::string& text);

}  // namespace sluice::aws
