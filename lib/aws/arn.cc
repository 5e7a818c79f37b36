#include "lib/aws/arn.h"

#include <array>

namespace sluice::aws {

std::optional<Arn> read_arn(const std::string& text) {
  std::array<std::string, 5> parts;  // before the resource, which may have colons
  std::size_t from = 0;
  for (std::string& part : parts) {
    const std::size_t colon = text.find(':', from);
    if (colon == std::string::npos) return {};
    part = text.substr(from, colon - from);
    from = colon + 1;
  }
  Arn arn{parts[1], parts[2], parts[3], parts[4], text.substr(from)};
  if (parts[0] != "arn" || arn.service.empty() || arn.resource.empty()) return {};
  return arn;
}

}  // namespace sluice::aws
