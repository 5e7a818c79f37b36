#include "lib/aws/secrets_manager.h"

#include <gtest/gtest.h>

#include "tests/aws/outcome.h"

namespace sluice::aws::secrets_manager {
namespace {

TEST(SecretsManager, TextBytesAndFields) {
  EXPECT_EQ(get_secret_value("a/b").body, R"({"SecretId":"a/b"})");
  const auto text =
      read_secret(answered(R"({"SecretString":"{\"k\":\"v\",\"n\":1}","VersionId":"1"})"));
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->version, "1");
  EXPECT_EQ(*field_of(fields_of(*text), "k"), "v");
  EXPECT_EQ(field_of(fields_of(*text), "none").error().code, Trouble::kInvalid);
  EXPECT_EQ(read_secret(answered(R"({"SecretBinary":"AP8="})"))->value, std::string("\0\xff", 2));
  EXPECT_EQ(read_secret(answered(R"({"SecretString":""})"))->value, "");
}

// It is there: whoever has one of another's instead where there is none must not.
TEST(SecretsManager, AFieldThatIsNoTextIsNotMissing) {
  const auto odd = read_secret(
      answered(R"({"SecretString":"{\"n\":12345,\"o\":{},\"l\":[\"x\"],\"z\":null}"})"));
  for (const char* field : {"n", "o", "l", "z"}) {
    const auto found = field_of(fields_of(*odd), field);
    ASSERT_FALSE(found.ok()) << field;
    EXPECT_EQ(found.error().code, Trouble::kCorrupt) << field;
    EXPECT_EQ(found.error().what.find("12345"), std::string::npos);
  }
}

TEST(SecretsManager, WhatIsWrongIsSaidAndNotTheSecret) {
  const auto text = read_secret(answered(R"({"SecretString":"hunter2"})"));
  for (const char* field : {"k", "hunter2x"}) {
    const auto found = field_of(fields_of(*text), field);
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().what,
              "no field " + std::string(field) + ": the secret is no JSON object");
  }
  for (const std::string wrong : {"", "{}", R"({"SecretBinary":"%"})", R"({"SecretString":7})"}) {
    const auto read = read_secret(answered(wrong));
    EXPECT_TRUE(!read.ok() || read->value.empty()) << wrong;
  }
}

}  // namespace
}  // namespace sluice::aws::secrets_manager
