#include "dispatcher/secrets.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace sluice::dispatcher {
namespace {

TEST(Secrets, OtherReferencesAreRefused) {
  for (const char* wrong :
       {"", "abc", "secret://", "secret://env/", "secret://vault/x", "secret://file/"}) {
    EXPECT_FALSE(check_secret(wrong)) << wrong;
  }
  EXPECT_TRUE(check_secret("secret://env/X"));
  EXPECT_TRUE(check_secret("secret://file/run/x"));
}

TEST(Secrets, AKeysFieldIsOneNameWhateverIsInIt) {
  const std::string in_file = "secret://file/run/s/{key}/token";
  const auto name = [&](const std::string& field) {
    const std::string written = reference_for(in_file, field);
    EXPECT_TRUE(written.starts_with("secret://file/run/s/") && written.ends_with("/token"));
    return written.substr(20, written.size() - 26);
  };
  EXPECT_EQ(name("user-42_a.b"), "user-42_a.b");
  EXPECT_EQ(name(".."), "%2E.");
  EXPECT_EQ(name("."), "%2E");
  EXPECT_EQ(name(""), "%");
  EXPECT_EQ(name("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
  EXPECT_EQ(name(std::string("a\0b%c\xff", 6)), "a%00b%25c%FF");
  EXPECT_EQ(name("{key}"), "%7Bkey%7D") << "is not written out again";
  EXPECT_TRUE(name(std::string(500, 'a')).starts_with("%sha256-"));
  EXPECT_NE(name(std::string(500, 'a')), name(std::string(501, 'a')));
  EXPECT_LE(name(std::string(80, '/')).size(), 200u);
  EXPECT_EQ(reference_for("secret://env/T_{key}_{key}", "a-b_c"),
            "secret://env/T_a_2Db_5Fc_a_2Db_5Fc");
  EXPECT_EQ(reference_for("secret://env/T", "a"), "secret://env/T");
}

TEST(Secrets, AKeyWithoutItsOwnHasTheDefault) {
  setenv("SECRETS_TEST_a", "own", 1);
  setenv("SECRETS_TEST", "shared", 1);
  const std::string own = "secret://env/SECRETS_TEST_{key}";
  EXPECT_EQ(*resolve_for_key({own, ""}, "a", port::resolve_secret), "own");
  EXPECT_FALSE(resolve_for_key({own, ""}, "b", port::resolve_secret));
  EXPECT_EQ(*resolve_for_key({own, "secret://env/SECRETS_TEST"}, "a", port::resolve_secret), "own");
  EXPECT_EQ(*resolve_for_key({own, "secret://env/SECRETS_TEST"}, "b", port::resolve_secret),
            "shared");
  setenv("SECRETS_TEST_a", "", 1);
  EXPECT_FALSE(resolve_for_key({own, "secret://env/SECRETS_TEST"}, "a", port::resolve_secret))
      << "there, but of no use: not under another's name";
}

}  // namespace
}  // namespace sluice::dispatcher
