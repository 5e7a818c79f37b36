// What a request carries that only the dispatcher knows: its key's credential, its signature.
#include <gmock/gmock.h>

#include <cstdlib>

#include "lib/digest/webhook_signature.h"
#include "tests/aws/vault.h"
#include "tests/dispatcher/world.h"

namespace sluice::dispatcher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CredentialTest : public World {
 protected:
  void open_raw() {
    server_raw_ = std::make_unique<RawServer>("HTTP/1.1 204 No Content\r\nkeep-open: 1\r\n\r\n");
    others_.emplace_back([this] { server_raw_->turn(); });
    open("http://127.0.0.1:" + std::to_string(server_raw_->port()));
  }
  HttpEnded of_key(const std::string& field) {
    StartHttp one = call();
    one.key = "u:" + field;
    return attempt(std::move(one));
  }
  std::string header(const std::string& name) const {
    const std::string& heard = server_raw_->heard();
    const std::size_t at = heard.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t start = at + name.size() + 4;
    return heard.substr(start, heard.find("\r\n", start) - start);
  }
  std::unique_ptr<RawServer> server_raw_;
};

TEST_F(CredentialTest, EachKeyHasItsOwn) {
  setenv("CREDENTIAL_TEST_a", "Bearer of-a", 1);
  setenv("CREDENTIAL_TEST_b_2D1", "Bearer of-b", 1);
  upstream_.credential = "secret://env/CREDENTIAL_TEST_{key}";
  open_raw();
  EXPECT_EQ(of_key("a").status, 204u);
  EXPECT_EQ(header("Authorization"), "Bearer of-a");
  EXPECT_EQ(of_key("b-1").status, 204u);
  EXPECT_THAT(server_raw_->heard(), HasSubstr("\r\nAuthorization: Bearer of-b\r\n"));
  const HttpEnded none = of_key("c");
  EXPECT_EQ(none.end, HttpEnd::kNoCredential);
  EXPECT_THAT(none.reason, HasSubstr("CREDENTIAL_TEST_c"));
  EXPECT_EQ(http_->trouble(), "") << "of one key, not of the upstream";
  EXPECT_EQ(of_key("a").status, 204u);
}

TEST_F(CredentialTest, OneThatAllShareIsTheUpstreamsTrouble) {
  upstream_.credential = "secret://env/CREDENTIAL_TEST_NONE";
  open_raw();
  EXPECT_EQ(of_key("a").end, HttpEnd::kNotConnected);
  EXPECT_THAT(http_->trouble(), HasSubstr("CREDENTIAL_TEST_NONE"));
}

class VaultTest : public CredentialTest {
 protected:
  VaultTest() {
    secrets_ = &kept_;
    upstream_.credential = "secret://aws/tokens";
    vault_.says("old");
  }
  ~VaultTest() override { http_.reset(); }
  VaultTest(const VaultTest&) = delete;
  VaultTest& operator=(const VaultTest&) = delete;

  aws::Vault vault_;
  aws::Client client_{vault_, vault_, {"eu-west-1"}};
  aws::Secrets kept_{client_, vault_};
};

TEST_F(VaultTest, AnAttemptWaitsForItsCredential) {
  vault_.holds = true;
  open_raw();
  http_->start(call());
  EXPECT_EQ(http_->running(), 1u);
  rest(50);
  EXPECT_EQ(server_raw_->heard(), "");
  vault_.held.front()();
  ASSERT_TRUE(turns([&] { return ended_.size() == 1; }));
  EXPECT_EQ(ended_[0].status, 204u);
  EXPECT_EQ(header("Authorization"), "old");
  EXPECT_EQ(http_->running(), 0u);
}

TEST_F(VaultTest, ButNotForLong) {
  vault_.holds = true;
  open_raw();
  EXPECT_EQ(attempt(call()).end, HttpEnd::kNotConnected);
  EXPECT_EQ(http_->trouble(), "upstream u: secret://aws/tokens is being read");
  vault_.held.front()();
  EXPECT_EQ(server_raw_->heard(), "");
  EXPECT_EQ(attempt(call()).status, 204u);
  EXPECT_EQ(http_->trouble(), "");
}

TEST_F(VaultTest, OneThatIsStoppedMeanwhileNeverGoes) {
  vault_.holds = true;
  open_raw();
  StartHttp one = call();
  const wire::Attempt name = one.attempt;
  http_->start(std::move(one));
  http_->stop(name);
  vault_.held.front()();
  rest(50);
  EXPECT_TRUE(ended_.empty());
  EXPECT_EQ(server_raw_->heard(), "");
}

TEST_F(VaultTest, AfterA401TheNextAttemptHasTheNewOne) {
  server_raw_ = std::make_unique<RawServer>("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n");
  others_.emplace_back([this] { server_raw_->turn(); });
  open("http://127.0.0.1:" + std::to_string(server_raw_->port()));
  EXPECT_EQ(attempt(call()).status, 401u);
  EXPECT_EQ(header("Authorization"), "old");
  vault_.says("new");
  EXPECT_EQ(attempt(call()).status, 401u);  // it has just been read
  vault_.time = vault_.time + seconds(10);
  EXPECT_EQ(attempt(call()).status, 401u);
  EXPECT_THAT(server_raw_->heard(), Not(HasSubstr("Authorization: new")));
  EXPECT_EQ(attempt(call()).status, 401u);
  EXPECT_THAT(server_raw_->heard(), HasSubstr("Authorization: new"));
}

