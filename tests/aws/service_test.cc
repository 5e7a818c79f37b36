#include "lib/aws/service.h"

#include <gtest/gtest.h>

namespace sluice::aws {
namespace {

TEST(Service, WhereItIs) {
  const EndpointSettings none;
  EXPECT_EQ(endpoint_of(service("sqs"), "eu-west-1", none).url,
            "https://sqs.eu-west-1.amazonaws.com");
  EXPECT_EQ(endpoint_of(service("secrets_manager"), "cn-north-1", none).url,
            "https://secretsmanager.cn-north-1.amazonaws.com.cn");
  Service budgets{"budgets", "budgets", "budgets", Protocol::kJson11, "", "us-east-1", false};
  const Endpoint one = endpoint_of(budgets, "eu-west-1", none);
  EXPECT_EQ(one.url, "https://budgets.amazonaws.com");
  EXPECT_EQ(one.region, "us-east-1");
}

TEST(Service, WhereItIsSaidToBe) {
  EndpointSettings said;
  const auto url = [&](std::string_view name) {
    return endpoint_of(service(name), "eu-west-1", said).url;
  };
  said.profile["endpoint_url"] = "http://127.0.0.1:1/";
  EXPECT_EQ(url("sqs"), "http://127.0.0.1:1");
  said.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:2";
  EXPECT_EQ(url("sqs"), "http://127.0.0.1:2");
  said.environment["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = "http://127.0.0.1:3";
  EXPECT_EQ(url("sqs"), "http://127.0.0.1:2");
  EXPECT_EQ(url("secrets_manager"), "http://127.0.0.1:3");
  said.environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "True";
  EXPECT_EQ(url("sqs"), "https://sqs.eu-west-1.amazonaws.com");
}

TEST(Service, ARegionIsAPartOfAHostsName) {
  EXPECT_TRUE(check_region("us-gov-west-1").ok());
  for (const std::string wrong : {"", "eu-west-1.evil", "EU", "eu west", "a/b"}) {
    const Status checked = check_region(wrong);
    ASSERT_FALSE(checked.ok()) << wrong;
    EXPECT_NE(checked.error().what.find("region: \"" + wrong + "\""), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::aws
