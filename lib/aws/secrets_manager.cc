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

std::optional<Fields> fields_of(const Secret& secret) {
  const json object = json::parse(secret.value, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  Fields fields;
  for (const auto& [name, value] : object.items()) {
    fields[name] = value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
  }
  return fields;
}

Result<std::string> field_of(const std::optional<Fields>& fields, const std::string& field) {
  if (!fields) {
    return Error{Trouble::kCorrupt, "no field " + field + ": the secret is no JSON object"};
  }
  const auto found = fields->find(field);
  if (found == fields->end()) {
    return Error{Trouble::kInvalid, "the secret has no text called " + field};
  }
  if (found->second) return *found->second;
  return Error{Trouble::kCorrupt, "what the secret calls " + field + " is no text"};
}

}  // namespace sluice::aws::secrets_manager
