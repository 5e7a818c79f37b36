#include "lib/aws/credentials.h"

#include <nlohmann/json.hpp>

#include "lib/base/calendar.h"

namespace sluice::aws {

namespace {

using nlohmann::json;

Error invalid(std::string what) { return {Trouble::kInvalid, std::move(what)}; }

std::string text(const json& of, const char* name) {
  const auto found = of.find(name);
  return found != of.end() && found->is_string() ? found->get<std::string>() : "";
}

// {"AssumeRoleResult": {"Credentials": {...}}}, whichever role was assumed.
json inner(const json& answer) {
  for (const char* result : {"AssumeRoleResult", "AssumeRoleWithWebIdentityResult"}) {
    if (answer.contains(result) && answer[result].is_object()) {
      return answer[result].value("Credentials", json());
    }
  }
  return json();
}

// What the document says instead of keys; empty: it has them.
std::string excuse(CredentialDocument kind, const json& document) {
  const std::string code = text(document, "Code");
  if (kind == CredentialDocument::kMetadata && !code.empty() && code != "Success") {
    return "it says Code " + code;
  }
  if (kind == CredentialDocument::kProcess && document.value("Version", json()) != 1) {
    return "its Version is not 1";
  }
  return {};
}

}  // namespace

Result<Credentials> read_credentials(CredentialDocument kind, std::string_view text_of) {
  json document = json::parse(text_of, nullptr, false);
  if (document.is_object() && kind == CredentialDocument::kRole) document = inner(document);
  if (!document.is_object()) return invalid("it is not the JSON document that was expected");
  if (const std::string why = excuse(kind, document); !why.empty()) return invalid(why);

  const char* token = kind == CredentialDocument::kMetadata ? "Token" : "SessionToken";
  Credentials found;
  found.keys = {text(document, "AccessKeyId"), text(document, "SecretAccessKey"),
                text(document, token)};
  if (found.keys.access_key_id.empty()) return invalid("it has no AccessKeyId");
  if (found.keys.secret_access_key.empty()) return invalid("it has no SecretAccessKey");
  const std::string expiration = text(document, "Expiration");
  if (expiration.empty()) return found;
  found.expires = parse_time(expiration);
  if (!found.expires) return invalid("its Expiration is no time such as 2026-11-21T02:24:00Z");
  return found;
}

}  // namespace sluice::aws
