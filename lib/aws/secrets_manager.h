// Secrets Manager ("AWS Secrets Manager API Reference"). Pure.
#pragma once

#include <map>
#include <optional>
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

// The members of a secret that is a JSON object, as the console makes them; nothing: it is none.
// Nothing for a member: it is no text (nor is null).
using Fields = std::map<std::string, std::optional<std::string>>;
std::optional<Fields> fields_of(const Secret& secret);
// The error names the field. kInvalid: there is none of that name; kCorrupt: it is no text, or the
// secret is no JSON object.
Result<std::string> field_of(const std::optional<Fields>& fields, const std::string& field);

}  // namespace sluice::aws::secrets_manager
