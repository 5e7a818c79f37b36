// Keys with an end, and the documents that bring them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/aws/sigv4.h"
#include "lib/base/instant.h"
#include "lib/base/result.h"

namespace sluice::aws {

struct Credentials {
  Keys keys;
  std::optional<StoreTime> expires;  // nothing: never
};

// What brings keys says them under names of its own.
enum class CredentialDocument {
  kMetadata,  // of an ECS task or an EC2 instance: Token, Code
  kProcess,   // what a credential_process prints: Version 1, SessionToken
  kRole,      // STS: Credentials of AssumeRole and AssumeRoleWithWebIdentity
};

// kInvalid says what is missing, and never a value.
Result<Credentials> read_credentials(CredentialDocument kind, std::string_view json);

}  // namespace sluice::aws
