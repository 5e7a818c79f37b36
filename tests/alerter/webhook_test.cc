// The webhook against a server of three lines: what is posted, and what each answer means.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alerter/sinks.h"
#include "alerter/webhook.h"
#include "lib/digest/webhook_signature.h"
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
    const bool whole = got.find("}]}") != std::string::npos;
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

constexpr StoreTime kNow{1'795'219'200'000'000};

std::optional<Delivered> post_to(port::Poller& poller, Sink sink) {
  port::HttpClient client(poller);
  std::optional<Delivered> how;
  sink.kind = SinkKind::kWebhook;
  auto call = webhook_call(sink, {alert_of(7)}, kNow);
  EXPECT_TRUE(call.ok());
  client.send(std::move(*call), [&](const port::HttpAnswer& answer) { how = judged(answer); });
  const Instant until = poller.now() + seconds(10);
  while (!how && poller.now() < until) poller.poll(poller.now() + milliseconds(100));
  EXPECT_EQ(client.under_way(), 0U);
  return how;
}

Sink hook(std::string url, Duration timeout = seconds(5)) {
  Sink sink;
  sink.name = "hook";
  sink.url = std::move(url);
  sink.timeout = timeout;
  return sink;
}

std::string header(const std::string& request, const std::string& name) {
  const std::size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const std::size_t from = at + name.size() + 4;
  return request.substr(from, request.find("\r\n", from) - from);
}

TEST(Webhook, PostsTheJsonUnderTheAlertsId) {
  port::Poller poller;
  Server server(poller, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  const auto how = post_to(poller, hook(server.url()));
  ASSERT_TRUE(how && how->ok);
  EXPECT_TRUE(server.got.starts_with("POST /hook HTTP/1.1\r\n"));
  EXPECT_EQ(header(server.got, "Idempotency-Key"), "\"" + alert_of(7).alert_id + "\"");
  EXPECT_EQ(header(server.got, "Content-Type"), "application/json");
  EXPECT_EQ(header(server.got, "webhook-id"), alert_of(7).alert_id);
  EXPECT_EQ(header(server.got, "webhook-signature"), "");
  EXPECT_TRUE(server.got.ends_with("\r\n\r\n{\"alerts\":[" + json_of(alert_of(7)) + "]}"));
}

TEST(Webhook, EachSecretSignsAndIsReadEachTime) {
  setenv("SLUICE_TEST_HOOK_OLD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1);
  setenv("SLUICE_TEST_HOOK_NEW", "a-new-secret-of-32-characters-or", 1);
  port::Poller poller;
  Server server(poller, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  Sink sink = hook(server.url());
  sink.secrets = {"secret://env/SLUICE_TEST_HOOK_OLD", "secret://env/SLUICE_TEST_HOOK_NEW"};
  ASSERT_TRUE(post_to(poller, sink)->ok);
  const std::string body = webhook_body({alert_of(7)});
  const std::string id = alert_of(7).alert_id;
  const WebhookContent content{id, kNow, body};
  EXPECT_EQ(header(server.got, "webhook-timestamp"), "1795219200");
  for (const char* written :
       {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a-new-secret-of-32-characters-or"}) {
    const std::vector<std::string> secrets = {read_webhook_secret(written).value()};
    EXPECT_TRUE(webhook_signature_holds(secrets, content, header(server.got, "webhook-signature")));
  }
  unsetenv("SLUICE_TEST_HOOK_OLD");
  const auto call = webhook_call(sink, {alert_of(7)}, kNow);
  ASSERT_FALSE(call.ok());
  EXPECT_NE(call.error().what.find("secret://env/SLUICE_TEST_HOOK_OLD"), std::string::npos);
  EXPECT_EQ(call.error().what.find("new-secret"), std::string::npos);
}

// A reference to another secret than was meant: HTTP would quote it as a host that is not found.
TEST(Webhook, ASecretThatIsNoUrlIsNotQuoted) {
  const port::ReadSecret read = [](const std::string&) { return Result<std::string>("hunter2"); };
  const auto call = webhook_call(hook("secret://aws/hook#token"), {alert_of(7)}, kNow, read);
  ASSERT_FALSE(call.ok());
  EXPECT_EQ(call.error().what, "secret://aws/hook#token: is no http(s) URL");
  EXPECT_EQ(url_of("secret://env/BEAT", read).error().what, "secret://env/BEAT: is no http(s) URL");
}

TEST(Webhook, AListHasAnIdOfItsOwn) {
  const std::vector<wire::Alert> two = {alert_of(1), alert_of(2)};
  EXPECT_EQ(webhook_body(two),
            "{\"alerts\":[" + json_of(alert_of(1)) + "," + json_of(alert_of(2)) + "]}");
  EXPECT_EQ(webhook_id(two), webhook_id(two));
  EXPECT_NE(webhook_id(two), webhook_id({alert_of(1), alert_of(3)}));
  EXPECT_EQ(webhook_id(two).size(), 32U);
}

TEST(Webhook, WhatEachAnswerMeans) {
  struct Case {
    const char* answer;
    bool refused;
    bool unwelcome;
    Duration retry_after;
  };
  for (const Case& one :
       {Case{"500 Oops", false, false, {}}, Case{"400 Bad Request", true, false, {}},
        Case{"413 Too Large", true, false, {}}, Case{"422 What", true, false, {}},
        Case{"401 Who", false, true, {}}, Case{"403 Not you", false, true, {}},
        Case{"404 Not Found", false, true, {}}, Case{"410 Gone", false, true, {}},
        Case{"408 Request Timeout", false, false, {}},
        Case{"429 Slow Down\r\nRetry-After: 17", false, false, seconds(17)},
        Case{"503 Away\r\nRetry-After: 2", false, false, seconds(2)},
        Case{"302 Found\r\nLocation: /elsewhere", false, false, {}}}) {
    port::Poller poller;
    Server server(poller, std::string("HTTP/1.1 ") + one.answer +
                              "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    const auto how = post_to(poller, hook(server.url()));
    ASSERT_TRUE(how);
    EXPECT_FALSE(how->ok) << one.answer;
    EXPECT_EQ(how->refused, one.refused) << one.answer;
    EXPECT_EQ(how->unwelcome, one.unwelcome) << one.answer;
    EXPECT_EQ(how->retry_after, one.retry_after) << one.answer;
  }
}

TEST(Webhook, AHangUpASilenceAndARefusalAreNotDelivered) {
  port::Poller poller;
  std::string gone;
  {
    Server server(poller, "");
    const auto hung_up = post_to(poller, hook(server.url()));
    EXPECT_TRUE(hung_up && !hung_up->ok && !hung_up->refused);
    server.silent = true;
    const auto silent = post_to(poller, hook(server.url(), milliseconds(300)));
    EXPECT_TRUE(silent && !silent->ok && !silent->refused);
    gone = server.url();
  }
  const auto refused = post_to(poller, hook(gone));
  EXPECT_TRUE(refused && !refused->ok && !refused->refused);
}

TEST(Webhook, OnlyHttpUrls) {
  for (const char* url : {"", "hook", "ftp://host/", "file:///etc/passwd", "http://"}) {
    EXPECT_FALSE(port::HttpClient::check_url(url).ok()) << url;
  }
  EXPECT_TRUE(port::HttpClient::check_url("https://hooks.example/x?y=1").ok());
}

}  // namespace
}  // namespace sluice::alerter
