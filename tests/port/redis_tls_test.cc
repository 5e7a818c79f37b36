// rediss:// with a real server: whom the client trusts, and what it says when it does not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/port/redis_world.h"
#include "tests/redis/redis_server.h"

namespace sluice::port {
namespace {

// In one directory: an authority ca.pem, and by it server.pem (localhost, 127.0.0.1), wrong.pem
// (for another name), expired.pem, client.pem, each with its key; and other.pem, another authority.
class RedisTlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = testing::TempDir() + "sluice_redis_tls_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory() = pattern;
    const std::string script =
        "set -e; cd " + pattern +
        "; key() { openssl ecparam -genkey -name prime256v1 -noout -out $1.key; }"
        "; authority() { key $1; openssl req -x509 -new -key $1.key -subj /CN=$1 -days 2"
        " -out $1.pem; }"
        "; signed() { key $1; openssl req -new -key $1.key -subj /CN=$1 -out csr;"
        " printf \"subjectAltName=$2\" >san; openssl x509 -req -in csr -CA ca.pem -CAkey ca.key"
        " -CAcreateserial -days $3 -extfile san -out $1.pem; }"
        "; authority ca; authority other; signed server DNS:localhost,IP:127.0.0.1 2"
        "; signed wrong DNS:elsewhere 2; signed expired DNS:localhost -1"
        "; signed client DNS:client 2";
    ASSERT_EQ(std::system(("( " + script + " ) >/dev/null 2>&1").c_str()), 0);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(directory()); }
  static std::string& directory() {
    static std::string path;
    return path;
  }
  static std::string file(const std::string& name) { return directory() + "/" + name; }

  // With that certificate; where clients have to show one, and where they need not.
  void serve(const std::string& certificate, bool asks_clients = false) {
    port_ = std::to_string(free_port());
    redis_ = std::make_unique<RedisServer>(RedisServer::Options{
        .port = true,
        .conf = {"tls-port " + port_, "tls-cert-file " + file(certificate + ".pem"),
                 "tls-key-file " + file(certificate + ".key"), "tls-ca-cert-file " + file("ca.pem"),
                 asks_clients ? "tls-auth-clients yes" : "tls-auth-clients no"}});
  }
  RedisConfig config_for(const std::string& host, const std::string& authority = "ca") const {
    RedisConfig config = RedisWorld::config_for("rediss://" + host + ":" + port_);
    config.tls.ca_file = file(authority + ".pem");
    return config;
  }
  void expect_trouble(const RedisConfig& config, const std::string& why) {
    RedisWorld world;
    ASSERT_EQ(world.open(config), "");
    EXPECT_TRUE(world.run_until([&] {
      return world.client->trouble().find(why) != std::string::npos;
    })) << world.client->trouble();
    EXPECT_TRUE(world.ups.empty());
  }

  std::unique_ptr<RedisServer> redis_;
  std::string port_;
};

TEST_F(RedisTlsTest, CallsAndMegabytesGoBothWays) {
  serve("server");
  for (const char* host : {"localhost", "127.0.0.1"}) {
    RedisWorld world;
    ASSERT_TRUE(world.open_and_wait(config_for(host))) << world.client->trouble();
    std::string big(3 * 1024 * 1024, 'x');
    for (std::size_t i = 0; i < big.size(); i += 7) big[i] = static_cast<char>(i);
    int right = 0;
    for (int i = 0; i < 5; ++i) {
      world.say({"ECHO", big}, [&](RedisAnswer& answer) { right += answer.value.text == big; });
      for (int n = 0; n < 1'000; ++n) {
        world.say({"ECHO", std::to_string(n)},
                  [&, n](RedisAnswer& answer) { right += answer.value.text == std::to_string(n); });
      }
    }
    ASSERT_TRUE(world.run_until([&] { return world.client->calls_under_way() == 0; }));
    EXPECT_EQ(right, 5'005);
  }
}

TEST_F(RedisTlsTest, AnUnknownAuthorityIsRefused) {
  serve("server");
  expect_trouble(config_for("localhost", "other"),
                 "connecting: TLS: the server's certificate is refused: self-signed certificate in "
                 "certificate chain");
  RedisConfig system = config_for("localhost");
  system.tls.ca_file.clear();
  expect_trouble(system, "TLS: the server's certificate is refused: ");
}

TEST_F(RedisTlsTest, AnotherNameIsRefusedUnlessItIsTheOneAskedFor) {
  serve("wrong");
  expect_trouble(config_for("localhost"), "certificate is refused: hostname mismatch");
  expect_trouble(config_for("127.0.0.1"), "certificate is refused: IP address mismatch");
  RedisConfig config = config_for("127.0.0.1");
  config.tls.server_name = "elsewhere";
  RedisWorld world;
  EXPECT_TRUE(world.open_and_wait(config));
}

TEST_F(RedisTlsTest, AnExpiredCertificateIsRefused) {
  serve("expired");
  expect_trouble(config_for("localhost"), "certificate is refused: certificate has expired");
}

TEST_F(RedisTlsTest, AClientsCertificateIsShownWhereItIsAskedFor) {
  serve("server", true);
  expect_trouble(config_for("localhost"), "certificate required");
  RedisConfig config = config_for("localhost");
  config.tls.certificate_file = file("client.pem");
  config.tls.key_file = file("client.key");
  RedisWorld world;
  ASSERT_TRUE(world.open_and_wait(config)) << world.client->trouble();
  EXPECT_EQ(world.ask({"ECHO", "mine"}).value.text, "mine");
}

TEST_F(RedisTlsTest, FilesThatDoNotFitAreSaidBeforeAnythingIsTried) {
  RedisWorld world;
  RedisConfig config = RedisWorld::config_for("rediss://localhost");
  config.tls.certificate_file = file("client.pem");
  EXPECT_EQ(world.open(config), "TLS: a client certificate and its key go together");
  config.tls.key_file = file("server.key");
  EXPECT_NE(world.open(config).find("key values mismatch"), std::string::npos)
      << world.open(config);
  config.tls.key_file = file("ca.pem");
  EXPECT_TRUE(world.open(config).starts_with("TLS: key " + file("ca.pem") + ": "));
}

TEST_F(RedisTlsTest, TlsAndPlainDoNotMeet) {
  serve("server");
  // Closed or reset, as it happens.
  expect_trouble(RedisWorld::config_for("redis://localhost:" + port_), "after connecting: ");
  RedisConfig tls = config_for("localhost");
  tls.urls = {"rediss://localhost:" + std::to_string(redis_->port())};
  tls.connect_timeout = milliseconds(500);
  expect_trouble(tls, "TLS: no answer in time: is it a port for TLS?");
}

TEST_F(RedisTlsTest, AKilledServerIsFoundAgainByItsName) {
  serve("server");
  RedisWorld world;
  ASSERT_TRUE(world.open_and_wait(config_for("localhost")));
  redis_->freeze();
  RedisAnswer answer;
  world.say({"INCR", "n"}, [&](RedisAnswer& got) { answer = got; });
  world.poller.poll(world.poller.now());
  redis_->kill();
  ASSERT_TRUE(world.run_until([&] { return !answer.why.empty(); }));
  EXPECT_EQ(answer.end, End::kUnknown);
  redis_->start();
  ASSERT_TRUE(world.run_until([&] { return world.ups.size() == 2; }));
}

}  // namespace
}  // namespace sluice::port
