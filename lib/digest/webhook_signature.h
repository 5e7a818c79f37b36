// Signatures of requests that we make, as the Standard Webhooks specification 1.0.0 has them
// (https://github.com/standard-webhooks/standard-webhooks): HMAC-SHA-256 over
// `id.timestamp.body`, base64, with the prefix `v1,`. Whoever verifies refuses a timestamp that is
// far from its own clock, so that a request that was overheard is worth nothing later. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/result.h"

namespace sluice {

// A secret as it is written -> its bytes: `whsec_` and base64, or the text itself. kSettings when
// it is empty, too short to be one (less than 16 bytes) or no base64; the error never quotes it.
Result<std::string> read_webhook_secret(std::string_view written);

// What is signed. The id is the same each time that it is sent; no '.' is in it.
struct WebhookContent {
  std::string_view id;
  StoreTime at;  // of this attempt; whole seconds are signed
  std::string_view body;
};

// One signature for each secret, separated by a space: while secrets are changed, two are set.
// Empty without secrets.
std::string webhook_signature(std::span<const std::string> secrets, const WebhookContent& content);

// "webhook-id: ...", "webhook-timestamp: ..." and, with secrets, "webhook-signature: ...".
std::vector<std::string> webhook_header_lines(std::span<const std::string> secrets,
                                              const WebhookContent& content);

// Whether `signature` (of one or more, by space) has one that any of the secrets makes; compared in
// a time that does not depend on where they differ.
bool webhook_signature_holds(std::span<const std::string> secrets, const WebhookContent& content,
                             std::string_view signature);

// Whether they are equal, in a time that depends on their lengths alone.
bool same_bytes(std::string_view a, std::string_view b);

}  // namespace sluice
