// The hostile upstream over loopback. Client and server take turns in one thread.
#include "tests/upstream/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>

namespace sluice::upstream {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Client {
 public:
  explicit Client(Server& server) : server_(server), fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& bytes) {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    for (int i = 0; i < 3; ++i) server_.turn(1);
  }
  // Serves until an answer is whole ("}\n" or "ok\n" ends every one), or the connection ends.
  std::string answer(int turns = 400) {
    std::string got;
    char buffer[4096];
    for (int i = 0; i < turns; ++i) {
      server_.turn(5);
      const ssize_t n = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n == 0) return got + "<closed>";
      if (n < 0 && errno == ECONNRESET) return got + "<reset>";
      if (n > 0) got.append(buffer, static_cast<std::size_t>(n));
      if (got.ends_with("}\n") || got.ends_with("ok\n")) return got;
    }
    return got;
  }
  std::string post(const std::string& user, const std::string& name, const std::string& behave) {
    const std::string body = R"({"userId":")" + user + R"(","behave":")" + behave + R"("})";
    send("POST /send HTTP/1.1\r\nIdempotency-Key: " + name +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return answer();
  }

 private:
  Server& server_;
  int fd_;
};

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { open({}); }
  void open(Options options) {
    options.port = 0;
    auto opened = Server::open(options);
    ASSERT_TRUE(opened);
    server_ = std::move(*opened);
  }
  std::string report() {
    Client client(*server_);
    client.send("GET /report HTTP/1.1\r\n\r\n");
    return client.answer();
  }
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, TheEleventhArrivalBansTheKeyForEver) {
  Client client(*server_);
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(client.post("u1", "a" + std::to_string(i), "ok"), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(client.post("u1", "a10", "ok"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(client.post("u1", "a11", "ok"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(client.post("u2", "b0", "ok"), StartsWith("HTTP/1.1 200"));
  const KeyTally* key = server_->tally().find("u1");
  ASSERT_NE(key, nullptr);
  EXPECT_TRUE(key->banned);
  EXPECT_EQ(key->window.fullest(), 12u);
  EXPECT_EQ(key->after_ban, 1u);
  EXPECT_THAT(report(), HasSubstr("\"bans\": 1"));
}

// In every closed window, not in every minute of the clock: what came leaves after W and no
// earlier.
TEST_F(ServerTest, TheWindowSlidesAndIsNotABucket) {
  Options options;
  options.rules.n = 2;
  options.rules.window = 400'000'000;
  open(options);
  const auto wait = [this](int ms) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
    while (std::chrono::steady_clock::now() < until) server_->turn(5);
  };
  Client client(*server_);
  EXPECT_THAT(client.post("u1", "a", "ok"), StartsWith("HTTP/1.1 200"));
  wait(250);
  EXPECT_THAT(client.post("u1", "b", "ok"), StartsWith("HTTP/1.1 200"));
  wait(250);  // "a" has left the window
  EXPECT_THAT(client.post("u1", "c", "ok"), StartsWith("HTTP/1.1 200"));
  EXPECT_FALSE(server_->tally().find("u1")->banned);
  EXPECT_THAT(client.post("u1", "d", "ok"), StartsWith("HTTP/1.1 403"));  // with "b" and "c"
  EXPECT_EQ(server_->tally().find("u1")->window.fullest(), 3u);
}

// Whatever the answer was, and whether there was one: an arrival is an arrival.
TEST_F(ServerTest, ArrivalsThatGotNoAnswerCountToo) {
  Options options;
  options.rules.n = 4;
  open(options);
  for (const char* how : {"429:1", "hangup", "reset", "lost"}) {
    (void)Client(*server_).post("u1", how, how);
  }
  EXPECT_FALSE(server_->tally().find("u1")->banned);
  EXPECT_THAT(Client(*server_).post("u1", "one more", "ok"), StartsWith("HTTP/1.1 403"));
}

TEST_F(ServerTest, WithoutBansItOnlyCounts) {
  Options options;
  options.rules.ban = false;
  options.rules.n = 1;
  open(options);
  Client client(*server_);
  EXPECT_THAT(client.post("u1", "a", "ok"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(client.post("u1", "b", "ok"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(server_->tally().find("u1")->over, 1u);
}

TEST_F(ServerTest, AnArrivalIsWhenTheFirstByteIsReadNotTheLast) {
  Options options;
  options.rules.n = 1;
  options.rules.window = 40'000'000;
  open(options);
  Client slow(*server_);
  Client quick(*server_);
  slow.send("POST / HTTP/1.1\r\nContent-Length: 15\r\n\r\n");
  for (int i = 0; i < 12; ++i) server_->turn(5);  // the window of that first byte is over
  EXPECT_THAT(quick.post("u1", "b", "ok"), StartsWith("HTTP/1.1 200"));
  slow.send(R"({"userId":"u1"})");
  EXPECT_THAT(slow.answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(server_->tally().find("u1")->window.fullest(), 1u);
}

TEST_F(ServerTest, TimesOfEachRequestAreKeptOnRequest) {
  Client first(*server_);
  first.post("u1", "a", "ok");
  EXPECT_TRUE(server_->times().empty());
  Options options;
  options.times_file = "times";
  open(options);
  Client client(*server_);
  client.post("u1", "a", "ok");
  client.post("u1", "b", "slow:20");
  ASSERT_EQ(server_->times().size(), 2u);
  EXPECT_EQ(server_->times()[0].name, "a");
  EXPECT_LE(server_->times()[0].first_byte, server_->times()[0].answered);
  const Timed& slow = server_->times()[1];
  EXPECT_EQ(slow.name, "b");
  EXPECT_GE(slow.answered - slow.first_byte, 20'000'000);
}

TEST_F(ServerTest, BehavesAsTheRequestAsks) {
  const auto once = [this](const std::string& name, const std::string& behave) {
    return Client(*server_).post("u-" + name, name, behave);
  };
  EXPECT_THAT(once("a", "429:7"), HasSubstr("\r\nRetry-After: 7\r\n"));
  EXPECT_THAT(once("b", "503-date:7"), HasSubstr(" GMT\r\nRetry-After: "));
  EXPECT_THAT(once("c", "500"), StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(once("d", "302"), HasSubstr("\r\nLocation: /redirected\r\n"));
  EXPECT_EQ(once("e", "reset"), "<reset>");
  EXPECT_EQ(once("f", "hangup"), "<closed>");
  EXPECT_EQ(once("g", "lost"), "<closed>");
  EXPECT_THAT(once("h", "slow:30"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(once("i", "trickle:1"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(once("j", "nonsense"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(report(), HasSubstr("\"arrivals\": 10"));
}

TEST_F(ServerTest, RepeatsAreCountedByWhatTheyFollow) {
  const auto again = [this](const std::string& name, const std::string& behave) {
    return Client(*server_).post("u", name, behave);
  };
  (void)again("a", "429:1*1");
  EXPECT_THAT(again("a", "429:1*1"), StartsWith("HTTP/1.1 200"));  // after a refusal
  EXPECT_THAT(again("a", "500"), StartsWith("HTTP/1.1 200"));      // delivered: the same answer
  EXPECT_EQ(again("b", "lost"), "<closed>");
  EXPECT_THAT(again("b", "lost"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(again("c", "hangup*1"), "<closed>");
  EXPECT_THAT(again("c", "hangup*1"), StartsWith("HTTP/1.1 200"));
  const std::string told = report();
  EXPECT_THAT(told, HasSubstr("\"after_refused\": 1"));
  EXPECT_THAT(told, HasSubstr("\"after_delivered\": 1"));
  EXPECT_THAT(told, HasSubstr("\"after_lost\": 1"));
  EXPECT_THAT(told, HasSubstr("\"after_nothing\": 1"));
  EXPECT_THAT(told, HasSubstr("\"altered\": 1"));  // the third "a" came with another body
  EXPECT_THAT(told, HasSubstr("\"delivered\": 3"));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Client client(*server_);
  client.send("GET /healthz HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\nX-Behave: 404\r\n\r\n");
  std::string both = client.answer();
  if (!both.ends_with("}\n")) both += client.answer();
  EXPECT_THAT(both, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(both, HasSubstr("HTTP/1.1 404"));
}

TEST_F(ServerTest, ARequestThatNeverBecomesWholeIsCounted) {
  { Client(*server_).send("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"); }
  for (int i = 0; i < 3; ++i) server_->turn(2);
  EXPECT_THAT(report(), HasSubstr("\"incomplete\": 1"));
}

TEST_F(ServerTest, ATakenPortIsAnErrorWithItsName) {
  Options options;
  options.port = server_->port();
  const auto second = Server::open(options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Trouble::kUnavailable);
  EXPECT_THAT(second.error().what, HasSubstr(std::to_string(server_->port())));
}

}  // namespace
}  // namespace sluice::upstream