// Others wait for what may be new; when it does not come they go on as they did.
TEST_F(VaultTest, WhileARefusedOneIsReadInVainItGoesOn) {
  server_raw_ = std::make_unique<RawServer>("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n");
  others_.emplace_back([this] { server_raw_->turn(); });
  open("http://127.0.0.1:" + std::to_string(server_raw_->port()));
  EXPECT_EQ(attempt(call()).status, 401u);
  vault_.holds = true;
  vault_.time = vault_.time + seconds(10);
  EXPECT_EQ(attempt(call()).status, 401u);  // it is doubted
  http_->start(call());
  rest(50);
  EXPECT_EQ(http_->running(), 1u);
  EXPECT_EQ(vault_.held.size(), 1u);
  ended_.clear();
  ASSERT_TRUE(turns([&] { return ended_.size() == 1; }));
  EXPECT_EQ(ended_[0].status, 401u) << "sent, with the old one";
  EXPECT_EQ(http_->trouble(), "");
  EXPECT_EQ(attempt(call()).status, 401u);
  EXPECT_EQ(vault_.held.size(), 1u);
}

TEST_F(VaultTest, A403ForATimeIsNoReasonToReadItAgain) {
  server_raw_ = std::make_unique<RawServer>(
      "HTTP/1.1 403 No\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n");
  others_.emplace_back([this] { server_raw_->turn(); });
  open("http://127.0.0.1:" + std::to_string(server_raw_->port()));
  for (int n = 0; n < 3; ++n) {
    vault_.time = vault_.time + seconds(10);
    EXPECT_EQ(attempt(call()).status, 403u);
  }
  EXPECT_EQ(vault_.asked.size(), 1u);
}

TEST_F(VaultTest, EachKeyHasAFieldOfOneSecret) {
  upstream_.credential = "secret://aws/tokens#{key}";
  upstream_.credential_default = "secret://aws/tokens#all";
  vault_.body = R"({"SecretString":"{\"a-1\":\"of-a\",\"all\":\"shared\"}"})";
  open_raw();
  EXPECT_EQ(of_key("a-1").status, 204u);
  EXPECT_EQ(header("Authorization"), "of-a");
  EXPECT_EQ(of_key("b").status, 204u);
  EXPECT_THAT(server_raw_->heard(), HasSubstr("Authorization: shared"));
  EXPECT_EQ(vault_.asked.size(), 1U);
}

// A number is a token that somebody forgot to quote: not a reason to speak under another's name.
TEST_F(VaultTest, AKeyWhoseFieldIsNoTextDoesNotGoUnderAnothersName) {
  upstream_.credential = "secret://aws/tokens#{key}";
  upstream_.credential_default = "secret://aws/tokens#all";
  vault_.body = R"({"SecretString":"{\"a\":12345,\"b\":null,\"all\":\"shared\"}"})";
  open_raw();
  for (const char* field : {"a", "b"}) {
    const HttpEnded odd = of_key(field);
    EXPECT_EQ(odd.end, HttpEnd::kNoCredential) << field;
    EXPECT_THAT(odd.reason, HasSubstr(std::string("is no text"))) << field;
  }
  EXPECT_EQ(server_raw_->heard(), "");
}

TEST_F(CredentialTest, ARequestIsSignedOverItsBodyByEachSecret) {
  setenv("SIGN_TEST_NEW", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1);
  setenv("SIGN_TEST_OLD", "0123456789abcdef-old", 1);
  upstream_.sign = {"secret://env/SIGN_TEST_NEW", "secret://env/SIGN_TEST_OLD"};
  open_raw();
  StartHttp one = call("/send", R"({"a":"b"})");
  one.request.headers = {{"Webhook-Signature", "v1,forged"}, {"webhook-id", "forged"}};
  one.at = StoreTime{1'800'000'000'123'456};
  const std::string id = one.idempotency_key;
  EXPECT_EQ(attempt(std::move(one)).status, 204u);
  EXPECT_THAT(server_raw_->heard(), Not(HasSubstr("forged")));
  EXPECT_EQ(header("webhook-id"), id);
  EXPECT_EQ(header("Idempotency-Key"), id);
  EXPECT_EQ(header("webhook-timestamp"), "1800000000");
  const std::string signature = header("webhook-signature");
  for (const char* name : {"SIGN_TEST_NEW", "SIGN_TEST_OLD"}) {
    const std::vector<std::string> secrets = {*read_webhook_secret(std::getenv(name))};
    const StoreTime at{1'800'000'000'000'000};
    EXPECT_TRUE(webhook_signature_holds(secrets, {id, at, R"({"a":"b"})"}, signature)) << name;
    EXPECT_FALSE(webhook_signature_holds(secrets, {id, at, R"({"a":"c"})"}, signature)) << name;
  }
}

TEST_F(CredentialTest, WithoutItsSigningSecretNothingLeaves) {
  setenv("SIGN_TEST_SHORT", "short", 1);
  upstream_.sign = {"secret://env/SIGN_TEST_SHORT"};
  open_raw();
  EXPECT_EQ(of_key("a").end, HttpEnd::kNotConnected);
  EXPECT_THAT(http_->trouble(), HasSubstr("SIGN_TEST_SHORT: the secret has 5 bytes"));
  EXPECT_EQ(server_raw_->heard(), "");
}

}  // namespace
}  // namespace sluice::dispatcher
