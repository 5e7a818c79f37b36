#include "dispatcher/secrets.h"

#include <string_view>

#include "lib/digest/digest.h"
#include "lib/port/secrets.h"

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
  const std::string name = reference.starts_with(kFile) ? file_name_of(field) : variable_of(field);
  std::string written(reference);
  for (std::size_t at = 0; (at = written.find(kKey, at)) != std::string::npos; at += name.size()) {
    written.replace(at, kKey.size(), name);
  }
  return written;
}

Result<std::string> resolve_for_key(const std::string& reference, const std::string& fallback,
                                    std::string_view field) {
  const std::string own = reference_for(reference, field);
  const bool use_own = fallback.empty() || port::secret_exists(own);
  return port::resolve_secret(use_own ? own : reference_for(fallback, field));
}

Status check_secret(const std::string& reference) {
  if (port::is_secret(reference)) return Done{};
  return Error{Trouble::kSettings, "a credential is secret://env/NAME or secret://file/PATH"};
}

}  // namespace sluice::dispatcher
