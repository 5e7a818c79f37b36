// What environment, files and commands say.
#include <memory>

#include "lib/aws/sources.h"

namespace sluice::aws {

namespace {

Error none(std::string what) { return {Trouble::kUnavailable, std::move(what)}; }

std::string home_file(const Machine& machine, const char* variable, const char* name) {
  const std::string said = machine.variable(variable);
  return said.empty() ? machine.variable("HOME") + "/.aws/" + name : said;
}

// One role after the other.
void assume_all(const Surroundings& in, Credentials with, std::vector<AssumedRole> roles,
                const Got& got) {
  if (roles.empty()) return got(std::move(with));
  const AssumedRole next = roles.front();
  roles.erase(roles.begin());
  assume(in, with.keys, next, [in, roles, got](const Result<Credentials>& assumed) {
    if (!assumed.ok()) return got(assumed.error());
    assume_all(in, *assumed, roles, got);
  });
}

void run_process(const Surroundings& in, const CredentialProcess& process, const Got& got) {
  in.machine.run(process.command, [got](const Result<std::string>& printed) {
    if (!printed.ok()) return got(none("credential_process: " + printed.error().what));
    auto read = read_credentials(CredentialDocument::kProcess, *printed);
    if (!read.ok()) return got(none("credential_process: " + read.error().what));
    got(std::move(read));
  });
}

struct First {
  const Surroundings& in;
  Got got;
  void operator()(const StaticKeys& keys) const { got(Credentials{keys.keys, std::nullopt}); }
  void operator()(const CredentialProcess& process) const { run_process(in, process, got); }
  void operator()(const WebIdentity& identity) const { from_web_identity(in, identity, got); }
  void operator()(CredentialSource source) const {
    switch (source) {
      case CredentialSource::kEnvironment:
        return from_environment(in, got);
      case CredentialSource::kEcsContainer:
        return from_container(in, got);
      case CredentialSource::kEc2InstanceMetadata:
        return from_instance(in, got);
    }
  }
};

}  // namespace

Status environment_is_set(const Machine& machine) {
  if (machine.variable("AWS_ACCESS_KEY_ID").empty()) return none("AWS_ACCESS_KEY_ID is not set");
  return Done{};
}

void from_environment(const Surroundings& in, const Got& got) {
  const Status set = environment_is_set(in.machine);
  if (!set.ok()) return got(set.error());
  const Keys keys{in.machine.variable("AWS_ACCESS_KEY_ID"),
                  in.machine.variable("AWS_SECRET_ACCESS_KEY"),
                  in.machine.variable("AWS_SESSION_TOKEN")};
  if (keys.secret_access_key.empty()) return got(none("AWS_SECRET_ACCESS_KEY is not set"));
  got(Credentials{keys, std::nullopt});
}

Result<Profiles> read_profile_files(const Machine& machine) {
  Profiles profiles;
  struct One {
    ProfileFile kind;
    const char* variable;
    const char* name;
  };
  bool any = false;
  std::string missing;
  for (const One& one :
       {One{ProfileFile::kConfig, "AWS_CONFIG_FILE", "config"},
        One{ProfileFile::kCredentials, "AWS_SHARED_CREDENTIALS_FILE", "credentials"}}) {
    const std::string path = home_file(machine, one.variable, one.name);
    const auto text = machine.file(path);
    if (!text.ok()) {
      missing += (missing.empty() ? "" : "; ") + text.error().what;
      continue;
    }
    any = true;
    const Status read = read_profiles(one.kind, *text, path, profiles);
    if (!read.ok()) return read.error();
  }
  if (!any) return none(missing);
  return profiles;
}

std::string profile_name(const Machine& machine) {
  const std::string said = machine.variable("AWS_PROFILE");
  return said.empty() ? "default" : said;
}

Status profile_is_set(const Machine& machine) {
  if (!machine.variable("AWS_PROFILE").empty()) return Done{};
  const std::string name = profile_name(machine);
  const auto profiles = read_profile_files(machine);
  if (!profiles.ok() && profiles.error().code == Trouble::kSettings) return Done{};
  if (!profiles.ok()) return profiles.error();
  if (!profiles->contains(name)) return none("profile " + name + ": there is none of this name");
  const auto plan = plan_of(*profiles, name);
  if (!plan.ok() && plan.error().code == Trouble::kUnavailable) return plan.error();
  return Done{};
}

void from_profile(const Surroundings& in, const Got& got) {
  const auto profiles = read_profile_files(in.machine);
  if (!profiles.ok()) return got(profiles.error());
  const auto plan = plan_of(*profiles, profile_name(in.machine));
  if (!plan.ok()) return got(plan.error());
  std::visit(First{in,
                   [in, roles = plan->roles, got](Result<Credentials> first) {
                     if (!first.ok()) return got(std::move(first));
                     assume_all(in, *first, roles, got);
                   }},
             plan->first);
}

}  // namespace sluice::aws
