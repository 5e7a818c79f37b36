#include "lib/aws/session.h"

#include <optional>
#include <utility>

#include "lib/port/http_client.h"
#include "lib/port/random.h"

namespace sluice::aws {

namespace {

// Without files, and without the profile that is named, there are no settings; what else is wrong
// with them is said by whoever looks for credentials there.
Profile own_profile(const Machine& machine) {
  const auto profiles = read_profile_files(machine);
  if (!profiles.ok()) return {};
  const auto found = profiles->find(profile_name(machine));
  if (found == profiles->end()) return {};
  Profile profile = found->second;
  const auto named = profile.find("services");
  if (named == profile.end()) return profile;
  const auto services = profiles->find(services_key(named->second));
  if (services != profiles->end()) profile.insert(services->second.begin(), services->second.end());
  return profile;
}

Result<std::string> region_of(const Machine& machine, const SessionSettings& settings,
                              const Profile& profile, const AskInstance& instance) {
  if (!settings.region.empty()) return settings.region;
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (std::string said = machine.variable(name); !said.empty()) return said;
  }
  const auto found = profile.find("region");
  if (found != profile.end()) return found->second;
  auto said = instance();
  if (said.ok()) return said;
  return Error{Trouble::kSettings,
               "no region, such as eu-west-1; tried [aws] region, AWS_REGION, AWS_DEFAULT_REGION: "
               "not set; the profile \"" +
                   profile_name(machine) + "\": has none; the instance: " + said.error().what};
}

// On a loop of its own: nothing else has begun.
Result<std::string> own_region(OwnMachine& machine, const std::string& ca_file) {
  port::Poller poller;
  HttpTransport transport(poller, ca_file);
  std::optional<Result<std::string>> region;
  region_from_instance({transport, machine, {}},
                       [&](Result<std::string> said) { region = std::move(said); });
  while (!region) poller.poll(poller.now() + seconds(1));
  return *region;
}

EndpointSettings endpoints_of(const Machine& machine, const SessionSettings& settings,
                              Profile profile) {
  if (!settings.endpoint.empty()) return {{{"AWS_ENDPOINT_URL", settings.endpoint}}, {}};
  EndpointSettings said{{}, std::move(profile)};
  for (const char* name : {"AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}) {
    said.environment[name] = machine.variable(name);
  }
  for (const Service& service : services()) {
    const std::string name = endpoint_variable(service);
    said.environment[name] = machine.variable(name);
  }
  return said;
}

Status check_endpoints(const ClientConfig& config) {
  for (const Service& service : services()) {
    const std::string url = endpoint_of(service, config.region, config.endpoints).url;
    const Status checked = port::HttpClient::check_url(url);
    const bool plain = url.find_first_of("?#@") == std::string::npos;
    if (checked.ok() && plain) continue;
    const std::string why = checked.ok() ? "it has more than host and path" : checked.error().what;
    return Error{Trouble::kSettings, "endpoint of " + std::string(service.name) + ": " + why};
  }
  return Done{};
}

ClientConfig with_seed(ClientConfig config) {
  config.seed = port::random_id();
  return config;
}

}  // namespace

Result<ClientConfig> client_config(const Machine& machine, const SessionSettings& settings,
                                   const AskInstance& instance) {
  const Profile profile = own_profile(machine);
  auto found = region_of(machine, settings, profile, instance);
  if (!found.ok()) return found.error();
  ClientConfig config{std::move(*found), endpoints_of(machine, settings, profile),
                      settings.calls_per_second};
  const Status region = check_region(config.region);
  if (!region.ok()) return region.error();
  const Status endpoints = check_endpoints(config);
  if (!endpoints.ok()) return endpoints.error();
  return config;
}

Result<std::string> ca_file(const Machine& machine) {
  std::string path = machine.variable("AWS_CA_BUNDLE");
  if (path.empty()) {
    const Profile profile = own_profile(machine);
    const auto found = profile.find("ca_bundle");
    if (found != profile.end()) path = found->second;
  }
  if (path.empty() || machine.file(path).ok()) return path;
  return Error{Trouble::kSettings, "AWS_CA_BUNDLE: " + path + " cannot be read"};
}

Result<std::unique_ptr<Session>> Session::open(port::Poller& poller,
                                               const SessionSettings& settings,
                                               std::optional<Uses> uses) {
  OwnMachine machine(poller);
  auto trusted = ca_file(machine);
  if (!trusted) return trusted.error();
  auto config = client_config(machine, settings, [&] { return own_region(machine, *trusted); });
  if (!config.ok()) return config.error();
  config->uses = uses;
  return std::unique_ptr<Session>(new Session(poller, *config, *trusted));
}

Session::Session(port::Poller& poller, const ClientConfig& config, const std::string& ca_file)
    : region_(config.region),
      transport_(poller, ca_file),
      machine_(poller),
      keys_({transport_, machine_, with_seed(config)}),
      client_(transport_, keys_, with_seed(config)) {}

}  // namespace sluice::aws
