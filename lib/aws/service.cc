#include "lib/aws/service.h"

#include <algorithm>
#include <array>

#include "lib/base/ascii.h"
#include "lib/base/check.h"

namespace sluice::aws {

namespace {

constexpr std::array kServices{
    Service{"dynamodb", "dynamodb", "dynamodb", Protocol::kJson10, "DynamoDB_20120810", ""},
    Service{"s3", "s3", "s3", Protocol::kRestXml, "", ""},
    Service{"secrets_manager", "secretsmanager", "secretsmanager", Protocol::kJson11,
            "secretsmanager", ""},
    Service{"sns", "sns", "sns", Protocol::kQuery, "2010-03-31", ""},
    Service{"sqs", "sqs", "sqs", Protocol::kJson10, "AmazonSQS", ""},
    Service{"sts", "sts", "sts", Protocol::kQuery, "2011-06-15", ""},
};

std::string_view domain_of(std::string_view region) {
  return region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

const std::string* setting(const std::map<std::string, std::string>& of, const std::string& name) {
  const auto found = of.find(name);
  return found == of.end() || found->second.empty() ? nullptr : &found->second;
}

bool ignores_settings(const EndpointSettings& settings) {
  const std::string* said = setting(settings.environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
  if (said == nullptr) said = setting(settings.profile, "ignore_configured_endpoint_urls");
  return said != nullptr && lower_case(*said) == "true";
}

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

const std::string* url_in(const Service& service, const EndpointSettings& settings) {
  if (ignores_settings(settings)) return nullptr;
  const std::string own = endpoint_variable(service);
  if (const auto* url = setting(settings.environment, own)) return url;
  if (const auto* url = setting(settings.environment, "AWS_ENDPOINT_URL")) return url;
  const std::string nested = std::string(service.name) + ".endpoint_url";
  if (const auto* url = setting(settings.profile, nested)) return url;
  return setting(settings.profile, "endpoint_url");
}

std::string own_url(const Service& service, const std::string& region) {
  std::string url = "https://" + std::string(service.host);
  if (service.has_region_in_host) url += "." + region;
  return url + "." + std::string(domain_of(region));
}

}  // namespace

const Service& service(std::string_view name) {
  const auto* found = std::find_if(kServices.begin(), kServices.end(),
                                   [&](const Service& one) { return one.name == name; });
  CHECK(found != kServices.end());
  return *found;
}

std::span<const Service> services() { return kServices; }

std::string endpoint_variable(const Service& service) {
  return "AWS_ENDPOINT_URL_" + upper_case(service.name);
}

Endpoint endpoint_of(const Service& service, const std::string& region,
                     const EndpointSettings& settings) {
  const std::string signs = service.only_region.empty() ? region : std::string(service.only_region);
  if (const std::string* url = url_in(service, settings)) {
    return {url->substr(0, url->find_last_not_of('/') + 1), signs};
  }
  return {own_url(service, signs), signs};
}

Status check_region(const std::string& region) {
  const bool right = !region.empty() && region.size() <= 63 &&
                     std::all_of(region.begin(), region.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                     });
  if (right) return Done{};
  return Error{Trouble::kSettings, "region: \"" + region + "\" is none; such as eu-west-1"};
}

}  // namespace sluice::aws
