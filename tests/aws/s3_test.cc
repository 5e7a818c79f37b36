#include "lib/aws/s3.h"

#include <gtest/gtest.h>

#include "lib/base/calendar.h"
#include "tests/aws/outcome.h"

namespace sluice::aws::s3 {
namespace {

// Of "bytes".
const std::string kSum = "J3CJ2RwL308uaGK6fkoHYFEZQx9dE/cm3TUrBvGyBqk=";

TEST(S3, APutSaysHowItIsKept) {
  Put put{"trail-1", "a b/c+1.ndjson", "bytes"};
  put.encryption = "aws:kms";
  put.kms_key = "k";
  put.lock = Lock{Lock::Mode::kCompliance, *parse_time("2027-01-02T03:04:05Z")};
  put.only_if_absent = true;
  put.metadata = {{"First", "7"}};
  const Request request = put_object(put);
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.path, "/trail-1/a%20b/c%2B1.ndjson");
  EXPECT_EQ(request.body, "bytes");
  EXPECT_EQ(request.headers,
            (std::vector<NameValue>{{"content-type", "application/octet-stream"},
                                    {"x-amz-sdk-checksum-algorithm", "SHA256"},
                                    {"x-amz-checksum-sha256", kSum},
                                    {"x-amz-server-side-encryption", "aws:kms"},
                                    {"x-amz-server-side-encryption-aws-kms-key-id", "k"},
                                    {"x-amz-object-lock-mode", "COMPLIANCE"},
                                    {"x-amz-object-lock-retain-until-date", "2027-01-02T03:04:05Z"},
                                    {"if-none-match", "*"},
                                    {"x-amz-meta-first", "7"}}));
}

TEST(S3, WhatIsStoredIsWhatWasSent) {
  const Put put{"bucket", "key", "bytes"};
  Outcome outcome = answered("");
  outcome.fields = {{"etag", "\"e\""}, {"x-amz-version-id", "v"}, {"x-amz-checksum-sha256", kSum}};
  ASSERT_TRUE(read_stored(outcome, put).ok());
  EXPECT_EQ(read_stored(outcome, put)->version, "v");
  outcome.fields["x-amz-checksum-sha256"] = "other";
  EXPECT_EQ(read_stored(outcome, put).refusal().code, "ChecksumMismatch");
}

TEST(S3, WhatIsReadIsWhatWasStored) {
  Outcome outcome = answered("bytes");
  EXPECT_EQ(read_object(outcome)->body, "bytes");
  outcome.fields["x-amz-checksum-sha256"] = kSum;
  EXPECT_TRUE(read_object(outcome).ok());
  outcome.fields["x-amz-checksum-sha256"] = "ofParts-3";
  EXPECT_TRUE(read_object(outcome).ok());
  outcome.fields["x-amz-checksum-sha256"] = "other";
  EXPECT_EQ(read_object(outcome).refusal().code, "ChecksumMismatch");
}

TEST(S3, Lists) {
  const Request request = list_objects({"bucket", "2026/", "2026/11", 5}, "token");
  EXPECT_EQ(request.path, "/bucket");
  EXPECT_EQ(request.fields, (std::vector<NameValue>{{"list-type", "2"},
                                                    {"encoding-type", "url"},
                                                    {"max-keys", "5"},
                                                    {"prefix", "2026/"},
                                                    {"start-after", "2026/11"},
                                                    {"continuation-token", "token"}}));
  const auto whole = list_objects({"bucket", "", "", 5}, "").fields;
  EXPECT_EQ(whole.back(), (NameValue{"prefix", ""})) << "policies have a condition about it";
  const auto page = read_list(
      answered("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</"
               "NextContinuationToken><Contents><Key>a%2Fb+c%2B</Key><Size>12</Size><ETag>e</ETag>"
               "</Contents></ListBucketResult>"));
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->next, "t");
  ASSERT_EQ(page->objects.size(), 1U);
  EXPECT_EQ(page->objects[0].key, "a/b c+");
  EXPECT_EQ(page->objects[0].size, 12U);
  const auto last =
      read_list(answered("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"));
  EXPECT_TRUE(last->objects.empty() && last->next.empty());
  EXPECT_FALSE(read_list(answered("<html/>")).ok());
  EXPECT_FALSE(read_list(answered("")).ok());
}

TEST(S3, NamesThatCannotBe) {
  for (const char* wrong : {"", "ab", "Upper", "a_b", "a/b", "a..b"}) {
    EXPECT_FALSE(check_bucket(wrong).ok()) << wrong;
  }
  EXPECT_TRUE(check_bucket("huntaze.trail-1").ok());
  for (const char* wrong : {"", ".", "..", "a/../b", "./a", "a/."}) {
    EXPECT_FALSE(check_key(wrong).ok()) << wrong;
  }
  EXPECT_FALSE(check_key(std::string(1025, 'x')).ok());
  EXPECT_TRUE(check_key("a/..b/.c").ok());
}

}  // namespace
}  // namespace sluice::aws::s3
