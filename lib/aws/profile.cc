#include "lib/aws/profile.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

namespace sluice::aws {

namespace {

constexpr std::size_t kRolesMax = 8;

std::string value(const Profile& profile, const char* name) {
  const auto found = profile.find(name);
  return found == profile.end() ? "" : found->second;
}

Error wrong(const std::string& name, const std::string& what) {
  return {Trouble::kSettings, "profile " + name + ": " + what};
}

std::string session_name_of(const Profile& profile) {
  const std::string said = value(profile, "role_session_name");
  return said.empty() ? "sluice" : said;
}

// What the profile itself has, without any role.
Result<ProfilePlan> own_plan(const Profile& profile, const std::string& name) {
  const Keys keys{value(profile, "aws_access_key_id"), value(profile, "aws_secret_access_key"),
                  value(profile, "aws_session_token")};
  if (keys.access_key_id.empty() != keys.secret_access_key.empty()) {
    return wrong(name, "aws_access_key_id and aws_secret_access_key belong together");
  }
  if (!keys.access_key_id.empty()) return ProfilePlan{StaticKeys{keys}, {}};
  const std::string command = value(profile, "credential_process");
  if (!command.empty()) return ProfilePlan{CredentialProcess{command}, {}};
  if (!value(profile, "sso_session").empty() || !value(profile, "sso_start_url").empty()) {
    return wrong(name,
                 "sso is a person's log-in, which no service can do; say credential_process "
                 "(aws configure export-credentials --profile " +
                     name + " --format process)");
  }
  return Error{Trouble::kUnavailable, "profile " + name + ": says nothing of keys"};
}

std::optional<CredentialSource> source_named(const std::string& text) {
  if (text == "Environment") return CredentialSource::kEnvironment;
  if (text == "EcsContainer") return CredentialSource::kEcsContainer;
  if (text == "Ec2InstanceMetadata") return CredentialSource::kEc2InstanceMetadata;
  return std::nullopt;
}

Result<AssumedRole> role_of(const Profile& profile, const std::string& name) {
  AssumedRole role{value(profile, "role_arn"), value(profile, "external_id"),
                   session_name_of(profile)};
  if (!value(profile, "mfa_serial").empty()) {
    return wrong(name, "mfa_serial asks a person for a code, which no service can answer");
  }
  const std::string lasts = value(profile, "duration_seconds");
  if (lasts.empty()) return role;
  int number = 0;
  const auto read = std::from_chars(lasts.data(), lasts.data() + lasts.size(), number);
  if (read.ec != std::errc{} || read.ptr != lasts.data() + lasts.size() || number < 900 ||
      number > 43'200) {
    return wrong(name, "duration_seconds is a whole number from 900 to 43200");
  }
  role.lasts = seconds(number);
  return role;
}

class Planner {
 public:
  explicit Planner(const Profiles& profiles) : profiles_(profiles) {}

  // Follows source_profile to where keys are.
  Result<ProfilePlan> plan(const std::string& name, bool as_source) {
    const auto found = profiles_.find(name);
    if (found == profiles_.end()) return wrong(name, "there is none of this name");
    const Profile& profile = found->second;
    const bool again = !seen_.insert(name).second;
    // A profile may name itself: its own keys assume its role.
    if (again || value(profile, "role_arn").empty()) {
      if (again && !(as_source && last_ == name)) return wrong(name, "source_profile leads back");
      return own_plan(profile, name);
    }
    if (seen_.size() > kRolesMax) return wrong(name, "too many roles, one by the other");
    last_ = name;
    return with_role(profile, name);
  }

 private:
  Result<ProfilePlan> with_role(const Profile& profile, const std::string& name) {
    const std::string token_file = value(profile, "web_identity_token_file");
    if (!token_file.empty()) {
      return ProfilePlan{
          WebIdentity{value(profile, "role_arn"), token_file, session_name_of(profile)}, {}};
    }
    auto role = role_of(profile, name);
    if (!role.ok()) return role.error();
    auto source = source_of(profile, name);
    if (!source.ok()) return source.error();
    source->roles.push_back(*role);
    return source;
  }

  Result<ProfilePlan> source_of(const Profile& profile, const std::string& name) {
    const std::string from = value(profile, "source_profile");
    const std::string named = value(profile, "credential_source");
    if (from.empty() == named.empty()) {
      return wrong(name, "role_arn needs one of source_profile and credential_source");
    }
    if (!from.empty()) return plan(from, true);
    const auto source = source_named(named);
    if (source) return ProfilePlan{*source, {}};
    return wrong(name, "credential_source is Environment, EcsContainer or Ec2InstanceMetadata");
  }

  const Profiles& profiles_;
  std::set<std::string> seen_;
  std::string last_;
};

}  // namespace

Result<ProfilePlan> plan_of(const Profiles& profiles, const std::string& name) {
  return Planner(profiles).plan(name, false);
}

}  // namespace sluice::aws
