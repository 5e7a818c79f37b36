// TLS against a server of our own, with an authority made for the test by the openssl program.
#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/dispatcher/certificates.h"
#include "tests/dispatcher/world.h"

namespace sluice::dispatcher {
namespace {

// Answers every request with 200 and keeps the connection.
class TlsServer {
 public:
  explicit TlsServer(const std::string& folder)
      : listener_(listen_on_loopback(16, port_)), context_(SSL_CTX_new(TLS_server_method())) {
    EXPECT_EQ(
        SSL_CTX_use_certificate_file(context_, (folder + "/server.pem").c_str(), SSL_FILETYPE_PEM),
        1);
    EXPECT_EQ(
        SSL_CTX_use_PrivateKey_file(context_, (folder + "/server.key").c_str(), SSL_FILETYPE_PEM),
        1);
  }
  ~TlsServer() {
    for (SSL* peer : peers_) {
      ::close(SSL_get_fd(peer));
      SSL_free(peer);
    }
    SSL_CTX_free(context_);
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  void turn() {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      peers_.push_back(SSL_new(context_));
      SSL_set_fd(peers_.back(), fd);
      SSL_set_accept_state(peers_.back());
    }
    for (SSL* peer : peers_) {
      char buffer[4096];
      const int got = SSL_read(peer, buffer, sizeof buffer);
      if (got <= 0) continue;
      heard_.append(buffer, static_cast<std::size_t>(got));
      if (!heard_.ends_with("{}")) continue;
      ++requests_;
      heard_.clear();
      const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
      SSL_write(peer, answer.data(), static_cast<int>(answer.size()));
    }
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int requests() const { return requests_; }
  [[nodiscard]] std::size_t connections() const { return peers_.size(); }

 private:
  std::uint16_t port_ = 0;
  port::UniqueFd listener_;
  SSL_CTX* context_;
  std::vector<SSL*> peers_;
  std::string heard_;
  int requests_ = 0;
};

class TlsTest : public World {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/sluice-tls-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    ASSERT_TRUE(make_certificates(folder_));
    server_tls_ = std::make_unique<TlsServer>(folder_);
    others_.emplace_back([this] { server_tls_->turn(); });
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(server_tls_->port());
  }
  std::string folder_;
  std::unique_ptr<TlsServer> server_tls_;
};

TEST_F(TlsTest, ATrustedServerIsSpokenToAndItsConnectionKept) {
  upstream_.ca_file = folder_ + "/ca.pem";
  open(url("localhost"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(attempt(call()).status, 200u);
  EXPECT_EQ(server_tls_->requests(), 3);
  EXPECT_EQ(server_tls_->connections(), 1u);
}

TEST_F(TlsTest, TheKeysOfItsSessionsAreWrittenNowhere) {
  const std::string keys = folder_ + "/keys";
  setenv("SSLKEYLOGFILE", keys.c_str(), 1);
  upstream_.ca_file = folder_ + "/ca.pem";
  open(url("localhost"));
  EXPECT_EQ(attempt(call()).status, 200u);
  EXPECT_FALSE(std::filesystem::exists(keys));
}

TEST_F(TlsTest, AServerWithoutHttp2IsSpokenToIn11) {
  upstream_.ca_file = folder_ + "/ca.pem";
  upstream_.http = HttpVersion::k2;
  open(url("localhost"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(attempt(call()).status, 200u);
  EXPECT_EQ(server_tls_->connections(), 1u);
}

TEST_F(TlsTest, AnUnknownAuthorityIsRefusedBeforeTheFirstByte) {
  open(url("localhost"));
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kNotConnected);
  EXPECT_EQ(ended.reason, "certificate not trusted");
  EXPECT_EQ(server_tls_->requests(), 0);
}

TEST_F(TlsTest, AnotherNameIsRefused) {
  upstream_.ca_file = folder_ + "/ca.pem";
  open(url("127.0.0.1"));
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kNotConnected);
  EXPECT_EQ(ended.reason, "certificate not trusted");
}

TEST_F(TlsTest, APlainServerIsNoTlsServer) {
  open("https://127.0.0.1:" + std::to_string(server_->port()));
  EXPECT_EQ(attempt(call()).end, HttpEnd::kNotConnected);
  EXPECT_THAT(report(), ::testing::HasSubstr("\"arrivals\": 0"));
}

}  // namespace
}  // namespace sluice::dispatcher
