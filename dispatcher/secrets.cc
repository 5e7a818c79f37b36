#include "dispatcher/secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "dispatcher/lane.h"
#include "lib/digest/digest.h"
#include "lib/port/unique_fd.h"

namespace sluice::dispatcher {

namespace {

constexpr std::string_view kEnv = "secret://env/";
constexpr std::string_view kFile = "secret://file/";
constexpr std::string_view kKey = "{key}";
constexpr std::size_t kNameMax = 200;  // a file's name may have 255 bytes
constexpr std::int64_t kSecretMax = 64 * 1024;

Result<std::string> usable(std::string value, const std::string& reference) {
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  if (value.empty() || !is_field_value(value)) {
    return Error{Trouble::kUnavailable, reference + " is empty or has control characters"};
  }
  return value;
}

bool is_alphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

void escape(char c, char mark, std::string& into) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  into += {mark, kDigits[byte >> 4U], kDigits[byte & 15U]};
}

// No '/', no NUL, not "", "." or "..".
std::string file_name_of(std::string_view field) {
  std::string name;
  for (const char c : field) {
    const bool plain = is_alphanumeric(c) || c == '_' || c == '-' || (c == '.' && !name.empty());
    plain ? name.push_back(c) : escape(c, '%', name);
  }
  if (name.size() > kNameMax) name = "%sha256-" + to_hex(to_bytes(sha256(field)));
  return name.empty() ? "%" : name;
}

std::string variable_of(std::string_view field) {
  std::string name;
  for (const char c : field) is_alphanumeric(c) ? name.push_back(c) : escape(c, '_', name);
  return name;
}

}  // namespace

bool is_per_key(std::string_view reference) { return reference.find(kKey) != std::string::npos; }

std::string reference_for(std::string_view reference, std::string_view field) {
  const std::string name = reference.starts_with(kFile) ? file_name_of(field) : variable_of(field);
  std::string written(reference);
  for (std::size_t at = 0; (at = written.find(kKey, at)) != std::string::npos; at += name.size()) {
    written.replace(at, kKey.size(), name);
  }
  return written;
}

bool secret_exists(const std::string& reference) {
  if (reference.starts_with(kEnv)) return std::getenv(reference.c_str() + kEnv.size()) != nullptr;
  struct stat facts {};
  const std::string path = reference.substr(kFile.size() - 1);
  return stat(path.c_str(), &facts) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

Result<std::string> resolve_for_key(const std::string& reference, const std::string& fallback,
                                    std::string_view field) {
  const std::string own = reference_for(reference, field);
  const bool use_own = fallback.empty() || secret_exists(own);
  return resolve_secret(use_own ? own : reference_for(fallback, field));
}

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
  // Not by a stream: this is done for each attempt.
  const port::UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (!file.open() || fstat(file.get(), &facts) != 0) return away;
  if (!S_ISREG(facts.st_mode) || facts.st_size > kSecretMax) return away;
  std::string value(static_cast<std::size_t>(facts.st_size), '\0');
  const ssize_t got = read(file.get(), value.data(), value.size());
  if (got < 0) return away;
  value.resize(static_cast<std::size_t>(got));
  return usable(std::move(value), reference);
}

}  // namespace sluice::dispatcher
