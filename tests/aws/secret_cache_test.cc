// Secrets in a world whose service says what the test says.
#include "lib/aws/secret_cache.h"

#include <gtest/gtest.h>

#include "tests/aws/vault.h"

namespace sluice::aws {
namespace {

class SecretCacheTest : public ::testing::Test {
 protected:
  std::string get(const std::string& reference) {
    std::string said = "never answered";
    cache_.ask(reference, [&](const Result<std::string>& value) {
      said = value.ok() ? *value : value.error().what;
    });
    return said;
  }
  Vault vault_;
  Client client_{vault_, vault_, {"eu-west-1"}};
  SecretCache cache_{client_, vault_};
};

TEST(SecretReference, NamesASecretAndPerhapsAField) {
  EXPECT_EQ(read_reference("secret://aws/a/b#c"), (SecretReference{"a/b", "c"}));
  EXPECT_EQ(read_reference("secret://aws/arn:aws:secretsmanager:eu-west-1:1:secret:x-Ab"),
            (SecretReference{"arn:aws:secretsmanager:eu-west-1:1:secret:x-Ab", ""}));
  for (const char* wrong :
       {"", "secret://aws/", "secret://aws/#a", "secret://aws/a#", "secret://env/X"}) {
    EXPECT_FALSE(read_reference(wrong).has_value()) << wrong;
  }
}

TEST_F(SecretCacheTest, ASecretIsReadOnceForAllItsFields) {
  EXPECT_EQ(get("secret://aws/s#user"), "u");
  EXPECT_EQ(get("secret://aws/s#word"), "hunter2");
  EXPECT_EQ(vault_.asked, (std::vector<std::string>{R"({"SecretId":"s"})"}));
  vault_.time = vault_.time + minutes(10);
  vault_.says("plain\\n");
  EXPECT_EQ(get("secret://aws/s"), "plain");
  EXPECT_EQ(vault_.asked.size(), 2U);
}

TEST_F(SecretCacheTest, ThoseWhoAskMeanwhileWait) {
  vault_.holds = true;
  std::vector<std::string> said;
  for (const char* reference : {"secret://aws/s#user", "secret://aws/s#word"}) {
    cache_.ask(reference, [&](const Result<std::string>& value) { said.push_back(*value); });
  }
  ASSERT_EQ(vault_.held.size(), 1U);
  vault_.held.front()();
  EXPECT_EQ(said, (std::vector<std::string>{"u", "hunter2"}));
}

TEST_F(SecretCacheTest, ARefusedValueIsReadAgainButNotByEachWhoIsRefused) {
  vault_.says("old");
  EXPECT_EQ(get("secret://aws/s"), "old");
  vault_.says("new");
  cache_.doubt("secret://aws/s");
  EXPECT_EQ(get("secret://aws/s"), "old");  // it has just been read
  vault_.time = vault_.time + seconds(11);
  cache_.doubt("secret://aws/s");
  EXPECT_EQ(get("secret://aws/s"), "new");
  cache_.doubt("secret://aws/s");
  cache_.doubt("secret://aws/other");
  EXPECT_EQ(get("secret://aws/s"), "new");
  EXPECT_EQ(vault_.asked.size(), 2U);
}

TEST_F(SecretCacheTest, AnOldValueServesWhileTheServiceIsAway) {
  vault_.says("old");
  EXPECT_EQ(get("secret://aws/s"), "old");
  vault_.time = vault_.time + minutes(11);
  vault_.status = 400;
  vault_.body = R"({"__type":"AccessDeniedException","message":"no"})";
  EXPECT_EQ(get("secret://aws/s"), "old");
  const std::size_t asked = vault_.asked.size();
  EXPECT_EQ(get("secret://aws/s"), "old");
  EXPECT_EQ(vault_.asked.size(), asked);
  EXPECT_EQ(get("secret://aws/t"), "secret://aws/t: AccessDeniedException: no");
  EXPECT_EQ(get("secret://aws/t"), "secret://aws/t: AccessDeniedException: no");
  EXPECT_EQ(vault_.asked.size(), asked + 1);
  vault_.time = vault_.time + seconds(10);
  vault_.status = 200;
  vault_.says("there");
  EXPECT_EQ(get("secret://aws/t"), "there");
}

TEST_F(SecretCacheTest, AnOldValueIsSeenWhileItIsReadAgainUnlessItWasRefused) {
  const auto peek = [&] {
    const auto value = cache_.peek("secret://aws/s");
    return value ? **value : "being read";
  };
  vault_.holds = true;
  vault_.says("old");
  EXPECT_EQ(peek(), "being read");
  EXPECT_EQ(peek(), "being read");
  ASSERT_EQ(vault_.held.size(), 1U);
  vault_.held.front()();
  vault_.time = vault_.time + minutes(10);
  vault_.says("new");
  EXPECT_EQ(peek(), "old");
  ASSERT_EQ(vault_.held.size(), 2U);
  vault_.held.back()();
  EXPECT_EQ(peek(), "new");
  vault_.time = vault_.time + seconds(10);
  cache_.doubt("secret://aws/s");
  vault_.says("newer");
  EXPECT_EQ(peek(), "being read");
  ASSERT_EQ(vault_.held.size(), 3U);
  vault_.held.back()();
  EXPECT_EQ(peek(), "newer");
}

// One key may be refused for good while all others are not: they do not wait for it.
TEST_F(SecretCacheTest, ARefusedValueThatDidNotChangeServesWhileItIsReadAgain) {
  const std::string s = "secret://aws/s";
  vault_.says("old");
  EXPECT_EQ(get(s), "old");
  for (const bool fails : {false, true}) {
    vault_.time = vault_.time + minutes(1);
    vault_.status = fails ? 400 : 200;
    cache_.doubt(s);
    EXPECT_EQ(get(s), "old");
  }
  const std::size_t asked = vault_.asked.size();
  vault_.time = vault_.time + seconds(9);
  cache_.doubt(s);
  EXPECT_EQ(get(s), "old");
  EXPECT_EQ(vault_.asked.size(), asked) << "so soon it is not read again";
  vault_.time = vault_.time + seconds(1);
  vault_.holds = true;
  vault_.status = 200;
  vault_.says("new");
  cache_.doubt(s);
  EXPECT_FALSE(cache_.is_being_read(s));
  EXPECT_EQ(**cache_.peek(s), "old");
  ASSERT_EQ(vault_.held.size(), 1U);
  vault_.held.front()();
  EXPECT_EQ(**cache_.peek(s), "new");
  vault_.time = vault_.time + seconds(10);
  cache_.doubt(s);
  EXPECT_TRUE(cache_.is_being_read(s)) << "another one was worth it, and may be again";
}

TEST_F(SecretCacheTest, WhoCanWaitNoLongerHasTheOldOne) {
  const std::string s = "secret://aws/s";
  vault_.holds = true;
  EXPECT_TRUE(cache_.is_being_read(s));
  cache_.settle_for_old(s);
  EXPECT_TRUE(cache_.is_being_read(s)) << "there is none";
  vault_.held.front()();
  EXPECT_FALSE(cache_.is_being_read(s));
  vault_.time = vault_.time + seconds(10);
  cache_.doubt(s);
  EXPECT_TRUE(cache_.is_being_read(s));
  cache_.settle_for_old(s);
  EXPECT_FALSE(cache_.is_being_read(s));
  EXPECT_EQ(vault_.held.size(), 2U);
  vault_.time = vault_.time + seconds(30);
  cache_.doubt(s);
  EXPECT_FALSE(cache_.is_being_read(s)) << "it is being read for that already";
  EXPECT_EQ(vault_.held.size(), 2U);
}

TEST_F(SecretCacheTest, NoErrorQuotesAValue) {
  EXPECT_EQ(get("secret://aws/s#none"), "secret://aws/s#none: the secret has no text called none");
  EXPECT_EQ(get("secret://aws"), "secret://aws is no secret://aws/NAME#FIELD");
  vault_.says("hunter2\\nhunter3");
  EXPECT_EQ(get("secret://aws/two"), "secret://aws/two is empty or has control characters");
}

}  // namespace
}  // namespace sluice::aws
