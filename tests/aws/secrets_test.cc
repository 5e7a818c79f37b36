// Secrets by reference, wherever they are.
#include "lib/aws/secrets.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "tests/aws/vault.h"

namespace sluice::aws {
namespace {

constexpr std::array kRows = {
    SettingRow{.name = "credential", .max = 100},
    SettingRow{.name = "sign", .type = SettingType::kList, .max = 8},
};

TEST(Secrets, AreNamedByTheirSettings) {
  const Place at{"sluice.toml", 7};
  const SettingNode sign{SettingNode::Array{{std::string("secret://env/A"), at}}, at};
  const SettingNode node{
      SettingNode::Table{{"credential", {std::string("secret://aws/s#user"), at}}, {"sign", sign}},
      at};
  const auto table = SettingTable::check(kRows, &node, "[[upstream]]", 1'000'000);
  ASSERT_TRUE(table.ok()) << table.error().what;
  std::vector<NamedSecret> named;
  name_secrets(*table, {"credential"}, {"sign"}, named);
  ASSERT_EQ(named.size(), 2U);
  EXPECT_EQ(named[0].reference, "secret://aws/s#user");
  EXPECT_EQ(named[0].setting, "sluice.toml:7: credential");
  EXPECT_EQ(named[1].setting, "sluice.toml:7: sign");
}

TEST(Secrets, WithoutAwsTheRestIsRead) {
  Secrets secrets;
  setenv("AWS_SECRETS_TEST", "hunter2", 1);
  EXPECT_EQ(*secrets.read("secret://env/AWS_SECRETS_TEST"), "hunter2");
  EXPECT_FALSE(secrets.is_being_read("secret://env/AWS_SECRETS_TEST"));
  EXPECT_FALSE(secrets.read("secret://aws/s"));
}

class SecretsTest : public ::testing::Test {
 protected:
  std::string read(const std::string& reference) {
    const auto value = secrets_.read(reference);
    return value.ok() ? *value : value.error().what;
  }
  Vault vault_;
  Client client_{vault_, vault_, {"eu-west-1"}};
  Secrets secrets_{client_, vault_};
};

TEST_F(SecretsTest, OneThatIsBeingReadIsAwaited) {
  vault_.holds = true;
  EXPECT_EQ(read("secret://aws/s#word"), "secret://aws/s#word is being read");
  ASSERT_TRUE(secrets_.is_being_read("secret://aws/s#word"));
  int told = 0;
  secrets_.when_read("secret://aws/s#word", [&] { ++told; });
  EXPECT_EQ(told, 0);
  vault_.held.front()();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(read("secret://aws/s#word"), "hunter2");
  secrets_.when_read("secret://aws/s#word", [&] { ++told; });
  EXPECT_EQ(told, 2);
  EXPECT_EQ(vault_.asked.size(), 1U);
}

TEST_F(SecretsTest, OneThatWasRefusedIsReadAgain) {
  vault_.says("old");
  EXPECT_EQ(read("secret://aws/s"), "old");
  vault_.says("new");
  vault_.time = vault_.time + seconds(10);
  EXPECT_EQ(read("secret://aws/s"), "old");
  secrets_.refused("secret://aws/s");
  EXPECT_EQ(read("secret://aws/s"), "new");
}

TEST_F(SecretsTest, AFieldThatIsNotThereIsToldApart) {
  const auto none = secrets_.read("secret://aws/s#none");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Trouble::kInvalid);
  vault_.time = vault_.time + minutes(10);
  vault_.body = R"({"SecretString":"{\"none\":12345}"})";
  const auto odd = secrets_.read("secret://aws/s#none");
  ASSERT_FALSE(odd.ok());
  EXPECT_EQ(odd.error().code, Trouble::kUnavailable);
  vault_.time = vault_.time + minutes(10);
  vault_.says("plain");
  const auto plain = secrets_.read("secret://aws/s#none");
  ASSERT_FALSE(plain.ok());
  EXPECT_EQ(plain.error().code, Trouble::kUnavailable);
}

}  // namespace
}  // namespace sluice::aws
