#include "lib/aws/profile_file.h"

#include <gtest/gtest.h>

namespace sluice::aws {
namespace {

TEST(ProfileFile, BothFilesMakeOneProfile) {
  Profiles found;
  ASSERT_TRUE(read_profiles(ProfileFile::kConfig,
                            "# mine\n"
                            "[default]\n"
                            "region = eu-west-1   # near\n"
                            "s3 =\n"
                            "  max_concurrent_requests = 20\n"
                            "[profile  staging]\r\n"
                            "Role_ARN=arn:aws:iam::123456789012:role/x;y\r\n"
                            "source_profile =default\r\n"
                            "[sso-session corp]\n"
                            "sso_region = us-east-1\n",
                            "config", found)
                  .ok());
  ASSERT_TRUE(read_profiles(ProfileFile::kCredentials,
                            "[default]\naws_access_key_id = AKID\nregion = eu-west-3\n",
                            "credentials", found)
                  .ok());
  const Profiles expected{
      {"default", {{"aws_access_key_id", "AKID"}, {"region", "eu-west-3"}, {"s3", ""}}},
      {"staging",
       {{"role_arn", "arn:aws:iam::123456789012:role/x;y"}, {"source_profile", "default"}}}};
  EXPECT_EQ(found, expected);
}

TEST(ProfileFile, ASectionOfTheCredentialsIsANameAsItStands) {
  Profiles found;
  ASSERT_TRUE(read_profiles(ProfileFile::kCredentials, "[profile x]\na = 1", "c", found).ok());
  EXPECT_EQ(found, (Profiles{{"profile x", {{"a", "1"}}}}));
}

TEST(ProfileFile, WhatIsWrongNamesFileAndLineAndNoValue) {
  const auto fault = [](std::string_view text) {
    Profiles found;
    const Status read = read_profiles(ProfileFile::kConfig, text, "/etc/aws", found);
    return read.ok() ? "" : read.error().what;
  };
  EXPECT_EQ(fault("\n[default\n"), "/etc/aws:2: a section without its ]");
  EXPECT_EQ(fault("[]\n"), "/etc/aws:1: a section without a name");
  EXPECT_EQ(fault("a = hunter2\n"), "/etc/aws:1: a setting before the first [section]");
  EXPECT_EQ(fault("[default]\nhunter2\n"), "/etc/aws:2: neither a [section] nor NAME = VALUE");
  EXPECT_EQ(fault("[default]\n= hunter2\n"), "/etc/aws:2: a value without a name");
}

}  // namespace
}  // namespace sluice::aws
