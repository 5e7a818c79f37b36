// The webhook against a server of three lines: what is posted, and what each answer means.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alerter/sinks.h"
#include "lib/port/poller.h"
#include "tests/alerter/world.h"

namespace sluice::alerter {
namespace {

// Accepts one connection at a time, keeps what it reads, and answers with what it is told.
class Server {
 public:
  Server(port::Poller& poller, std::string answer) : poller_(poller), answer_(std::move(answer)) {
    listener_ = port::UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    CHECK(bind(listener_.get(), raw, size) == 0 && listen(listener_.get(), 8) == 0);
    CHECK(getsockname(listener_.get(), raw, &size) == 0);
    port_ = ntohs(address.sin_port);
    poller_.watch_fd(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_one(); });
  }
  ~Server() {
    poller_.unwatch_fd(listener_.get());
    if (peer_.open()) poller_.unwatch_fd(peer_.get());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/hook";
  }
  std::string got;

 private:
  void accept_one() {
    if (peer_.open()) poller_.unwatch_fd(peer_.get());
    peer_ = port::UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    poller_.watch_fd(peer_.get(), EPOLLIN, [this](std::uint32_t) { read_some(); });
  }
  void read_some() {
    char bytes[4096];
    const ssize_t count = read(peer_.get(), bytes, sizeof bytes);
    if (count > 0) got.append(bytes, static_cast<std::size_t>(count));
    const bool whole = got.find("}}") != std::string::npos;
    if (count > 0 && !whole) return;
    if (count > 0 && !answer_.empty()) {
      EXPECT_EQ(write(peer_.get(), answer_.data(), answer_.size()),
                static_cast<ssize_t>(answer_.size()));
    }
    if (count > 0 && answer_.empty() && silent) return;
    poller_.unwatch_fd(peer_.get());
    peer_ = port::UniqueFd();
  }

  port::Poller& poller_;
  port::UniqueFd listener_;
  port::UniqueFd peer_;
  std::string answer_;
  std::uint16_t port_ = 0;

 public:
  bool silent = false;
};

std::optional<Status> post_to(port::Poller& poller, const std::string& url, Duration timeout) {
  port::HttpClient client(poller);
  std::optional<Status> how;
  Sink sink{"hook", SinkKind::kWebhook, {}, url, timeout};
  post(client, sink, alert_of(7), [&](const Status& status) { how = status; });
  const Instant until = poller.now() + seconds(10);
  while (!how && poller.now() < until) poller.poll(poller.now() + milliseconds(100));
  EXPECT_EQ(client.under_way(), 0U);
  return how;
}

TEST(Webhook, PostsTheJsonUnderTheAlertsId) {
  port::Poller poller;
  Server server(poller, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  const auto how = post_to(poller, server.url(), seconds(5));
  ASSERT_TRUE(how && how->ok());
  EXPECT_TRUE(server.got.starts_with("POST /hook HTTP/1.1\r\n"));
  EXPECT_NE(server.got.find("\r\nIdempotency-Key: \"" + alert_of(7).alert_id + "\"\r\n"),
            std::string::npos);
  EXPECT_NE(server.got.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
  EXPECT_TRUE(server.got.ends_with("\r\n\r\n" + json_of(alert_of(7))));
}

TEST(Webhook, WhatIsNot2xxIsNotDelivered) {
  for (const char* status : {"500 Oops", "404 Not Found", "302 Found\r\nLocation: /elsewhere"}) {
    port::Poller poller;
    Server server(poller, std::string("HTTP/1.1 ") + status +
                              "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    const auto how = post_to(poller, server.url(), seconds(5));
    ASSERT_TRUE(how);
    EXPECT_FALSE(how->ok()) << status;
  }
}

TEST(Webhook, AHangUpASilenceAndARefusalAreNotDelivered) {
  port::Poller poller;
  std::string gone;
  {
    Server server(poller, "");
    const auto hung_up = post_to(poller, server.url(), seconds(5));
    EXPECT_TRUE(hung_up && !hung_up->ok());
    server.silent = true;
    const auto silent = post_to(poller, server.url(), milliseconds(300));
    EXPECT_TRUE(silent && !silent->ok());
    gone = server.url();
  }
  const auto refused = post_to(poller, gone, seconds(5));
  EXPECT_TRUE(refused && !refused->ok());
}

TEST(Webhook, OnlyHttpUrls) {
  for (const char* url : {"", "hook", "ftp://host/", "file:///etc/passwd", "http://"}) {
    EXPECT_FALSE(port::HttpClient::check_url(url).ok()) << url;
  }
  EXPECT_TRUE(port::HttpClient::check_url("https://hooks.example/x?y=1").ok());
}

}  // namespace
}  // namespace sluice::alerter
