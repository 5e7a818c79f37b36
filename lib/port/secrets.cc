#include "lib/port/secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "lib/port/unique_fd.h"

namespace sluice::port {

namespace {

constexpr std::string_view kEnv = "secret://env/";
constexpr std::string_view kFile = "secret://file/";
constexpr std::string_view kAws = "secret://aws/";
constexpr std::int64_t kSecretMax = 64 * 1024;

// It may stand in a header field: one line, without blanks at its ends.
bool is_one_line(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (blank(text.front()) || blank(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

std::string path_of(const std::string& reference) { return reference.substr(kFile.size() - 1); }

}  // namespace

Result<std::string> usable_secret(std::string value, const std::string& reference) {
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  if (value.empty() || !is_one_line(value)) {
    return Error{Trouble::kUnavailable, reference + " is empty or has control characters"};
  }
  return value;
}

bool is_secret(std::string_view text) {
  return (text.starts_with(kEnv) && text.size() > kEnv.size()) ||
         (text.starts_with(kFile) && text.size() > kFile.size()) || is_aws_secret(text);
}

bool is_aws_secret(std::string_view text) {
  if (!text.starts_with(kAws)) return false;
  text.remove_prefix(kAws.size());
  return !text.empty() && text.front() != '#' && text.back() != '#';
}

bool secret_exists(const std::string& reference) {
  if (reference.starts_with(kEnv)) return std::getenv(reference.c_str() + kEnv.size()) != nullptr;
  struct stat facts {};
  return stat(path_of(reference).c_str(), &facts) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

Result<std::string> resolve_secret(const std::string& reference) {
  const Error away{Trouble::kUnavailable, reference + " cannot be read"};
  if (reference.starts_with(kEnv)) {
    const char* value = std::getenv(reference.c_str() + kEnv.size());
    return value == nullptr ? Result<std::string>(away) : usable_secret(value, reference);
  }
  if (!reference.starts_with(kFile)) return away;
  // Not by a stream: this is done for each attempt.
  const UniqueFd file(open(path_of(reference).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (!file.open() || fstat(file.get(), &facts) != 0) return away;
  if (!S_ISREG(facts.st_mode) || facts.st_size > kSecretMax) return away;
  std::string value(static_cast<std::size_t>(facts.st_size), '\0');
  const ssize_t got = read(file.get(), value.data(), value.size());
  if (got < 0) return away;
  value.resize(static_cast<std::size_t>(got));
  return usable_secret(std::move(value), reference);
}

}  // namespace sluice::port
