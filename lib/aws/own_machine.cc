#include "lib/aws/own_machine.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "lib/port/files.h"

namespace sluice::aws {

namespace {

constexpr std::uintmax_t kFileMax = 1U << 20U;

}  // namespace

std::string OwnMachine::variable(const std::string& name) const {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

Result<std::string> OwnMachine::file(const std::string& path) const {
  std::error_code trouble;
  const std::uintmax_t size = std::filesystem::file_size(path, trouble);
  if (trouble) {
    return Error{Trouble::kUnavailable, path + ": cannot be read: " + trouble.message()};
  }
  if (size > kFileMax) return Error{Trouble::kUnavailable, path + ": is larger than 1 MiB"};
  return port::read_whole(path);
}

void OwnMachine::run(const std::string& command, std::function<void(Result<std::string>)> done) {
  auto words = port::words_of(command);
  if (!words.ok()) return done(Error{Trouble::kUnavailable, words.error().what});
  commands_.run(std::move(*words), {}, std::move(done));
}

}  // namespace sluice::aws
