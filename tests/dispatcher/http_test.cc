// One attempt puts bytes on the wire once: counted by the server that reads them.
#include <dirent.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdlib>

#include "lib/port/clock.h"
#include "tests/dispatcher/world.h"

namespace sluice::dispatcher {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class HttpTest : public World {
 protected:
  [[nodiscard]] std::uint64_t arrivals() const {
    const upstream::KeyTally* key = server_->tally().find("k");
    return key == nullptr ? 0 : key->arrivals;
  }
  RawServer& raw(std::string answer, bool accepting = true) {
    raw_ = std::make_unique<RawServer>(std::move(answer), accepting);
    others_.emplace_back([this] { raw_->turn(); });
    open("http://127.0.0.1:" + std::to_string(raw_->port()));
    return *raw_;
  }
  std::unique_ptr<RawServer> raw_;
};

TEST_F(HttpTest, AnAnswerIsReadWhole) {
  open_local();
  const HttpEnded ended = attempt(behave("ok"));
  EXPECT_EQ(ended.end, HttpEnd::kAnswered);
  EXPECT_EQ(ended.status, 200u);
  EXPECT_THAT(ended.date, EndsWith("GMT"));
  ASSERT_TRUE(ended.sent);
  EXPECT_LE(*ended.sent, ended.ended);
  EXPECT_EQ(arrivals(), 1u);
  EXPECT_THAT(report(), HasSubstr("\"expect_continue\": 0"));
}

TEST_F(HttpTest, SendsTheBytesThatItWasGivenAndItsOwnHeaders) {
  setenv("TEST_SECRET", "Bearer s3cret", 1);
  upstream_.headers = {{"X-Ours", "1"}};
  upstream_.credential = "secret://env/TEST_SECRET";
  RawServer& server = raw("HTTP/1.1 204 None\r\nConnection: keep-open\r\n\r\n");
  const std::string body("{\"a\":\0\"\xff\"}", 11);
  StartHttp start = call("/a/b?c=d%20e", body);
  start.request.headers = {{"X-Theirs", "yes"}, {"x-ours", "forged"}, {"X-Empty", ""}};
  start.traceparent = "00-1-2-01";
  EXPECT_EQ(attempt(std::move(start)).status, 204u);
  EXPECT_THAT(server.heard(), HasSubstr("POST /a/b?c=d%20e HTTP/1.1\r\n"));
  EXPECT_THAT(server.heard(), EndsWith("\r\n\r\n" + body));
  for (const char* line :
       {"Host: 127.0.0.1:", "Content-Length: 11\r\n", "X-Theirs: yes\r\n", "X-Ours: 1\r\n",
        "X-Empty:\r\n", "Idempotency-Key: idem-1\r\n", "traceparent: 00-1-2-01\r\n",
        "Authorization: Bearer s3cret\r\n", "Content-Type: application/json\r\n"}) {
    EXPECT_THAT(server.heard(), HasSubstr(std::string("\r\n") + line));
  }
  EXPECT_THAT(server.heard(), Not(HasSubstr("forged")));
  EXPECT_THAT(server.heard(), Not(HasSubstr("Expect")));
}

TEST_F(HttpTest, AServerThatReadsAndHangsUpSeesOneArrivalPerAttempt) {
  open_local();
  for (int i = 1; i <= 20; ++i) {
    const HttpEnded ended = attempt(behave("hangup"));
    EXPECT_EQ(ended.end, HttpEnd::kUnknown);
    ASSERT_EQ(arrivals(), static_cast<std::uint64_t>(i));
  }
  for (int i = 21; i <= 40; ++i) {
    EXPECT_EQ(attempt(behave("reset")).end, HttpEnd::kUnknown);
    ASSERT_EQ(arrivals(), static_cast<std::uint64_t>(i));
  }
}

// The case in which libcurl sends a POST again by itself: the connection was used before.
TEST_F(HttpTest, AlsoOverWarmConnectionsOneArrivalPerAttempt) {
  open_local();
  std::uint64_t sent = 0;
  for (int round = 0; round < 25; ++round) {
    const std::size_t before = ended_.size();
    for (int i = 0; i < 16; ++i) http_->start(behave("slow:2"));
    ASSERT_TRUE(turns([&] { return ended_.size() == before + 16; }));
    sent += 16;
    for (const char* how : {"hangup", "reset", "lost", "hangup"}) {
      const HttpEnded ended = attempt(behave(how));
      EXPECT_EQ(ended.end, HttpEnd::kUnknown) << how;
      EXPECT_TRUE(ended.sent);
      ASSERT_EQ(arrivals(), ++sent) << how << " in round " << round;
    }
  }
}

TEST_F(HttpTest, ManyAtOnceOverWarmConnectionsThatAllDie) {
  open_local();
  for (int i = 0; i < 32; ++i) http_->start(behave("slow:5"));
  ASSERT_TRUE(turns([&] { return ended_.size() == 32; }));
  for (int i = 0; i < 32; ++i) http_->start(behave("hangup"));
  ASSERT_TRUE(turns([&] { return ended_.size() == 64; }));
  EXPECT_EQ(arrivals(), 64u);
}

TEST_F(HttpTest, ConnectionsAreUsedAgain) {
  open_local();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(attempt(behave("ok")).status, 200u);
  EXPECT_THAT(report(), HasSubstr("\"connections\": 1,"));
}

TEST_F(HttpTest, AConnectionIdleForLongerThanKeepIdleIsNot) {
  open_local();
  EXPECT_EQ(attempt(behave("ok")).status, 200u);
  rest(1'100);
  EXPECT_EQ(attempt(behave("ok")).status, 200u);
  EXPECT_THAT(report(), HasSubstr("\"connections\": 1,"));
  rest(2'050);
  EXPECT_EQ(attempt(behave("ok")).status, 200u);
  EXPECT_THAT(report(), HasSubstr("\"connections\": 2,"));
}

TEST_F(HttpTest, ShortKeepIdleMeansNoReuse) {
  upstream_.keep_idle = milliseconds(200);
  open_local();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(attempt(behave("ok")).status, 200u);
  EXPECT_THAT(report(), HasSubstr("\"connections\": 3,"));
}

TEST_F(HttpTest, TheLastCheckIsMadeBeforeTheFirstByte) {
  open_local();
  may_start_ = [](const wire::Attempt&) { return false; };
  const HttpEnded denied = attempt(behave("ok"));
  EXPECT_EQ(denied.end, HttpEnd::kDenied);
  EXPECT_FALSE(denied.sent);
  rest(20);
  EXPECT_EQ(arrivals(), 0u);
  may_start_ = [](const wire::Attempt&) { return true; };
  EXPECT_EQ(attempt(behave("ok")).status, 200u);
  may_start_ = [](const wire::Attempt&) { return false; };
  EXPECT_EQ(attempt(behave("ok")).end, HttpEnd::kDenied);  // over a warm connection, too
  EXPECT_EQ(arrivals(), 1u);
  EXPECT_EQ(http_->running(), 0u);
}

TEST_F(HttpTest, AClosedPortIsNotConnected) {
  open("http://127.0.0.1:1");
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kNotConnected);
  EXPECT_EQ(ended.reason, "not connected");
  EXPECT_FALSE(ended.sent);
}

TEST_F(HttpTest, APortThatNeverAcceptsIsNotConnected) {
  upstream_.connect_timeout = milliseconds(300);
  raw("", false).fill();
  const Instant from = port::steady_now();
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kNotConnected);
  EXPECT_EQ(ended.reason, "timeout");
  EXPECT_LT(port::steady_now() - from, seconds(1));
}

TEST_F(HttpTest, ANameThatIsNotThereIsNotConnected) {
  open("http://no-such-host.invalid:80");
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kNotConnected);
}

