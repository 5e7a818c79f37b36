// The protocols that no service of Sluice's has: to services that tests alone speak to.
#include <nlohmann/json.hpp>

#include "lib/aws/pages.h"
#include "tests/emulators/rig.h"

namespace sluice::aws {
namespace {

using nlohmann::json;
using ProtocolsTest = MotoTest;

constexpr Service kEc2{"ec2", "ec2", "ec2", Protocol::kEc2, "2016-11-15", ""};
constexpr Service kLambda{"lambda", "lambda", "lambda", Protocol::kRestJson, "", ""};
constexpr Service kEcs{"ecs", "ecs", "ecs", Protocol::kJson11, "AmazonEC2ContainerServiceV20141113",
                       ""};
constexpr Service kRoute53{"route53", "route53",   "route53", Protocol::kRestXml,
                           "",        "us-east-1", false};

json answer_of(const Outcome& outcome) {
  EXPECT_FALSE(outcome.fault) << outcome.fault->code << ": " << outcome.fault->message;
  return json::parse(outcome.answer, nullptr, false);
}

TEST_F(ProtocolsTest, Ec2) {
  const json all = answer_of(call({kEc2, "DescribeRegions"}));
  ASSERT_TRUE(all["regionInfo"].is_array()) << all;
  EXPECT_GT(all["regionInfo"].size(), 10U);
  const json one =
      answer_of(call({kEc2, "DescribeRegions", {{"RegionName.1", "eu-west-1"}}}))["regionInfo"];
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0]["regionName"], "eu-west-1");
  const json vpc = answer_of(call({kEc2, "CreateVpc", {{"CidrBlock", "10.7.0.0/16"}}}))["vpc"];
  const json found = answer_of(
      call({kEc2,
            "DescribeVpcs",
            {{"Filter.1.Name", "vpc-id"}, {"Filter.1.Value.1", vpc["vpcId"].get<std::string>()}}}));
  ASSERT_EQ(found["vpcSet"].size(), 1U);
  EXPECT_EQ(found["vpcSet"][0]["cidrBlock"], "10.7.0.0/16");
  const Outcome none = call({kEc2, "DescribeVpcs", {{"VpcId.1", "vpc-00000000"}}});
  ASSERT_TRUE(none.fault.has_value());
  EXPECT_EQ(none.fault->code, "InvalidVpcID.NotFound");
}

TEST_F(ProtocolsTest, RestJson) {
  Request list{kLambda, "ListFunctions", {{"MaxItems", "5"}}};
  list.method = "GET";
  list.path = "/2015-03-31/functions/";
  EXPECT_TRUE(answer_of(call(list))["Functions"].is_array());
  Request none{kLambda, "GetFunction"};
  none.method = "GET";
  none.path = "/2015-03-31/functions/" + named("none");
  const Outcome how = call(none);
  ASSERT_TRUE(how.fault.has_value());
  EXPECT_EQ(how.fault->code, "ResourceNotFoundException");
  EXPECT_EQ(how.status, 404U);
}

TEST_F(ProtocolsTest, Json11) {
  Request list{kEcs, "ListClusters"};
  list.body = "{}";
  EXPECT_TRUE(answer_of(call(list))["clusterArns"].is_array());
}

TEST_F(ProtocolsTest, RestXmlOfAServiceWithoutARegion) {
  Request list{kRoute53, "ListHostedZones"};
  list.method = "GET";
  list.path = "/2013-04-01/hostedzone";
  const Outcome how = call(list);
  ASSERT_FALSE(how.fault) << how.fault->code;
  EXPECT_NE(how.answer.find("<ListHostedZonesResponse"), std::string::npos) << how.answer;
}

// As EC2 has them: NextToken in, nextToken out.
TEST_F(ProtocolsTest, Ec2sPages) {
  for (int i = 0; i < 3; ++i) {
    answer_of(call({kEc2,
                    "RunInstances",
                    {{"ImageId", "ami-12c6146b"}, {"MinCount", "1"}, {"MaxCount", "1"}}}));
  }
  struct Page {
    std::size_t reservations = 0;
    std::string next;
  };
  std::size_t reservations = 0;
  int pages = 0;
  std::optional<std::string> end;
  for_each_page<Page>(client(),
                      {[](const std::string& next) {
                         Request request{kEc2, "DescribeInstances", {{"MaxResults", "2"}}};
                         if (!next.empty()) request.fields.emplace_back("NextToken", next);
                         return request;
                       },
                       [](const Outcome& outcome) -> Reply<Page> {
                         if (outcome.fault) return refusal_of(outcome);
                         const json answer = json::parse(outcome.answer, nullptr, false);
                         const json next = answer.value("nextToken", json());
                         return Page{answer["reservationSet"].size(),
                                     next.is_string() ? next.get<std::string>() : ""};
                       },
                       [&](const Page& page) {
                         reservations += page.reservations;
                         ++pages;
                         return true;
                       },
                       [&](const auto& why) { end = why ? why->message : ""; }});
  run_until([&] { return end.has_value(); });
  EXPECT_EQ(*end, "");
  EXPECT_GE(reservations, 3U);
  EXPECT_GE(pages, 2);
}

}  // namespace
}  // namespace sluice::aws
