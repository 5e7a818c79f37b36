// Makes the requests that standard input asks for, a JSON document a line, and prints each as it
// would be sent: so that tests/scripts/protocols_test.py can compare them with another client's.
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>

#include "lib/aws/request.h"
#include "lib/base/calendar.h"

namespace {

using nlohmann::json;
using sluice::aws::NameValue;
using sluice::aws::Protocol;
using sluice::aws::Service;

// Of protocols, or of ways to name a host, that no service of Sluice's has.
constexpr std::array kOthers{
    Service{"ec2", "ec2", "ec2", Protocol::kEc2, "2016-11-15", ""},
    Service{"iam", "iam", "iam", Protocol::kQuery, "2010-05-08", "us-east-1", false},
    Service{"lambda", "lambda", "lambda", Protocol::kRestJson, "", ""},
    Service{"sesv2", "email", "ses", Protocol::kRestJson, "", ""},
    Service{"ecs", "ecs", "ecs", Protocol::kJson11, "AmazonEC2ContainerServiceV20141113", ""},
    Service{"route53", "route53", "route53", Protocol::kRestXml, "", "us-east-1", false},
};

const Service& named(const std::string& name) {
  for (const Service& one : kOthers) {
    if (one.name == name) return one;
  }
  return sluice::aws::service(name);
}

json sent(const json& line) {
  const Service& of = named(line["service"]);
  sluice::aws::Request request{of, line["operation"]};
  request.fields = line["fields"].get<std::vector<NameValue>>();
  request.body = line["body"];
  request.method = line["method"];
  request.path = line["path"];
  const auto endpoint = sluice::aws::endpoint_of(of, "eu-west-1", {});
  const auto http = http_request(request, endpoint, {"AKIDEXAMPLE", "secret", ""},
                                 *sluice::parse_time("2026-11-21T12:34:56Z"));
  return {{"method", http.method},
          {"url", http.url},
          {"headers", http.headers},
          {"body", http.body},
          {"region", endpoint.region}};
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << sent(json::parse(line)).dump() << "\n";
}
