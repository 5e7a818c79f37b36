// Servers, names and settings that mean no good: what they may not do to an attempt or its end.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <netdb.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "lib/port/clock.h"
#include "tests/dispatcher/world.h"

namespace {

std::atomic<int> asked_for_nothing = 0;

}  // namespace

// A resolver whose servers are silent, for the one name "silent.invalid"; libcurl calls this one.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const Real real = reinterpret_cast<Real>(dlsym(RTLD_NEXT, "getaddrinfo"));
  if (name != nullptr && std::strcmp(name, "silent.invalid") == 0) {
    ++asked_for_nothing;
    usleep(3'000'000);
    return EAI_AGAIN;
  }
  return real(name, service, hints, found);
}

namespace sluice::dispatcher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HostileHttpTest : public World {
 protected:
  RawServer& raw(std::string answer) {
    others_.clear();
    raw_ = std::make_unique<RawServer>(std::move(answer));
    others_.emplace_back([this] { raw_->turn(); });
    open("http://127.0.0.1:" + std::to_string(raw_->port()));
    return *raw_;
  }
  std::string refused(const Upstream& upstream) {
    HttpConfig config;
    config.upstreams = {upstream};
    auto opened = Http::open(poller_, config, {});
    return opened ? std::string() : opened.error().what;
  }
  std::unique_ptr<RawServer> raw_;
};

// One upstream whose name servers are silent must not stop the loop for the others.
TEST_F(HostileHttpTest, ANameThatIsNotResolvedInTimeHoldsUpNobody) {
  upstream_.connect_timeout = milliseconds(300);
  open("http://silent.invalid");
  http_->start(call());
  const Instant from = port::steady_now();
  Instant last = from;
  Duration longest;
  ASSERT_TRUE(turns([&] {
    const Instant now = port::steady_now();
    longest = std::max(longest, now - last);
    last = now;
    return !ended_.empty();
  }));
  EXPECT_EQ(ended_.back().end, HttpEnd::kNotConnected);
  EXPECT_LT(longest, milliseconds(200));
  EXPECT_LT(port::steady_now() - from, seconds(1));
  http_->start(call());  // stopped while the name is still asked for
  rest(50);
  const Instant stopping = port::steady_now();
  http_->stop({std::string(16, 'i'), serial_});
  http_.reset();
  EXPECT_LT(port::steady_now() - stopping, milliseconds(200));
  EXPECT_EQ(asked_for_nothing, 2);
}

TEST_F(HostileHttpTest, SwitchingProtocolsIsAFinalAnswer) {
  raw("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nmore");
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kAnswered);
  EXPECT_EQ(ended.status, 101u);
}

TEST_F(HostileHttpTest, TrailersChangeNothingOfTheAnswer) {
  raw("HTTP/1.1 429 Slow\r\nRetry-After: 60\r\nTransfer-Encoding: chunked\r\n\r\n"
      "1\r\nx\r\n0\r\nHTTP/1.1 200: x\r\nRetry-After: 0\r\nDate: never\r\n\r\n");
  const HttpEnded ended = attempt(call());
  EXPECT_EQ(ended.end, HttpEnd::kAnswered);
  EXPECT_EQ(ended.status, 429u);
  EXPECT_EQ(ended.retry_after, " 60");
  EXPECT_EQ(ended.date, "");
}

// An answer said in advance would be taken for the next attempt's.
TEST_F(HostileHttpTest, WhatFollowsAnAnswerIsNotTheNextOne) {
  const std::string twice =
      "HTTP/1.1 200 OK\r\nX-A: keep-open\r\nContent-Length: 2\r\n\r\nok"
      "HTTP/1.1 404 No\r\nX-A: keep-open\r\nContent-Length: 2\r\n\r\nno";
  for (const std::string& answer : std::vector<std::string>{
           twice, "HTTP/1.1 200 OK\r\nX-A: keep-open\r\nContent-Length: 0\r\n\r\n" + twice,
           "HTTP/1.1 204 None\r\nX-A: keep-open\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: "
           "0\r\n\r\n"}) {
    raw(answer);
    for (int i = 0; i < 3; ++i) {
      const HttpEnded ended = attempt(call());
      EXPECT_EQ(ended.end, HttpEnd::kAnswered) << answer;
      EXPECT_LT(ended.status, 300u) << answer;
    }
  }
}

TEST_F(HostileHttpTest, CodedSlashesHideNoDots) {
  open("http://127.0.0.1:" + std::to_string(server_->port()) + "/v2");
  for (const char* path : {"/..%2fadmin", "/%2e%2e%2Fadmin", "/x/..%5cadmin", "/a%2f..%2f..%2fb",
                           "/x%2f%2e%2e", "/a%5C..%5C..%5Cb", "/.%2fx"}) {
    const HttpEnded ended = attempt(call(path));
    EXPECT_EQ(ended.end, HttpEnd::kLane) << path;
    EXPECT_EQ(ended.reason, "path") << path;
  }
  for (const char* path : {"/a%2fb", "/a..%2fb", "/...%2fb", "/x?next=..%2fadmin"}) {
    EXPECT_EQ(attempt(call(path)).status, 200u) << path;
  }
}

TEST_F(HostileHttpTest, OurOwnHeadersCarryNoLineEnds) {
  RawServer& server = raw("HTTP/1.1 204 None\r\nX-A: keep-open\r\n\r\n");
  StartHttp forged = call();
  forged.idempotency_key = "a\r\nX-Forged: 1";
  EXPECT_EQ(attempt(std::move(forged)).end, HttpEnd::kLane);
  forged = call();
  forged.traceparent = "00\nX-Forged: 1";
  EXPECT_EQ(attempt(std::move(forged)).end, HttpEnd::kLane);
  EXPECT_THAT(server.heard(), Not(HasSubstr("Forged")));
}

TEST_F(HostileHttpTest, HeadersOfTheSettingsCannotBreakTheFraming) {
  Upstream upstream = upstream_;
  upstream.url = "http://x";
  for (const char* name : {"Content-Length", "transfer-encoding", "Expect", "Connection", "Upgrade",
                           "Idempotency-Key", "TE"}) {
    upstream.headers = {{name, "1"}};
    EXPECT_THAT(refused(upstream), HasSubstr("headers")) << name;
    upstream.headers.clear();
    upstream.credential_header = name;
    EXPECT_THAT(refused(upstream), HasSubstr("credential_header")) << name;
    upstream.credential_header = "Authorization";
  }
  upstream.headers = {{"Host", "api.example"}, {"X-Api-Version", "2"}};
  EXPECT_EQ(refused(upstream), "");
  upstream.headers = {{"x-api-key", "1"}};
  upstream.credential = "secret://env/X";
  upstream.credential_header = "X-Api-Key";
  EXPECT_THAT(refused(upstream), HasSubstr("credential"));
}

TEST_F(HostileHttpTest, ARefusedUrlIsNotRepeatedWithItsSecrets) {
  Upstream upstream = upstream_;
  for (const char* url : {"http://user:hunter2@x", "http://x/?api_key=hunter2", "http://x/#hunter2",
                          "http://user:hunter2@x:notaport"}) {
    upstream.url = url;
    EXPECT_THAT(refused(upstream), HasSubstr("url")) << url;
    EXPECT_THAT(refused(upstream), Not(HasSubstr("hunter2"))) << url;
  }
}

}  // namespace
}  // namespace sluice::dispatcher
