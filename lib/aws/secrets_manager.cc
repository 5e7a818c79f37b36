#include "lib/aws/secrets_manager.h"

#include <nlohmann/json.hpp>

#include "lib/aws/json_fields.h"
#include "lib/aws/operation.h"
#include "lib/digest/base64.h"

namespace sluice::aws::secrets_manager {

namespace {

using nlohmann::json;

}  // namespace

Request get_secret_value(const std::string& id) {
  Request made = request_for("secrets_manager", "GetSecretValue");
  made.body = json{{"SecretId", id}}.dump(-1, ' ', false, json::error_handler_t::replace);
  return made;
}

Reply<Secret> read_secret(const Outcome& outcome) {
  if (outcome.fault) return refusal_of(outcome);
  const json answer = json::parse(outcome.answer, nullptr, false);
  Secret secret{text_at(answer, "SecretString"), text_at(answer, "VersionId")};
  if (member(answer, "SecretString") != nullptr) return secret;
  const auto bytes = from_base64(text_at(answer, "SecretBinary"));
  if (!bytes || bytes->empty()) return unreadable("GetSecretValue: neither text nor bytes");
  secret.value = *bytes;
  return secret;
}

Result<std::string> field_of(const Secret& secret, const std::string& field) {
  const json object = json::parse(secret.value, nullptr, false);
  if (!object.is_object()) {
    return Error{Trouble::kCorrupt, "no field " + field + ": the secret is no JSON object"};
  }
  const auto found = object.find(field);
  if (found == object.end()) {
    return Error{Trouble::kInvalid, "the secret has no text called " + field};
  }
  if (found->is_string()) return found->get<std::string>();
  return Error{Trouble::kCorrupt, "what the secret calls " + field + " is no text"};
}

}  // namespace sluice::aws::secrets_manager
