#include "lib/port/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "lib/port/clock.h"

namespace sluice::port {
namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override { open({}); }
  void open(HttpServerConfig config) {
    server_.reset();
    config.listen = "127.0.0.1:0";
    if (config.body_max == HttpServerConfig{}.body_max) config.body_max = 1000;
    auto opened = HttpServer::open(poller_, config, [this](HttpRequest request) {
      requests_.push_back(request);
      if (answer_at_once_) return server_->respond(request.id, {200, "at once: " + request.body});
      waiting_.push_back(request.id);
    });
    ASSERT_TRUE(opened) << opened.error().what;
    server_ = std::move(*opened);
  }
  void TearDown() override {
    for (const int fd : sockets_) close(fd);
  }
  int connect() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    sockets_.push_back(fd);
    pollfd ready{fd, POLLOUT, 0};
    EXPECT_EQ(poll(&ready, 1, 2000), 1);
    return fd;
  }
  void say(int fd, const std::string& text) {
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // Runs the loop until the text that came back satisfies it, the peer closed, or time is up.
  template <class Until>
  std::string hear(int fd, Until until, Duration at_most = seconds(3)) {
    std::string heard;
    closed_ = false;
    const Instant end = steady_now() + at_most;
    while (!until(heard) && !closed_ && steady_now() < end) {
      poller_.poll(steady_now() + milliseconds(5));
      char bytes[4096];
      ssize_t got = 0;
      while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        heard.append(bytes, static_cast<std::size_t>(got));
      }
      closed_ = got == 0 || (got < 0 && errno == ECONNRESET);
      for (const std::uint64_t id : std::exchange(waiting_, {})) {
        if (hold_) {
          held_.push_back(id);
        } else {
          server_->respond(id, {202, "later"});
        }
      }
    }
    return heard;
  }
  std::string hear_closed(int fd, Duration at_most = seconds(3)) {
    return hear(
        fd, [](const std::string&) { return false; }, at_most);
  }
  std::string refused(const std::string& request) {
    const int fd = connect();
    say(fd, request);
    const std::string heard = hear_closed(fd);
    EXPECT_TRUE(closed_) << request;
    EXPECT_TRUE(requests_.empty()) << request;
    return heard.substr(0, 12);
  }

  Poller poller_;
  std::unique_ptr<HttpServer> server_;
  std::vector<HttpRequest> requests_;
  std::vector<std::uint64_t> waiting_, held_;
  std::vector<int> sockets_;
  bool answer_at_once_ = true, hold_ = false, closed_ = false;
};

const std::string kPost =
    "POST /v1/messages?a=b%20c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";

TEST_F(HttpServerTest, HandsOverWholeRequests) {
  const int fd = connect();
  say(fd, kPost);
  const auto heard = hear(fd, [](const std::string& t) { return t.find("hello") != t.npos; });
  EXPECT_EQ(heard.substr(0, 15), "HTTP/1.1 200 OK");
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].method, "POST");
  EXPECT_EQ(requests_[0].path, "/v1/messages");
  EXPECT_EQ(requests_[0].query, "a=b%20c");
  EXPECT_EQ(requests_[0].parameter("a"), "b c");
  EXPECT_EQ(requests_[0].parameter("z"), std::nullopt);
  EXPECT_EQ(*requests_[0].header("HOST"), "x");
  EXPECT_TRUE(requests_[0].from_here);
}

TEST_F(HttpServerTest, ThePathStaysAsItWasSent) {
  const int fd = connect();
  say(fd, "GET /a%2Fb/../c%00d HTTP/1.1\r\nHost: x\r\n\r\n");
  hear(fd, [](const std::string& t) { return !t.empty(); });
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].path, "/a%2Fb/../c%00d");
}

