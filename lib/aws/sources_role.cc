// Roles, by STS.
#include <memory>

#include "lib/aws/operation.h"
#include "lib/aws/sources.h"

namespace sluice::aws {

namespace {

ClientConfig role_config(const Surroundings& in) {
  ClientConfig config = in.sts;
  config.uses = kRoleUses;
  return config;
}

// A client for one call, with keys that are known.
struct RoleCall final : KeySource {
  RoleCall(const Surroundings& in, Keys with)
      : keys(std::move(with)), client(in.transport, *this, role_config(in)) {}
  void ask(std::function<void(Result<Keys>)> done) override { done(keys); }
  void doubt(const Keys&) override {}

  Keys keys;
  Client client;
};

Result<Credentials> read(const Outcome& outcome) {
  if (outcome.fault) {
    return Error{Trouble::kUnavailable,
                 "STS: " + outcome.fault->code + ": " + outcome.fault->message};
  }
  return read_credentials(CredentialDocument::kRole, outcome.answer);
}

void call(const Surroundings& in, const Keys& with, Request request, const Got& got) {
  const auto role = std::make_shared<RoleCall>(in, with);
  role->client.call(std::move(request),
                    [role, got](const Outcome& outcome) { got(read(outcome)); });
}

}  // namespace

void assume(const Surroundings& in, const Keys& with, const AssumedRole& role, const Got& got) {
  Request request = request_for("sts", "AssumeRole");
  request.fields = {{"RoleArn", role.role_arn},
                    {"RoleSessionName", role.session_name},
                    {"DurationSeconds", std::to_string(role.lasts.us / 1'000'000)}};
  if (!role.external_id.empty()) request.fields.emplace_back("ExternalId", role.external_id);
  call(in, with, std::move(request), got);
}

void from_web_identity(const Surroundings& in, const WebIdentity& of, const Got& got) {
  const auto token = in.machine.file(of.token_file);
  if (!token.ok()) return got(token.error());
  Request request = request_for("sts", "AssumeRoleWithWebIdentity");
  request.fields = {
      {"RoleArn", of.role_arn}, {"RoleSessionName", of.session_name}, {"WebIdentityToken", *token}};
  request.is_signed = false;
  call(in, {}, std::move(request), got);
}

Status web_identity_is_set(const Machine& machine) {
  if (!machine.variable("AWS_WEB_IDENTITY_TOKEN_FILE").empty()) return Done{};
  return Error{Trouble::kUnavailable, "AWS_WEB_IDENTITY_TOKEN_FILE is not set"};
}

void from_web_identity(const Surroundings& in, const Got& got) {
  const Status set = web_identity_is_set(in.machine);
  if (!set.ok()) return got(set.error());
  const std::string file = in.machine.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  const std::string role = in.machine.variable("AWS_ROLE_ARN");
  if (role.empty()) return got(Error{Trouble::kUnavailable, "AWS_ROLE_ARN is not set"});
  const std::string name = in.machine.variable("AWS_ROLE_SESSION_NAME");
  from_web_identity(in, WebIdentity{role, file, name.empty() ? "sluice" : name}, got);
}

}  // namespace sluice::aws