TEST_F(HttpTest, NoAnswerInTimeIsUnknownAndTheConnectionIsReset) {
  upstream_.timeout = milliseconds(300);
  RawServer& server = raw("");
  const Instant from = port::steady_now();
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kUnknown);
  EXPECT_EQ(ended.reason, "timeout");
  EXPECT_GE(port::steady_now() - from, milliseconds(290));
  EXPECT_LT(port::steady_now() - from, milliseconds(900));
  EXPECT_TRUE(turns([&] { return server.reset_seen(); }));
}

TEST_F(HttpTest, AnAttemptIsCutAtItsDeadline) {
  longest_ = milliseconds(200);
  RawServer& server = raw("");
  const Instant from = port::steady_now();
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kUnknown);
  EXPECT_EQ(ended.reason, "deadline");
  EXPECT_TRUE(ended.sent);
  EXPECT_GE(port::steady_now() - from, milliseconds(190));
  EXPECT_LT(port::steady_now() - from, milliseconds(900));
  EXPECT_TRUE(turns([&] { return server.reset_seen(); }));
}

TEST_F(HttpTest, StoppedMeansResetAndSilence) {
  RawServer& server = raw("");
  StartHttp start = call();
  const wire::Attempt attempt = start.attempt;
  http_->start(std::move(start));
  ASSERT_TRUE(turns([&] { return !server.heard().empty(); }));
  http_->stop(attempt);
  EXPECT_TRUE(turns([&] { return server.reset_seen(); }));
  EXPECT_TRUE(ended_.empty());
  EXPECT_EQ(http_->running(), 0u);
}

