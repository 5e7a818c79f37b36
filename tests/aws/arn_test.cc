#include "lib/aws/arn.h"

#include <gtest/gtest.h>

namespace sluice::aws {
namespace {

TEST(AnArn, HasParts) {
  const auto queue = read_arn("arn:aws-cn:sqs:cn-north-1:123456789012:q-dead.fifo");
  ASSERT_TRUE(queue);
  EXPECT_EQ(queue->partition, "aws-cn");
  EXPECT_EQ(queue->service, "sqs");
  EXPECT_EQ(queue->region, "cn-north-1");
  EXPECT_EQ(queue->account, "123456789012");
  EXPECT_EQ(queue->resource, "q-dead.fifo");
}

TEST(AnArn, MayHaveNoRegionAndAResourceWithColons) {
  const auto role = read_arn("arn:aws:iam::123456789012:role:a:b");
  ASSERT_TRUE(role);
  EXPECT_EQ(role->region, "");
  EXPECT_EQ(role->resource, "role:a:b");
}

TEST(AnArn, IsNotEveryText) {
  for (const char* other : {"", "arn", "arn:aws:sqs:eu-west-1:1", "arn:aws:sqs:eu-west-1:1:",
                            "arn:aws::eu-west-1:1:q", "urn:aws:sqs:eu-west-1:1:q"}) {
    EXPECT_FALSE(read_arn(other)) << other;
  }
}

}  // namespace
}  // namespace sluice::aws
