#include "alerter/secrets.h"

#include <cstdlib>
#include <fstream>
#include <string_view>

namespace sluice::alerter {
namespace {

constexpr std::string_view kEnv = "secret://env/";
constexpr std::string_view kFile = "secret://file/";

}  // namespace

bool is_secret(const std::string& text) {
  return (text.starts_with(kEnv) && text.size() > kEnv.size()) ||
         (text.starts_with(kFile) && text.size() > kFile.size());
}

Result<std::string> resolve_secret(const std::string& reference) {
  std::string value;
  if (reference.starts_with(kEnv)) {
    const char* found = std::getenv(reference.c_str() + kEnv.size());
    if (found != nullptr) value = found;
  } else if (reference.starts_with(kFile)) {
    std::ifstream file(reference.substr(kFile.size() - 1), std::ios::binary);
    std::getline(file, value);
  }
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n')) value.pop_back();
  if (value.empty()) return Error{Trouble::kUnavailable, reference + " cannot be read or is empty"};
  return value;
}

}  // namespace sluice::alerter