TEST_F(HttpTest, SlowAnswersAreAnswersAndTricklingOnesAreNotWaitedForForEver) {
  upstream_.timeout = milliseconds(500);
  open_local();
  EXPECT_EQ(attempt(behave("slow:300")).status, 200u);
  const HttpEnded ended = attempt(behave("trickle:20"));
  EXPECT_EQ(ended.end, HttpEnd::kUnknown);
  EXPECT_EQ(ended.reason, "timeout");
}

TEST_F(HttpTest, RetryAfterAndDateComeAsTheyStand) {
  open_local();
  EXPECT_EQ(attempt(behave("429:7")).retry_after, " 7");
  const HttpEnded dated = attempt(behave("503-date:7"));
  EXPECT_EQ(dated.status, 503u);
  EXPECT_THAT(dated.retry_after, EndsWith("GMT"));
  EXPECT_THAT(dated.date, EndsWith("GMT"));
}

TEST_F(HttpTest, RedirectsAreNotFollowed) {
  open_local();
  EXPECT_EQ(attempt(behave("302")).status, 302u);
  rest(20);
  EXPECT_EQ(arrivals(), 1u);
}

TEST_F(HttpTest, NothingIsNegotiatedOnA401) {
  RawServer& server =
      raw("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nWWW-Authenticate: Negotiate\r\n"
          "Content-Length: 0\r\nConnection: keep-open\r\n\r\n");
  EXPECT_EQ(attempt(call()).status, 401u);
  rest(20);
  EXPECT_EQ(server.heard().find("POST"), server.heard().rfind("POST"));
}

TEST_F(HttpTest, TheFinalStatusDecidesNotAnInterimOne) {
  raw("HTTP/1.1 103 Early\r\nRetry-After: 99\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.status, 200u);
  EXPECT_EQ(ended.retry_after, "");
}

TEST_F(HttpTest, AStatusWithAllItsHeadersIsAnAnswerHoweverItsBodyEnds) {
  config_.answer_max = 64 * 1024;
  raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
  EXPECT_EQ(attempt(call()).end, HttpEnd::kAnswered);
  others_.clear();
  raw("HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  const HttpEnded large = attempt(call());
  EXPECT_EQ(large.end, HttpEnd::kAnswered);
  EXPECT_EQ(large.status, 500u);
}

TEST_F(HttpTest, WhatIsNoAnswerIsUnknown) {
  for (const char* bytes : {"HTTP/1.1 200 OK\r\nContent-Le", "garbage\r\n\r\n", "HTTP/1.1 \r\n\r\n",
                            "HTTP/1.1 103 Early\r\n\r\n"}) {
    others_.clear();
    raw(bytes);
    EXPECT_EQ(attempt(call()).end, HttpEnd::kUnknown) << bytes;
  }
}

TEST_F(HttpTest, MethodsAreSentAsTheyAre) {
  for (const char* method : {"GET", "PUT", "DELETE", "HEAD", "POST"}) {
    others_.clear();
    RawServer& server = raw("HTTP/1.1 204 None\r\nConnection: keep-open\r\n\r\n");
    StartHttp start = call("/m", "");
    start.request.method = method;
    EXPECT_EQ(attempt(std::move(start)).status, 204u) << method;
    EXPECT_THAT(server.heard(), ::testing::StartsWith(std::string(method) + " /m HTTP/1.1\r\n"));
  }
}

TEST_F(HttpTest, ProxiesOfTheEnvironmentAreNotUsed) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  open_local();
  EXPECT_EQ(attempt(behave("ok")).status, 200u);
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
}

TEST_F(HttpTest, NothingOutOfTheLaneIsSent) {
  open_local();
  for (const char* path : {"@evil/", "//evil/", "", "send", "/a b", "/a\r\nX: y", "/a#b", "/\\evil",
                           "/%2e%2e/admin", "/a/.%2E", "http://evil/"}) {
    const HttpEnded ended = attempt(call(path));
    EXPECT_EQ(ended.end, HttpEnd::kLane) << path;
    EXPECT_EQ(ended.reason, "path") << path;
  }
  const auto with = [this](const char* name, const char* value) {
    StartHttp start = call();
    start.request.headers = {{name, value}};
    return attempt(std::move(start));
  };
  EXPECT_EQ(with("X", "a\r\nHost: evil").reason, "header value");
  EXPECT_EQ(with("X: y\r\nZ", "a").reason, "header name");
  for (const char* name : {"Host", "content-length", "Authorization", "Idempotency-Key",
                           "Transfer-Encoding", "Connection", "Expect"}) {
    EXPECT_EQ(with(name, "1").reason, "header reserved") << name;
  }
  StartHttp start = call();
  start.request.method = "PATCH";
  EXPECT_EQ(attempt(std::move(start)).reason, "method");
  rest(10);
  EXPECT_THAT(report(), HasSubstr("\"connections\": 0,"));
}

TEST_F(HttpTest, APathMayNotLeaveTheUpstreamsPrefix) {
  open("http://127.0.0.1:" + std::to_string(server_->port()) + "/v2/");
  EXPECT_EQ(attempt(call("/../v1/send")).reason, "path");
  EXPECT_EQ(attempt(call("/x/../../v2x/send")).reason, "path");
  EXPECT_EQ(attempt(call("/x/../send")).status, 200u);
}

TEST_F(HttpTest, LinkLocalAddressesAreRefusedHoweverTheyAreWritten) {
  for (const char* url :
       {"http://169.254.169.254", "http://0xa9fea9fe", "http://2852039166", "http://[fe80::1]",
        "http://[::ffff:169.254.169.254]", "http://[fd00:ec2::254]"}) {
    open(url);
    const HttpEnded ended = attempt(call());
    EXPECT_EQ(ended.end, HttpEnd::kNotConnected) << url;
    EXPECT_FALSE(ended.sent) << url;
    EXPECT_EQ(ended.reason, "address") << url;
    EXPECT_THAT(http_->trouble(), HasSubstr("link-local")) << url;
  }
}

// Of the connections to this port.
struct SocketSettings {
  unsigned user_timeout_ms = 0;
  linger lingers = {};
};
std::vector<SocketSettings> sockets_to(std::uint16_t port) {
  std::vector<SocketSettings> found;
  DIR* all = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(all)) {
    const int fd = std::atoi(entry->d_name);
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) continue;
    if (peer.sin_family != AF_INET || ntohs(peer.sin_port) != port) continue;
    SocketSettings& one = found.emplace_back();
    length = sizeof one.user_timeout_ms;
    getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &one.user_timeout_ms, &length);
    length = sizeof one.lingers;
    getsockopt(fd, SOL_SOCKET, SO_LINGER, &one.lingers, &length);
  }
  closedir(all);
  return found;
}