TEST_F(HttpServerTest, PipelinedAndLateAnswersKeepTheirOrderAndDoNotHang) {
  answer_at_once_ = false;
  const int fd = connect();
  std::string many;
  for (int i = 0; i < 20; ++i) many += kPost;
  say(fd, many);
  const auto heard =
      hear(fd, [](const std::string& t) { return count_of(t, "HTTP/1.1 202") == 20; });
  EXPECT_EQ(count_of(heard, "HTTP/1.1 202"), 20u);
  EXPECT_EQ(requests_.size(), 20u);
  EXPECT_FALSE(closed_);
}

TEST_F(HttpServerTest, PipelinedAnswersAtOnce) {
  const int fd = connect();
  std::string many;
  for (int i = 0; i < 50; ++i) many += kPost;
  say(fd, many);
  const auto heard =
      hear(fd, [](const std::string& t) { return count_of(t, "HTTP/1.1 200") == 50; });
  EXPECT_EQ(count_of(heard, "HTTP/1.1 200"), 50u);
}

TEST_F(HttpServerTest, ManyConnectionsOneAfterTheOtherOnKeepAlive) {
  answer_at_once_ = false;
  std::vector<int> fds;
  for (int i = 0; i < 50; ++i) fds.push_back(connect());
  for (int round = 0; round < 3; ++round) {
    for (const int fd : fds) say(fd, kPost);
    for (const int fd : fds) {
      const auto heard = hear(fd, [](const std::string& t) { return t.find("later") != t.npos; });
      ASSERT_EQ(count_of(heard, "HTTP/1.1 202"), 1u);
    }
  }
  EXPECT_EQ(requests_.size(), 150u);
}

TEST_F(HttpServerTest, WhatIsNotClearlyOneRequestIsRefusedAndClosed) {
  const std::string start = "POST / HTTP/1.1\r\n";
  for (const std::string& headers : std::vector<std::string>{
           "Host: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
           "Host: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
           "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
           "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
           "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n",
           "Host: x\r\nTransfer-Encoding: identity\r\n",
           "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Host: x\r\nContent-Length: +5\r\n", "Host: x\r\nContent-Length: 0x5\r\n",
           "Host: x\r\nContent-Length: 5, 5\r\n", "Host: x\r\nContent-Length: -1\r\n",
           "Host: x\r\nContent-Length : 5\r\n", "Host: x\r\nBad Name: 5\r\n",
           "Host: x\r\nHost: y\r\nContent-Length: 5\r\n", "Content-Length: 5\r\n",
           "Host:\r\nContent-Length: 5\r\n"}) {
    EXPECT_EQ(refused(start + headers + "\r\nhello"), "HTTP/1.1 400") << headers;
  }
}

// Endings of lines that others read differently: refused, or the one framing that all agree on.
TEST_F(HttpServerTest, OddEndingsOfLinesFrameNothingElse) {
  for (const std::string& headers : std::vector<std::string>{
           "Host: x\r\nX: a\rContent-Length: 50\r\nContent-Length: 5\r\n",
           "Host: x\r\nX: a\n Content-Length: 50\r\nContent-Length: 5\r\n",
           "Host: x\nContent-Length: 5\n", "Host: x\r\nContent-Length:\r\n 5\r\n",
           "Host: x\r\nContent-Length: \r\n\t5\r\n", "Host: x\r\nContent-Length: 5\r\n 0\r\n",
           "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n",
           "Host: x\r\nX: a\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n"}) {
    requests_.clear();
    const int fd = connect();
    say(fd, "POST / HTTP/1.1\r\n" + headers + "\r\nhello");
    const auto heard = hear(fd, [](const std::string& t) { return t.find("\r\n\r\n") != t.npos; });
    if (heard.substr(0, 12) == "HTTP/1.1 400") continue;
    ASSERT_EQ(requests_.size(), 1U) << headers << heard;
    EXPECT_EQ(requests_[0].body, "hello") << headers;
  }
}

