// The services of AWS that Sluice speaks to, a row each, and where they are. From AWS's service
// models (api-2.json of each) and "AWS service endpoints" (AWS General Reference). Pure.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sluice::aws {

// How requests and answers are written ("AWS protocols" of Smithy).
enum class Protocol { kJson10, kJson11, kQuery, kEc2, kRestJson, kRestXml };

struct Service {
  std::string_view name;  // as AWS_ENDPOINT_URL_<NAME> has it, in lower case: "secrets_manager"
  std::string_view host;  // its first part: "sqs" of sqs.eu-west-1.amazonaws.com
  std::string_view signing_name;  // of the signature's scope
  Protocol protocol;
  std::string_view version;      // json: the prefix of X-Amz-Target; query, ec2: Version
  std::string_view only_region;  // of services with one endpoint for all regions; else empty
  bool has_region_in_host = true;
};

// CHECKs that there is one.
const Service& service(std::string_view name);
std::span<const Service> services();

// One of them, by its name; or one that has no row, which outlives whoever refers to it: tests
// speak to services that Sluice does not.
class ServiceRef {
 public:
  ServiceRef(std::string_view name) : of_(&service(name)) {}
  ServiceRef(const char* name) : of_(&service(name)) {}
  ServiceRef(const Service& of) : of_(&of) {}
  const Service& operator*() const { return *of_; }
  const Service* operator->() const { return of_; }

 private:
  const Service* of_;
};
// "AWS_ENDPOINT_URL_SQS"
std::string endpoint_variable(const Service& service);

// What decides where a service is: AWS_ENDPOINT_URL and its like, by name, and the settings of the
// profile in use.
struct EndpointSettings {
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> profile;
};

struct Endpoint {
  std::string url;     // "https://sqs.eu-west-1.amazonaws.com", without a '/' at its end
  std::string region;  // to sign with
};

// AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's <service>.endpoint_url and
// endpoint_url, unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS turns them off; else AWS's own.
Endpoint endpoint_of(const Service& service, const std::string& region,
                     const EndpointSettings& settings);

// kSettings unless it may be a part of a host's name: "eu-west-1".
Status check_region(const std::string& region);

}  // namespace sluice::aws
