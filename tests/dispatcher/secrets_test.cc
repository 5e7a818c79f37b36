#include "dispatcher/secrets.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace sluice::dispatcher {
namespace {

TEST(Secrets, ComeFromTheEnvironment) {
  setenv("SECRETS_TEST", "abc\n", 1);
  Secrets secrets;
  EXPECT_EQ(*secrets.resolve("secret://env/SECRETS_TEST"), "abc");
  setenv("SECRETS_TEST", "", 1);
  EXPECT_FALSE(secrets.resolve("secret://env/SECRETS_TEST"));
  unsetenv("SECRETS_TEST");
  EXPECT_FALSE(secrets.resolve("secret://env/SECRETS_TEST"));
}

TEST(Secrets, AFileIsReadAgainWhenItChanges) {
  char path[] = "/tmp/sluice-secret-XXXXXX";
  ::close(mkstemp(path));
  const std::string reference = "secret://file" + std::string(path);
  Secrets secrets;
  EXPECT_FALSE(secrets.resolve(reference));  // empty
  std::ofstream(path) << "one\r\n";
  EXPECT_EQ(*secrets.resolve(reference), "one");
  std::ofstream(path) << "another";
  EXPECT_EQ(*secrets.resolve(reference), "another");
  std::ofstream(path) << "a\nb";  // would be two header lines
  EXPECT_FALSE(secrets.resolve(reference));
  ::unlink(path);
  const auto gone = secrets.resolve(reference);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().what.find("another"), std::string::npos);
}

TEST(Secrets, OtherReferencesAreRefused) {
  for (const char* wrong :
       {"", "abc", "secret://", "secret://env/", "secret://vault/x", "secret://file/"}) {
    EXPECT_FALSE(Secrets::check(wrong)) << wrong;
  }
  EXPECT_TRUE(Secrets::check("secret://env/X"));
  EXPECT_TRUE(Secrets::check("secret://file/run/x"));
}

}  // namespace
}  // namespace sluice::dispatcher
