// Secrets Manager, and roles by STS.
#include <fstream>

#include "lib/aws/secrets_manager.h"
#include "tests/emulators/rig.h"

namespace sluice::aws {
namespace {

using SecretsTest = MotoTest;

TEST_F(SecretsTest, AreReadByName) {
  const std::string name = named("sluice/keys");
  prepare("secrets_manager", "CreateSecret",
          R"({"Name":")" + name + R"(","SecretString":"{\"k\":\"v\"}","ClientRequestToken":)" +
              R"("00000000-0000-0000-0000-000000000001"})");
  const auto secret = secrets_manager::read_secret(call(secrets_manager::get_secret_value(name)));
  ASSERT_TRUE(secret.ok()) << secret.refusal().message;
  EXPECT_EQ(*secrets_manager::field_of(secrets_manager::fields_of(*secret), "k"), "v");
  EXPECT_FALSE(secret->version.empty());
  const auto none =
      secrets_manager::read_secret(call(secrets_manager::get_secret_value(named("none"))));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.refusal().code, "ResourceNotFoundException");
}

TEST_F(SecretsTest, ARoleIsAssumedForAProfile) {
  const std::string path = ::testing::TempDir() + named("sluice-aws-config");
  std::ofstream(path) << "[default]\nrole_arn = arn:aws:iam::123456789012:role/sluice\n"
                         "source_profile = keys\n[profile keys]\naws_access_key_id = a\n"
                         "aws_secret_access_key = b\n";
  setenv("AWS_CONFIG_FILE", path.c_str(), 1);
  setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials", 1);
  unsetenv("AWS_ACCESS_KEY_ID");
  const Outcome how = call({"sts", "GetCallerIdentity"});
  std::remove(path.c_str());
  unsetenv("AWS_CONFIG_FILE");
  ASSERT_FALSE(how.fault) << how.fault->code << how.fault->message;
  EXPECT_EQ(session_->credentials_from(), "a profile");
  EXPECT_NE(how.answer.find("assumed-role/sluice/sluice"), std::string::npos) << how.answer;
}

TEST_F(SecretsTest, AnInstanceHasARoleAndARegion) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) unsetenv(name);
  unsetenv("AWS_ACCESS_KEY_ID");
  unsetenv("AWS_SECRET_ACCESS_KEY");
  unsetenv("AWS_EC2_METADATA_DISABLED");
  setenv("AWS_CONFIG_FILE", "/nowhere/config", 1);
  setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials", 1);
  setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url_of(emulator()).c_str(), 1);
  auto opened = Session::open(poller_, {"", url_of(emulator())}, std::nullopt);
  ASSERT_TRUE(opened.ok()) << opened.error().what;
  session_ = std::move(*opened);
  EXPECT_EQ(session_->region(), "us-east-1");
  const Outcome how = call({"sts", "GetCallerIdentity"});
  unsetenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  unsetenv("AWS_CONFIG_FILE");
  ASSERT_FALSE(how.fault) << how.fault->code << how.fault->message;
  EXPECT_EQ(session_->credentials_from(), "the instance");
}

}  // namespace
}  // namespace sluice::aws
