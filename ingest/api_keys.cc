#include "ingest/api_keys.h"

#include "lib/digest/base64.h"
#include "lib/digest/digest.h"
#include "lib/digest/webhook_signature.h"

namespace sluice::ingest {

namespace {

constexpr std::string_view kScheme = "bearer ";
constexpr std::size_t kNameMax = 64;

}  // namespace

std::string_view word_of(Right right) {
  constexpr std::string_view kWords[] = {"none", "read", "control", "limits"};
  return kWords[static_cast<std::size_t>(right)];
}

std::optional<Right> right_of(std::string_view word) {
  for (const Right right : kRights) {
    if (word == word_of(right)) return right;
  }
  return {};
}

bool is_key_name(std::string_view text) {
  if (text.empty() || text.size() > kNameMax) return false;
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
         std::string_view::npos;
}

std::string token_of(std::string_view random) {
  std::string text = to_base64(random);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return "sluice_" + text;
}

std::string token_hash(std::string_view token) { return to_bytes(sha256(token)); }

const ApiKey* ApiKeys::find(std::string_view token) const {
  const std::string hash = token_hash(token);
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys_) {
    if (same_bytes(key.hash, hash) && key.revoked_at.us == 0) found = &key;
  }
  return found;
}

std::string_view bearer_token(std::string_view authorization) {
  if (authorization.size() <= kScheme.size()) return {};
  for (std::size_t at = 0; at < kScheme.size(); ++at) {
    const char c = authorization[at];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != kScheme[at]) return {};
  }
  std::string_view token = authorization.substr(kScheme.size());
  while (token.starts_with(' ')) token.remove_prefix(1);
  while (token.ends_with(' ')) token.remove_suffix(1);
  return token;
}

}  // namespace sluice::ingest
