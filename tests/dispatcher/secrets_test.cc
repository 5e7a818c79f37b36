#include "dispatcher/secrets.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace sluice::dispatcher {
namespace {

TEST(Secrets, ComeFromTheEnvironment) {
  setenv("SECRETS_TEST", "abc\n", 1);
  EXPECT_EQ(*resolve_secret("secret://env/SECRETS_TEST"), "abc");
  setenv("SECRETS_TEST", "", 1);
  EXPECT_FALSE(resolve_secret("secret://env/SECRETS_TEST"));
  unsetenv("SECRETS_TEST");
  EXPECT_FALSE(resolve_secret("secret://env/SECRETS_TEST"));
}

TEST(Secrets, AFileIsReadAgainWhenItChanges) {
  char path[] = "/tmp/sluice-secret-XXXXXX";
  ::close(mkstemp(path));
  const std::string reference = "secret://file" + std::string(path);
  EXPECT_FALSE(resolve_secret(reference));  // empty
  std::ofstream(path) << "one\r\n";
  EXPECT_EQ(*resolve_secret(reference), "one");
  std::ofstream(path) << "another";
  EXPECT_EQ(*resolve_secret(reference), "another");
  std::ofstream(path) << "a\nb";  // would be two header lines
  EXPECT_FALSE(resolve_secret(reference));
  ::unlink(path);
  const auto gone = resolve_secret(reference);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().what.find("another"), std::string::npos);
}

TEST(Secrets, ANewOneOfTheOldSizeAndTimeIsNoticed) {
  char path[] = "/tmp/sluice-secret-XXXXXX";
  ::close(mkstemp(path));
  const std::string reference = "secret://file" + std::string(path);
  const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
  for (const char* value : {"token-1", "token-2"}) {
    std::ofstream(path) << value;
    ASSERT_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
    EXPECT_EQ(*resolve_secret(reference), value);
  }
  ::unlink(path);
}

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
  EXPECT_EQ(*resolve_for_key(own, "", "a"), "own");
  EXPECT_FALSE(resolve_for_key(own, "", "b"));
  EXPECT_EQ(*resolve_for_key(own, "secret://env/SECRETS_TEST", "a"), "own");
  EXPECT_EQ(*resolve_for_key(own, "secret://env/SECRETS_TEST", "b"), "shared");
  setenv("SECRETS_TEST_a", "", 1);
  EXPECT_FALSE(resolve_for_key(own, "secret://env/SECRETS_TEST", "a"))
      << "there, but of no use: not under another's name";
  EXPECT_FALSE(secret_exists("secret://file/etc/passwd/x"));
}

}  // namespace
}  // namespace sluice::dispatcher
