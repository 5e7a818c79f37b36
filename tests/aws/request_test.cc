#include "lib/aws/request.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/base/calendar.h"

namespace sluice::aws {
namespace {

const StoreTime kAt = *parse_time("2026-11-21T12:00:00Z");
const Keys kKeys{"AKID", "secret", ""};

std::string header(const HttpRequest& request, std::string_view name) {
  const auto found = std::find_if(request.headers.begin(), request.headers.end(),
                                  [&](const NameValue& one) { return one.first == name; });
  return found == request.headers.end() ? "" : found->second;
}

TEST(Request, OfTheJsonProtocol) {
  Request call{"sqs", "SendMessage", {}, "{}"};
  const auto http =
      http_request(call, {"https://sqs.eu-west-1.amazonaws.com", "eu-west-1"}, kKeys, kAt);
  EXPECT_EQ(http.method, "POST");
  EXPECT_EQ(http.url, "https://sqs.eu-west-1.amazonaws.com/");
  EXPECT_EQ(http.body, "{}");
  EXPECT_EQ(header(http, "content-type"), "application/x-amz-json-1.0");
  EXPECT_EQ(header(http, "x-amz-target"), "AmazonSQS.SendMessage");
  EXPECT_EQ(header(http, "host"), "");
  EXPECT_NE(header(http, "authorization")
                .find("AKID/20261121/eu-west-1/sqs/aws4_request, "
                      "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "),
            std::string::npos);
}

TEST(Request, OfTheQueryProtocol) {
  Request call{"sns", "Publish", {{"TopicArn", "arn:aws:sns:x"}, {"Message", "a b&c"}}};
  const auto http = http_request(call, {"http://127.0.0.1:4566/base", "us-east-1"}, kKeys, kAt);
  EXPECT_EQ(http.url, "http://127.0.0.1:4566/base/");
  EXPECT_EQ(http.body,
            "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Ax&Message=a%20b%26c");
}

constexpr Service kEc2{"ec2", "ec2", "ec2", Protocol::kEc2, "2016-11-15", ""};
constexpr Service kLambda{"lambda", "lambda", "lambda", Protocol::kRestJson, "", ""};

TEST(Request, OfTheEc2Protocol) {
  Request call{kEc2, "DescribeVpcs", {{"Filter.1.Name", "vpc-id"}, {"Filter.1.Value.1", "a b"}}};
  const auto http = http_request(call, endpoint_of(kEc2, "eu-west-1", {}), kKeys, kAt);
  EXPECT_EQ(http.url, "https://ec2.eu-west-1.amazonaws.com/");
  EXPECT_EQ(http.body,
            "Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=vpc-id&Filter.1.Value.1=a%20b");
}

TEST(Request, OfRestJson) {
  Request call{kLambda, "Invoke", {{"Qualifier", "live"}}, "{}"};
  call.path = "/2015-03-31/functions/f%3A1/invocations";
  const auto http = http_request(call, endpoint_of(kLambda, "eu-west-1", {}), kKeys, kAt);
  EXPECT_EQ(http.method, "POST");
  EXPECT_EQ(http.url,
            "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f%3A1/invocations?"
            "Qualifier=live");
  EXPECT_EQ(header(http, "content-type"), "application/json");
  EXPECT_EQ(header(http, "x-amz-target"), "");
}

TEST(Request, OfRest) {
  Request call{"s3", "PutObject", {{"x-id", "PutObject"}}, "bytes"};
  call.method = "PUT";
  call.path = "/bucket/a%20b";
  call.headers = {{"x-amz-checksum-sha256", "c"}};
  const auto http = http_request(call, {"http://127.0.0.1:1", "us-east-1"}, kKeys, kAt);
  EXPECT_EQ(http.method, "PUT");
  EXPECT_EQ(http.url, "http://127.0.0.1:1/bucket/a%20b?x-id=PutObject");
  EXPECT_EQ(header(http, "x-amz-checksum-sha256"), "c");
  EXPECT_EQ(header(http, "x-amz-content-sha256").size(), 64U);
}

TEST(Request, OneThatIsNotSignedHasNoKeys) {
  Request call{"sts", "AssumeRoleWithWebIdentity", {}};
  call.is_signed = false;
  const auto http = http_request(call, {"http://127.0.0.1:1", "us-east-1"}, kKeys, kAt);
  EXPECT_EQ(header(http, "authorization"), "");
  EXPECT_EQ(header(http, "x-amz-date"), "");
}

}  // namespace
}  // namespace sluice::aws
