#include "dispatcher/secrets.h"

#include <string_view>

#include "lib/digest/digest.h"

namespace sluice::dispatcher {

namespace {

constexpr std::string_view kFile = "secret://file/";
constexpr std::string_view kKey = "{key}";
constexpr std::size_t kNameMax = 200;  // a file's name may have 255 bytes

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
  const bool in_path = reference.starts_with(kFile) || port::is_aws_secret(reference);
  const std::string name = in_path ? file_name_of(field) : variable_of(field);
  std::string written(reference);
  for (std::size_t at = 0; (at = written.find(kKey, at)) != std::string::npos; at += name.size()) {
    written.replace(at, kKey.size(), name);
  }
  return written;
}

Result<std::string> resolve_for_key(const KeySecret& secret, std::string_view field,
                                    const port::ReadSecret& read) {
  const std::string own = reference_for(secret.reference, field);
  if (secret.fallback.empty()) return read(own);
  const std::string shared = reference_for(secret.fallback, field);
  if (!port::is_aws_secret(own)) return read(port::secret_exists(own) ? own : shared);
  auto value = read(own);
  const bool none = !value && value.error().code == Trouble::kInvalid;
  return none ? read(shared) : value;
}

Status check_secret(const std::string& reference) {
  if (port::is_secret(reference)) return Done{};
  return Error{Trouble::kSettings,
               "a credential is secret://env/NAME, secret://file/PATH or secret://aws/NAME#FIELD"};
}

}  // namespace sluice::dispatcher
