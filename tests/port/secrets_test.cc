#include "lib/port/secrets.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace sluice::port {
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

TEST(Secrets, AReferenceNamesAVariableOrAFile) {
  for (const char* wrong :
       {"", "abc", "secret://", "secret://env/", "secret://vault/x", "secret://file/"}) {
    EXPECT_FALSE(is_secret(wrong)) << wrong;
    EXPECT_FALSE(resolve_secret(wrong)) << wrong;
  }
  EXPECT_TRUE(is_secret("secret://env/X"));
  EXPECT_TRUE(is_secret("secret://file/run/x"));
}

TEST(Secrets, WhatIsThereButCannotBeReadIsThere) {
  EXPECT_FALSE(secret_exists("secret://file/etc/passwd/x"));
  EXPECT_TRUE(secret_exists("secret://file/etc"));
  EXPECT_FALSE(resolve_secret("secret://file/etc"));
  unsetenv("SECRETS_TEST");
  EXPECT_FALSE(secret_exists("secret://env/SECRETS_TEST"));
}

}  // namespace
}  // namespace sluice::port