// What keeps the kernel from delivering later what we have given up.
TEST_F(HttpTest, SocketsAreSetBeforeTheFirstByte) {
  open_local();
  bool checked = false;
  may_start_ = [&](const wire::Attempt&) {
    for (const SocketSettings& one : sockets_to(server_->port())) {
      EXPECT_EQ(one.user_timeout_ms, 2000u);
      EXPECT_EQ(one.lingers.l_onoff, 1);
      EXPECT_EQ(one.lingers.l_linger, 0);
      checked = true;
    }
    return true;
  };
  EXPECT_EQ(attempt(behave("ok")).status, 200u);
  EXPECT_TRUE(checked);
}

// ... and no longer than this attempt may take, also on a connection that another one has used.
TEST_F(HttpTest, ASocketIsSetToWhatTheAttemptMayTake) {
  open_local();
  for (const std::int64_t ms : {1'500, 700, 9'000}) {
    longest_ = milliseconds(ms);
    EXPECT_EQ(attempt(behave("ok")).status, 200u);
    const auto all = sockets_to(server_->port());
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].user_timeout_ms, std::min<std::int64_t>(ms, 2'000));
  }
  EXPECT_THAT(report(), HasSubstr("\"connections\": 1,"));
}

TEST_F(HttpTest, AMissingCredentialKeepsMessagesWaitingAndSaysSo) {
  upstream_.credential = "secret://env/NOT_SET_ANYWHERE";
  open_local();
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kNotConnected);
  EXPECT_THAT(http_->trouble(), HasSubstr("NOT_SET_ANYWHERE"));
}

TEST_F(HttpTest, SettingsThatCannotBeAreRefusedAtStart) {
  const auto refused = [this](Upstream upstream) {
    HttpConfig config;
    config.upstreams = {std::move(upstream)};
    auto opened = Http::open(poller_, config, {});
    return opened ? std::string() : opened.error().what;
  };
  Upstream upstream = upstream_;
  for (const char* url : {"", "ftp://x", "http://", "http://user:pass@x", "http://x/?a=b",
                          "http://x/#f", "file:///etc/passwd"}) {
    upstream.url = url;
    EXPECT_THAT(refused(upstream), HasSubstr("upstream u: url")) << url;
  }
  upstream.url = "http://x";
  upstream.credential = "hunter2";
  EXPECT_THAT(refused(upstream), HasSubstr("secret://"));
  EXPECT_THAT(refused(upstream), Not(HasSubstr("hunter2")));
  upstream.credential.clear();
  upstream.headers = {{"A b", "c"}};
  EXPECT_THAT(refused(upstream), HasSubstr("headers"));
}

}  // namespace
}  // namespace sluice::dispatcher
