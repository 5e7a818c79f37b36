#include "lib/digest/webhook_signature.h"

#include <algorithm>

#include "lib/digest/base64.h"
#include "lib/digest/digest.h"

namespace sluice {

namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kSecretMin = 16;

std::int64_t whole_seconds(StoreTime at) { return at.us / 1'000'000; }

std::string one_signature(const std::string& secret, const WebhookContent& content) {
  std::string text(content.id);
  text += "." + std::to_string(whole_seconds(content.at)) + ".";
  text += content.body;
  return "v1," + to_base64(to_bytes(hmac_sha256(secret, text)));
}

}  // namespace

Result<std::string> read_webhook_secret(std::string_view written) {
  std::string secret(written);
  if (written.starts_with(kPrefix)) {
    auto bytes = from_base64(written.substr(kPrefix.size()));
    if (!bytes) {
      return Error{Trouble::kSettings, "the secret begins with whsec_ and is no base64 after it"};
    }
    secret = std::move(*bytes);
  }
  if (secret.size() < kSecretMin) {
    return Error{Trouble::kSettings, "the secret has " + std::to_string(secret.size()) +
                                         " bytes, at least " + std::to_string(kSecretMin) +
                                         " are needed (24 to 64 are usual)"};
  }
  return secret;
}

std::string webhook_signature(std::span<const std::string> secrets, const WebhookContent& content) {
  std::string all;
  for (const std::string& secret : secrets) {
    all += (all.empty() ? "" : " ") + one_signature(secret, content);
  }
  return all;
}

std::vector<std::string> webhook_header_lines(std::span<const std::string> secrets,
                                              const WebhookContent& content) {
  std::vector<std::string> lines = {
      "webhook-id: " + std::string(content.id),
      "webhook-timestamp: " + std::to_string(whole_seconds(content.at))};
  if (!secrets.empty()) {
    lines.push_back("webhook-signature: " + webhook_signature(secrets, content));
  }
  return lines;
}

bool same_bytes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t at = 0; at < a.size(); ++at) {
    difference |= static_cast<unsigned char>(a[at]) ^
                  static_cast<unsigned>(static_cast<unsigned char>(b[at]));
  }
  // Volatile, so that no compiler leaves the loop at the first difference.
  const volatile unsigned seen = difference;
  return seen == 0;
}

bool webhook_signature_holds(std::span<const std::string> secrets, const WebhookContent& content,
                             std::string_view signature) {
  bool holds = false;
  while (!signature.empty()) {
    const std::size_t end = std::min(signature.find(' '), signature.size());
    const std::string_view one = signature.substr(0, end);
    signature.remove_prefix(std::min(end + 1, signature.size()));
    for (const std::string& secret : secrets) {
      holds = same_bytes(one, one_signature(secret, content)) || holds;
    }
  }
  return holds;
}

}  // namespace sluice
