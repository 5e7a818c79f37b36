#include "lib/aws/profile.h"

#include <gtest/gtest.h>

namespace sluice::aws {
namespace {

std::string fault(const Profiles& profiles, const std::string& name) {
  const auto plan = plan_of(profiles, name);
  return plan.ok() ? "" : plan.error().what;
}

const Profile kKeys{{"aws_access_key_id", "AKID"}, {"aws_secret_access_key", "hunter2"}};

TEST(ProfilePlan, KeysAndProcesses) {
  const auto keys = plan_of({{"a", kKeys}}, "a");
  ASSERT_TRUE(keys.ok());
  EXPECT_EQ(std::get<StaticKeys>(keys->first).keys, (Keys{"AKID", "hunter2", ""}));
  EXPECT_TRUE(keys->roles.empty());
  const auto process = plan_of({{"a", {{"credential_process", "vault keys"}}}}, "a");
  ASSERT_TRUE(process.ok());
  EXPECT_EQ(std::get<CredentialProcess>(process->first).command, "vault keys");
}

TEST(ProfilePlan, RolesAreAssumedInOrder) {
  const auto plan = plan_of({{"base", kKeys},
                             {"middle", {{"role_arn", "m"}, {"source_profile", "base"}}},
                             {"top",
                              {{"role_arn", "t"},
                               {"source_profile", "middle"},
                               {"external_id", "x"},
                               {"duration_seconds", "900"},
                               {"role_session_name", "s"}}}},
                            "top");
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(std::holds_alternative<StaticKeys>(plan->first));
  ASSERT_EQ(plan->roles.size(), 2U);
  EXPECT_EQ(plan->roles[0].role_arn, "m");
  EXPECT_EQ(plan->roles[0].session_name, "sluice");
  EXPECT_EQ(plan->roles[1].role_arn, "t");
  EXPECT_EQ(plan->roles[1].external_id, "x");
  EXPECT_EQ(plan->roles[1].session_name, "s");
  EXPECT_EQ(plan->roles[1].lasts, seconds(900));
}

TEST(ProfilePlan, AProfileMayBeItsOwnSource) {
  Profile own = kKeys;
  own["role_arn"] = "r";
  own["source_profile"] = "own";
  const auto plan = plan_of({{"own", own}}, "own");
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(std::get<StaticKeys>(plan->first).keys.access_key_id, "AKID");
  EXPECT_EQ(plan->roles.size(), 1U);
}

TEST(ProfilePlan, WebIdentityAndTheMachinesOwn) {
  const auto web = plan_of({{"a", {{"role_arn", "r"}, {"web_identity_token_file", "/t"}}}}, "a");
  ASSERT_TRUE(web.ok());
  EXPECT_EQ(std::get<WebIdentity>(web->first).token_file, "/t");
  const auto ecs =
      plan_of({{"a", {{"role_arn", "r"}, {"credential_source", "EcsContainer"}}}}, "a");
  ASSERT_TRUE(ecs.ok());
  EXPECT_EQ(std::get<CredentialSource>(ecs->first), CredentialSource::kEcsContainer);
  EXPECT_EQ(ecs->roles.size(), 1U);
}

TEST(ProfilePlan, WhatCannotBeNamesProfileAndSettingAndNoValue) {
  EXPECT_EQ(fault({}, "a"), "profile a: there is none of this name");
  EXPECT_EQ(fault({{"a", {}}}, "a"), "profile a: says nothing of keys");
  EXPECT_EQ(fault({{"a", {{"aws_secret_access_key", "hunter2"}}}}, "a"),
            "profile a: aws_access_key_id and aws_secret_access_key belong together");
  EXPECT_EQ(fault({{"a", {{"role_arn", "r"}}}}, "a"),
            "profile a: role_arn needs one of source_profile and credential_source");
  EXPECT_EQ(fault({{"a", {{"role_arn", "r"}, {"source_profile", "b"}}},
                   {"b", {{"role_arn", "r"}, {"source_profile", "a"}}}},
                  "a"),
            "profile a: source_profile leads back");
  EXPECT_EQ(fault({{"a", {{"role_arn", "r"}, {"credential_source", "Vault"}}}}, "a"),
            "profile a: credential_source is Environment, EcsContainer or Ec2InstanceMetadata");
  EXPECT_EQ(fault({{"a", {{"role_arn", "r"}, {"source_profile", "b"}, {"duration_seconds", "1h"}}},
                   {"b", kKeys}},
                  "a"),
            "profile a: duration_seconds is a whole number from 900 to 43200");
  EXPECT_NE(fault({{"a", {{"role_arn", "r"}, {"mfa_serial", "m"}}}}, "a").find("mfa_serial"),
            std::string::npos);
  EXPECT_NE(fault({{"a", {{"sso_session", "corp"}}}}, "a").find("credential_process"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::aws
