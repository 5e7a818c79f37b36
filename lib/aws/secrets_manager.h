// Secrets Manager ("AWS Secrets Manager API Reference"). Pure.
#pragma once

#include <string>

#include "lib/aws/reply.h"
#include "lib/aws/request.h"

namespace sluice::aws::secrets_manager {

struct Secret {
  std::string value;  // text or bytes; never in a log
  std::string version;
};
// By name or ARN; its current version.
Request get_secret_value(const std::string& id);
// What cannot be read is not quoted.
Reply<Secret> read_secret(const Outcome& outcome);

// A member of a secret that is a JSON object, as the console makes them; the error names the field.
// kInvalid: it has none of that name; kCorrupt: it is no text (nor is null), or the secret is no
// JSON object.
Result<std::string> field_of(const Secret& secret, const std::string& field);

}  // namespace sluice::aws::secrets_manager
