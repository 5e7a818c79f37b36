// AWS's profile files ("Configuration and credential file settings", AWS SDKs and Tools Reference
// Guide): ~/.aws/config, whose sections are [default], [profile NAME] and [services NAME], and
// ~/.aws/credentials, whose sections are names. Pure; the bytes are an argument.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sluice::aws {

using Profile = std::map<std::string, std::string>;  // by the setting's name, in lower case
using Profiles = std::map<std::string, Profile>;

// Where a [services NAME] is among them: no profile can be called so. Its settings are named after
// service and setting: "sqs.endpoint_url".
std::string services_key(const std::string& name);

enum class ProfileFile { kConfig, kCredentials };

// Adds to `into` what `text` says; a setting that is there already gives way to the later one, so
// read the credentials last. Other sections, and settings nested in those of a profile, are passed
// over. kSettings names file and line, never a value.
Status read_profiles(ProfileFile kind, std::string_view text, const std::string& path,
                     Profiles& into);

}  // namespace sluice::aws