TEST_F(HttpServerTest, ARefusalIsOneAnswerThatNamesTheField) {
  for (const auto& [request, field] : std::vector<std::pair<std::string, std::string>>{
           {"GET / HTTP/1.1\r\n\r\n", "Host"},
           {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
           {"GET /a?b c HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
           {"GET /a\x01 HTTP/1.1\r\nHost: x\r\n\r\n", "target"}}) {
    const int fd = connect();
    say(fd, request);
    const auto heard = hear_closed(fd);
    EXPECT_TRUE(closed_) << request;
    EXPECT_EQ(heard.substr(0, 12), "HTTP/1.1 400") << request;
    EXPECT_EQ(count_of(heard, "HTTP/1.1"), 1u) << heard;
    EXPECT_NE(heard.find("\"field\":\"" + field), std::string::npos) << heard;
  }
  EXPECT_TRUE(requests_.empty());
}

TEST_F(HttpServerTest, TwoLengthsAreRefusedBeforeTheBodyIsThere) {
  const int fd = connect();
  say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\nContent-Length: 5\r\n\r\n");
  const auto heard = hear_closed(fd);
  EXPECT_EQ(heard.substr(0, 12), "HTTP/1.1 400");
  EXPECT_NE(heard.find("Content-Length"), std::string::npos);
  EXPECT_NE(heard.find("onnection: close"), std::string::npos);
}

TEST_F(HttpServerTest, LargeBodies) {
  EXPECT_EQ(refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"), "HTTP/1.1 413");
  std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 3; ++i) chunked += "1f4\r\n" + std::string(500, 'x') + "\r\n";
  EXPECT_EQ(refused(chunked + "0\r\n\r\n"), "HTTP/1.1 413");
  const int fd = connect();
  say(fd,
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  const auto heard = hear(fd, [](const std::string& t) { return t.find("hello") != t.npos; });
  EXPECT_EQ(heard.substr(0, 12), "HTTP/1.1 200");
}

TEST_F(HttpServerTest, LargeHeadersAreRefused) {
  const int fd = connect();
  say(fd, "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(60'000, 'x') + "\r\n\r\n");
  const auto heard = hear_closed(fd);
  EXPECT_EQ(heard.substr(0, 10), "HTTP/1.1 4");
  EXPECT_TRUE(requests_.empty());
}

TEST_F(HttpServerTest, SlowClientsAreCutAndDisturbNobody) {
  HttpServerConfig config;
  config.idle_timeout = seconds(1);
  open(config);
  const int slow = connect();
  say(slow, "POST / HTTP/1.1\r\nHost: x\r\n");
  const Instant start = steady_now();
  bool cut = false;
  while (!cut && steady_now() - start < seconds(10)) {
    // A byte now and then, so that it is never idle.
    cut = send(slow, "X", 1, MSG_NOSIGNAL) != 1;
    const int quick = connect();
    say(quick, kPost);
    EXPECT_NE(hear(quick, [](const std::string& t) { return t.find("hello") != t.npos; }), "");
    hear_closed(slow, milliseconds(300));
    cut = cut || closed_;
  }
  EXPECT_TRUE(cut);
  EXPECT_LT(steady_now() - start, seconds(6));
}

TEST_F(HttpServerTest, TooManyRequestsInHandAreTurnedAway) {
  HttpServerConfig config;
  config.requests_max = 2;
  open(config);
  answer_at_once_ = false;
  hold_ = true;
  const int first = connect();
  const int second = connect();
  const int third = connect();
  say(first, kPost);
  say(second, kPost);
  hear_closed(first, milliseconds(100));
  EXPECT_EQ(server_->open_requests(), 2u);
  say(third, kPost);
  const auto heard = hear_closed(third);
  EXPECT_EQ(heard.substr(0, 12), "HTTP/1.1 503");
  EXPECT_NE(heard.find("Retry-After: 1"), std::string::npos);
}

TEST_F(HttpServerTest, StopsWithOpenRequestsAndIgnoresLateAnswers) {
  answer_at_once_ = false;
  hold_ = true;
  const int fd = connect();
  say(fd, kPost);
  const int gone = connect();
  say(gone, kPost);
  hear_closed(fd, milliseconds(100));
  ASSERT_EQ(held_.size(), 2u);
  close(gone);
  sockets_.pop_back();
  server_->respond(held_[1], {200, "nobody hears"});
  server_->respond(held_[1], {200, "twice"});
  server_->respond(4711, {200, "never asked"});
  server_->stop_listening();
  server_.reset();
  EXPECT_EQ(hear_closed(fd).substr(0, 12), "HTTP/1.1 503");
}

TEST_F(HttpServerTest, ALargeAnswerLeavesWholeBeforeTheEnd) {
  answer_at_once_ = false;
  hold_ = true;
  const int fd = connect();
  say(fd, kPost);
  hear(fd, [&](const std::string&) { return !held_.empty(); });
  ASSERT_EQ(held_.size(), 1u);
  const std::string large(12'000'000, 'x');
  server_->respond(held_[0], {200, large});
  std::size_t got = 0;
  std::thread reader([&] {
    std::string bytes(65'536, '\0');
    pollfd ready{fd, POLLIN, 0};
    while (poll(&ready, 1, 5000) == 1) {
      const ssize_t size = recv(fd, bytes.data(), bytes.size(), 0);
      if (size <= 0) break;
      got += static_cast<std::size_t>(size);
    }
  });
  server_.reset();
  reader.join();
  EXPECT_GT(got, large.size());
}

TEST_F(HttpServerTest, ATakenPortIsNamed) {
  HttpServerConfig config;
  config.listen = "127.0.0.1:" + std::to_string(server_->port());
  const auto second = HttpServer::open(poller_, config, [](HttpRequest) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Trouble::kUnavailable);
  EXPECT_NE(second.error().what.find(config.listen), std::string::npos);
  for (const char* wrong : {"nonsense", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:99999",
                            "127.0.0.1:-1", ":80", ""}) {
    config.listen = wrong;
    const auto none = HttpServer::open(poller_, config, [](HttpRequest) {});
    ASSERT_FALSE(none) << wrong;
    EXPECT_EQ(none.error().code, Trouble::kSettings) << wrong;
  }
}

TEST_F(HttpServerTest, NoiseIsRefused) {
  for (const std::string& noise : std::vector<std::string>{
           "\r\n\r\n\r\nGET\r\n\r\n", std::string("GET \0/ HTTP/1.1\r\n\r\n", 19),
           "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "GET http://evil/ HTTP/1.1\r\nHost: x\r\n\r\n",
           "GET / HTTP/1.1\r\nno colon\r\n\r\n", std::string(300, '\x01') + "\r\n\r\n"}) {
    const int fd = connect();
    say(fd, noise);
    shutdown(fd, SHUT_WR);
    const auto heard = hear_closed(fd);
    EXPECT_TRUE(closed_) << noise;
    EXPECT_NE(heard.substr(0, 10), "HTTP/1.1 2") << noise;
  }
  EXPECT_TRUE(requests_.empty());
}

TEST(HttpText, Problems) {
  EXPECT_EQ(problem(400, "Bad \"x\"", "d\n", "key").body,
            "{\"status\":400,\"title\":\"Bad \\\"x\\\"\",\"detail\":\"d\\n\",\"field\":\"key\"}\n");
  EXPECT_EQ(json_quoted(std::string("\xff\x01ok\xc3\xa4", 6)), "\"\\ufffd\\u0001ok\xc3\xa4\"");
  EXPECT_EQ(broken_parameter("a=%41b+&b"), std::nullopt);
  EXPECT_EQ(broken_parameter("a=1&b=50%&c=%"), "b");
  EXPECT_EQ(broken_parameter("%4=1"), "%4");
}

}  // namespace
}  // namespace sluice::port
