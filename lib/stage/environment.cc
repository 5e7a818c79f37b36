#include "lib/stage/environment.h"

#include <cctype>

namespace sluice::stage {

std::string environment_name(std::string_view words) {
  std::string text = "SLUICE_";
  for (const char c : words) {
    const auto letter = static_cast<unsigned char>(c);
    text += std::isalnum(letter) != 0 ? static_cast<char>(std::toupper(letter)) : '_';
  }
  return text;
}

}  // namespace sluice::stage
