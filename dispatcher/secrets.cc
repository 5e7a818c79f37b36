#include "dispatcher/secrets.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "dispatcher/lane.h"

namespace sluice::dispatcher {

namespace {

constexpr std::string_view kEnv = "secret://env/";
constexpr std::string_view kFile = "secret://file/";
constexpr std::int64_t kSecretMax = 64 * 1024;

Result<std::string> usable(std::string value, const std::string& reference) {
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  if (value.empty() || !is_field_value(value)) {
    return Error{Trouble::kUnavailable, reference + " is empty or has control characters"};
  }
  return value;
}

}  // namespace

Status check_secret(const std::string& reference) {
  const bool env = reference.starts_with(kEnv) && reference.size() > kEnv.size();
  const bool file = reference.starts_with(kFile) && reference.size() > kFile.size();
  if (env || file) return Done{};
  return Error{Trouble::kSettings, "a credential is secret://env/NAME or secret://file/PATH"};
}

Result<std::string> resolve_secret(const std::string& reference) {
  const Error away{Trouble::kUnavailable, reference + " cannot be read"};
  if (reference.starts_with(kEnv)) {
    const char* value = std::getenv(reference.c_str() + kEnv.size());
    return value == nullptr ? Result<std::string>(away) : usable(value, reference);
  }
  if (!reference.starts_with(kFile)) return away;
  const std::string path = reference.substr(kFile.size() - 1);
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size > kSecretMax) {
    return away;
  }
  std::ifstream file(path, std::ios::binary);
  std::string value(std::istreambuf_iterator<char>(file), {});
  return file ? usable(std::move(value), reference) : Result<std::string>(away);
}

}  // namespace sluice::dispatcher
