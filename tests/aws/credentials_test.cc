#include "lib/aws/credentials.h"

#include <gtest/gtest.h>

#include "lib/base/calendar.h"

namespace sluice::aws {
namespace {

TEST(Credentials, OfATaskOrAnInstance) {
  const auto read = read_credentials(
      CredentialDocument::kMetadata,
      R"({"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t",)"
      R"("Expiration":"2026-11-21T12:00:00Z"})");
  ASSERT_TRUE(read.ok()) << read.error().what;
  EXPECT_EQ(read->keys, (Keys{"ASIA", "s", "t"}));
  EXPECT_EQ(read->expires, parse_time("2026-11-21T12:00:00Z"));
}

TEST(Credentials, OfAProcess) {
  const auto read = read_credentials(CredentialDocument::kProcess,
                                     R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"s"})");
  ASSERT_TRUE(read.ok()) << read.error().what;
  EXPECT_EQ(read->keys, (Keys{"A", "s", ""}));
  EXPECT_FALSE(read->expires.has_value());
}

TEST(Credentials, OfARole) {
  for (const std::string result : {"AssumeRoleResult", "AssumeRoleWithWebIdentityResult"}) {
    const auto read =
        read_credentials(CredentialDocument::kRole,
                         "{\"" + result +
                             R"(":{"Credentials":{"AccessKeyId":"A","SecretAccessKey":"s",)"
                             R"("SessionToken":"t","Expiration":"2026-11-21T12:00:00Z"}}})");
    ASSERT_TRUE(read.ok()) << read.error().what;
    EXPECT_EQ(read->keys.session_token, "t");
  }
}

TEST(Credentials, WhatIsMissingIsSaidWithoutAValue) {
  const auto fault = [](CredentialDocument kind, std::string_view json) {
    const auto read = read_credentials(kind, json);
    return read.ok() ? "" : read.error().what;
  };
  constexpr auto kMetadata = CredentialDocument::kMetadata;
  EXPECT_EQ(fault(kMetadata, "nonsense"), "it is not the JSON document that was expected");
  EXPECT_EQ(fault(CredentialDocument::kRole, "{}"),
            "it is not the JSON document that was expected");
  EXPECT_EQ(fault(kMetadata, R"({"Code":"AssumeRoleUnauthorizedAccess"})"),
            "it says Code AssumeRoleUnauthorizedAccess");
  EXPECT_EQ(fault(CredentialDocument::kProcess, R"({"AccessKeyId":"A"})"), "its Version is not 1");
  EXPECT_EQ(fault(kMetadata, R"({"SecretAccessKey":"hunter2"})"), "it has no AccessKeyId");
  EXPECT_EQ(fault(kMetadata, R"({"AccessKeyId":"A","SecretAccessKey":7})"),
            "it has no SecretAccessKey");
  EXPECT_EQ(fault(kMetadata, R"({"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"soon"})"),
            "its Expiration is no time such as 2026-11-21T02:24:00Z");
}

}  // namespace
}  // namespace sluice::aws
