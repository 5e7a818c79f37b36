#include "dispatcher/secrets.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

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

Status Secrets::check(const std::string& reference) {
  const bool env = reference.starts_with(kEnv) && reference.size() > kEnv.size();
  const bool file = reference.starts_with(kFile) && reference.size() > kFile.size();
  if (env || file) return Done{};
  return Error{Trouble::kSettings, "a credential is secret://env/NAME or secret://file/PATH"};
}

Result<std::string> Secrets::resolve(const std::string& reference) {
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
  Read now{facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec,
           facts.st_size,
           facts.st_ino,
           {}};
  Read& last = files_[reference];
  now.value = last.value;
  if (now == last) return usable(last.value, reference);
  std::ifstream file(path, std::ios::binary);
  now.value.assign(std::istreambuf_iterator<char>(file), {});
  if (!file) return away;
  last = now;
  return usable(last.value, reference);
}

}  // namespace sluice::dispatcher
