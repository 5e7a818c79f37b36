// How a profile says that its keys are come by ("Assume role credential provider" and its
// neighbours, AWS SDKs and Tools Reference Guide). Pure.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "lib/aws/credentials.h"
#include "lib/aws/profile_file.h"
#include "lib/base/instant.h"
#include "lib/base/result.h"

namespace sluice::aws {

struct StaticKeys {
  Keys keys;
};
struct CredentialProcess {
  std::string command;  // its words, quoted as for a shell
};
struct WebIdentity {
  std::string role_arn;
  std::string token_file;
  std::string session_name;
};
enum class CredentialSource { kEnvironment, kEcsContainer, kEc2InstanceMetadata };

struct AssumedRole {
  std::string role_arn;
  std::string external_id;  // may be empty
  std::string session_name;
  Duration lasts = hours(1);
};

// Where the first keys come from, and the roles that are assumed with them, one after the other.
struct ProfilePlan {
  std::variant<StaticKeys, CredentialProcess, WebIdentity, CredentialSource> first;
  std::vector<AssumedRole> roles;
};

// kUnavailable: the profile says nothing of keys. kSettings, naming profile and setting: it says
// something that cannot be, such as a source_profile that is not there or leads back to itself.
Result<ProfilePlan> plan_of(const Profiles& profiles, const std::string& name);

}  // namespace sluice::aws
