// What the machine that a process runs on says: ECS tasks, EKS pods, EC2 instances.
#include <algorithm>
#include <array>
#include <optional>

#include "lib/aws/sources.h"
#include "lib/base/ascii.h"
#include "lib/port/url.h"

namespace sluice::aws {

namespace {

constexpr std::string_view kTaskHost = "http://169.254.170.2";
constexpr std::string_view kInstanceHost = "http://169.254.169.254";
constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr std::string_view kRegionPath = "/latest/meta-data/placement/region";
constexpr Duration kPatience = seconds(2);      // it is on this machine, or not there at all
constexpr Duration kHaste = milliseconds(450);  // of each of two, while a start waits for them
constexpr std::size_t kAnswerMax = 64 * 1024;

Error none(std::string what) { return {Trouble::kUnavailable, std::move(what)}; }

using Text = std::function<void(Result<std::string>)>;

struct Page {
  HttpRequest request;
  std::string named;  // as errors call it
};

void get_page(const Surroundings& in, Duration patience, Page page, Text got) {
  in.transport.send(std::move(page.request), {patience, kAnswerMax},
                    [named = std::move(page.named), got = std::move(got)](const HttpText& answer) {
                      if (answer.status == 200) return got(answer.body);
                      const std::string how = answer.status == 0
                                                  ? answer.trouble
                                                  : "HTTP " + std::to_string(answer.status);
                      got(none(named + ": " + how));
                    });
}

void get(const Surroundings& in, Duration patience, HttpRequest request, Text got) {
  const std::string url = request.url;
  get_page(in, patience, {std::move(request), url}, std::move(got));
}

Text keys_into(const Got& got) {
  return [got](const Result<std::string>& text) {
    if (!text.ok()) return got(text.error());
    got(read_credentials(CredentialDocument::kMetadata, *text));
  };
}

// Whom a URL asks; nothing: nobody who may be told a token. Where credentials are on that host may
// be all that one needs to fetch them, so the host alone is said.
std::optional<std::string> keeper_at(const std::string& url) {
  const auto parsed = port::parse_base_url(url.substr(0, url.find_first_of("?#")));
  if (!parsed.ok()) return std::nullopt;
  const std::string host = lower_case(parsed->host);
  if (parsed->scheme == "https") return host;
  constexpr std::array<std::string_view, 6> kOwn{
      "localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  if (std::find(kOwn.begin(), kOwn.end(), host) == kOwn.end()) return std::nullopt;
  return host;
}

Result<std::string> authorization(const Machine& machine) {
  const std::string file = machine.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (file.empty()) return machine.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  auto token = machine.file(file);
  if (!token.ok()) return token;
  const auto last = token->find_last_not_of(" \t\r\n");
  token->resize(last == std::string::npos ? 0 : last + 1);
  return token;
}

// IMDSv2: what is asked for with a token.
struct Instance {
  std::string host;
  std::vector<NameValue> with;
};

void with_instance(const Surroundings& in, Duration patience,
                   const std::function<void(Result<Instance>)>& then) {
  const Status set = instance_is_set(in.machine);
  if (!set.ok()) return then(set.error());
  std::string host = in.machine.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (host.empty()) host = kInstanceHost;
  host.resize(host.find_last_not_of('/') + 1);
  get(in, patience,
      {"PUT", host + "/latest/api/token", {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}}, {}},
      [host, then](const Result<std::string>& token) {
        if (!token.ok()) return then(token.error());
        then(Instance{host, {{"x-aws-ec2-metadata-token", *token}}});
      });
}

}  // namespace

Status container_is_set(const Machine& machine) {
  const bool any = !machine.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() ||
                   !machine.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty();
  if (any) return Done{};
  return none("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and ..._FULL_URI are not set");
}

void from_container(const Surroundings& in, const Got& got) {
  const Status set = container_is_set(in.machine);
  if (!set.ok()) return got(set.error());
  const std::string relative = in.machine.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = in.machine.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  HttpRequest request{"GET", relative.empty() ? full : std::string(kTaskHost) + relative, {}, {}};
  const auto keeper = keeper_at(request.url);
  if (!keeper) {
    const std::string which = relative.empty() ? "FULL" : "RELATIVE";
    return got(none("AWS_CONTAINER_CREDENTIALS_" + which +
                    "_URI is no URL without a login that is https or of this machine"));
  }
  const auto token = authorization(in.machine);
  if (!token.ok()) return got(token.error());
  if (token->find_first_of("\r\n") != std::string::npos) {
    return got(none("AWS_CONTAINER_AUTHORIZATION_TOKEN has a line end"));
  }
  if (!token->empty()) request.headers.emplace_back("authorization", *token);
  get_page(in, kPatience, {std::move(request), *keeper}, keys_into(got));
}

Status instance_is_set(const Machine& machine) {
  if (lower_case(machine.variable("AWS_EC2_METADATA_DISABLED")) != "true") return Done{};
  return none("AWS_EC2_METADATA_DISABLED is true");
}

void from_instance(const Surroundings& in, const Got& got) {
  with_instance(in, kPatience, [in, got](const Result<Instance>& instance) {
    if (!instance.ok()) return got(instance.error());
    const std::string list = instance->host + std::string(kRolePath);
    const auto ask_keys = [in, list, with = instance->with, got](const Result<std::string>& roles) {
      if (!roles.ok()) return got(roles.error());
      const std::string role = roles->substr(0, roles->find('\n'));
      if (role.empty()) return got(none("the instance has no role"));
      get(in, kPatience, {"GET", list + percent_encoded(role), with, {}}, keys_into(got));
    };
    get(in, kPatience, {"GET", list, instance->with, {}}, ask_keys);
  });
}

void region_from_instance(const Surroundings& in, const Text& got) {
  with_instance(in, kHaste, [in, got](const Result<Instance>& instance) {
    if (!instance.ok()) return got(instance.error());
    get(in, kHaste, {"GET", instance->host + std::string(kRegionPath), instance->with, {}}, got);
  });
}

}  // namespace sluice::aws
