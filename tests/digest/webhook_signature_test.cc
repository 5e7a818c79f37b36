#include "lib/digest/webhook_signature.h"

#include <gtest/gtest.h>

#include "lib/digest/base64.h"

namespace sluice {
namespace {

TEST(Base64, KnownAnswersAndOneSpelling) {  // RFC 4648 section 10
  const std::pair<const char*, const char*> all[] = {{"", ""},
                                                     {"f", "Zg=="},
                                                     {"fo", "Zm8="},
                                                     {"foo", "Zm9v"},
                                                     {"foob", "Zm9vYg=="},
                                                     {"fooba", "Zm9vYmE="},
                                                     {"foobar", "Zm9vYmFy"},
                                                     {"\xff\xfe\xfd", "//79"}};
  for (const auto& [bytes, text] : all) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  for (const char* wrong :
       {"Zg", "Zg=", "Zh==", "Zg===", "Z===", "====", "Zm9v\n", "Zm 9v", "Zm-v"}) {
    EXPECT_EQ(from_base64(wrong), std::nullopt) << wrong;
  }
}

// The secret, message and signature that the specification's own libraries test themselves with.
const std::string kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WebhookContent kContent = {"msg_p5jXN8AQM9LWM0D4loKWxJek", StoreTime{1614265330'000'000},
                                 R"({"test": 2432232314})"};
const std::string kSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

TEST(WebhookSignature, IsTheOneOfTheSpecification) {
  const std::vector<std::string> secrets = {*read_webhook_secret(kSecret)};
  EXPECT_EQ(webhook_signature(secrets, kContent), kSignature);
  EXPECT_EQ(webhook_header_lines(secrets, kContent),
            (std::vector<std::string>{"webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
                                      "webhook-timestamp: 1614265330",
                                      "webhook-signature: " + kSignature}));
  EXPECT_EQ(webhook_header_lines({}, kContent).size(), 2U);  // nothing to sign with
}

TEST(WebhookSignature, WhileSecretsAreChangedBothHold) {
  const std::string fresh(24, 'n');
  const std::string old = *read_webhook_secret(kSecret);
  const std::string both = webhook_signature(std::vector{fresh, old}, kContent);
  EXPECT_NE(both.find(" " + kSignature), std::string::npos);
  EXPECT_TRUE(webhook_signature_holds(std::vector{old}, kContent, both));
  EXPECT_TRUE(webhook_signature_holds(std::vector{fresh}, kContent, both));
  EXPECT_FALSE(webhook_signature_holds(std::vector{fresh}, kContent, kSignature));
  EXPECT_FALSE(webhook_signature_holds({}, kContent, both));
}

TEST(WebhookSignature, EverythingIsUnderIt) {
  const std::vector<std::string> secrets = {*read_webhook_secret(kSecret)};
  EXPECT_TRUE(webhook_signature_holds(secrets, kContent, kSignature));
  WebhookContent other = kContent;
  other.id = "msg_x";
  EXPECT_FALSE(webhook_signature_holds(secrets, other, kSignature));
  other = kContent;
  other.at = other.at + seconds(1);
  EXPECT_FALSE(webhook_signature_holds(secrets, other, kSignature));
  other = kContent;
  other.body = R"({"test": 2432232315})";
  EXPECT_FALSE(webhook_signature_holds(secrets, other, kSignature));
  for (const std::string& wrong : {std::string(), std::string("v1,"), kSignature.substr(3),
                                   "v2" + kSignature.substr(2), kSignature + "A"}) {
    EXPECT_FALSE(webhook_signature_holds(secrets, kContent, wrong)) << wrong;
  }
}

TEST(WebhookSignature, SecretsAreReadAndNeverQuoted) {
  EXPECT_EQ(*read_webhook_secret(std::string(16, 's')), std::string(16, 's'));
  EXPECT_EQ(read_webhook_secret(kSecret)->size(), 24U);
  for (const char* wrong : {"", "fifteen-letters", "whsec_",
                            "whsec_c2hvcnQ=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"}) {
    const auto read = read_webhook_secret(wrong);
    ASSERT_FALSE(read.ok()) << wrong;
    if (*wrong != '\0' && std::string_view(wrong) != "whsec_") {
      EXPECT_EQ(read.error().what.find(wrong), std::string::npos);
    }
  }
}

TEST(SameBytes, OnlyThoseThatAre) {
  EXPECT_TRUE(same_bytes("", ""));
  EXPECT_TRUE(same_bytes("abc", "abc"));
  EXPECT_FALSE(same_bytes("abc", "abd"));
  EXPECT_FALSE(same_bytes("abc", "ab"));
  EXPECT_FALSE(same_bytes(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

}  // namespace
}  // namespace sluice
