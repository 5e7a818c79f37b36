// HTTP/2 against Debian's nginx: one attempt is one request, also where connections come to their
// end by the server's will, are told to go away, or die.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "tests/dispatcher/certificates.h"
#include "tests/dispatcher/nginx.h"
#include "tests/dispatcher/world.h"

namespace sluice::dispatcher {
namespace {

class Http2Test : public World {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/sluice-http2-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    ASSERT_TRUE(make_certificates(folder_));
    upstream_.http = HttpVersion::k2;
    upstream_.ca_file = folder_ + "/ca.pem";
  }
  void TearDown() override {
    http_.reset();
    nginx_.reset();
    std::filesystem::remove_all(folder_);
  }
  void serve_by(Nginx::Rules rules) {
    nginx_ = std::make_unique<Nginx>(folder_, server_->port(), rules);
    nginx_->start();
    open((rules.tls ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(nginx_->port()));
  }
  // Starts so many, and waits until so few are left.
  void start(int count, const std::string& behaviour, std::size_t left = 0) {
    for (int i = 0; i < count; ++i) http_->start(behave(behaviour));
    started_ += static_cast<std::size_t>(count);
    ASSERT_TRUE(turns([&] { return started_ - ended_.size() <= left; }, 20'000));
    // nginx writes its log a moment after the answer's last byte.
    ASSERT_TRUE(turns([&] { return nginx_->log().size() >= ended_as(HttpEnd::kAnswered); }));
  }
  std::size_t ended_as(HttpEnd end) const {
    return static_cast<std::size_t>(std::count_if(
        ended_.begin(), ended_.end(), [end](const auto& one) { return one.end == end; }));
  }
  std::uint64_t arrivals() {
    const upstream::KeyTally* all = server_->tally().find("k");
    return all == nullptr ? 0 : all->arrivals;
  }
  std::set<std::string> connections() const {
    std::set<std::string> all;
    for (const auto& [key, line] : nginx_->log()) all.insert(line.connection);
    return all;
  }
  // No attempt is in the log twice. What was answered is there once.
  void expect_once() {
    const auto log = nginx_->log();
    for (std::uint32_t n = 1; n <= serial_; ++n) {
      EXPECT_LE(log.count("idem-" + std::to_string(n)), 1u) << n;
    }
    for (const HttpEnded& one : ended_) {
      if (one.end != HttpEnd::kAnswered) continue;
      EXPECT_EQ(log.count("idem-" + std::to_string(one.attempt.serial)), 1u);
    }
    EXPECT_EQ(ended_.size(), serial_);
  }
  std::string folder_;
  std::unique_ptr<Nginx> nginx_;
  std::size_t started_ = 0;
};

TEST_F(Http2Test, ItIsSpokenAndAConnectionCarriesOneAtATime) {
  serve_by({});
  start(1, "ok");
  start(1, "ok");
  EXPECT_EQ(connections().size(), 1u) << "one after the other use the same";
  start(8, "slow:100");
  EXPECT_EQ(connections().size(), 8u) << "at the same time each has its own";
  for (const auto& [key, line] : nginx_->log()) EXPECT_EQ(line.protocol, "HTTP/2.0");
  EXPECT_EQ(ended_as(HttpEnd::kAnswered), 10u);
  EXPECT_EQ(nginx_->log().size(), 10u);
  expect_once();
}

TEST_F(Http2Test, ByPriorKnowledgeWithoutTls) {
  serve_by({.tls = false});
  start(3, "ok");
  ASSERT_EQ(nginx_->log().size(), 3u);
  EXPECT_EQ(nginx_->log().begin()->second.protocol, "HTTP/2.0");
  expect_once();
}

TEST_F(Http2Test, AnswersAreReadAsInHttp11) {
  serve_by({});
  const HttpEnded throttled = attempt(behave("429:7"));
  EXPECT_EQ(throttled.status, 429u);
  EXPECT_EQ(throttled.retry_after, " 7");
  EXPECT_THAT(throttled.date, ::testing::EndsWith("GMT"));
  EXPECT_THAT(attempt(behave("ok")).answer, ::testing::HasSubstr("\"ok\":true"));
  EXPECT_EQ(attempt(behave("302")).status, 302u);
}

TEST_F(Http2Test, AServerThatEndsConnectionsAfterAFewRequestsSeesEachAttemptOnce) {
  serve_by({.keepalive_requests = 3});
  for (int round = 0; round < 20; ++round) start(6, round % 2 == 0 ? "ok" : "slow:3");
  EXPECT_GE(connections().size(), 40u);
  expect_once();
  EXPECT_EQ(arrivals(), nginx_->log().size());
  EXPECT_EQ(ended_as(HttpEnd::kAnswered), nginx_->log().size());
}

TEST_F(Http2Test, AReloadInTheMiddleMakesNothingTwice) {
  serve_by({});
  start(16, "ok");
  for (int round = 0; round < 6; ++round) {
    start(16, "slow:150", 16);
    rest(50);
    nginx_->reload();
    rest(20);
    start(16, "ok");
  }
  // An old worker ends what it has. What reaches a connection at the moment that it is closed is
  // not answered; it is not sent again either.
  EXPECT_EQ(ended_as(HttpEnd::kAnswered) + ended_as(HttpEnd::kUnknown), started_);
  EXPECT_GE(ended_as(HttpEnd::kAnswered), 7u * 16U);
  expect_once();
  EXPECT_EQ(arrivals(), nginx_->log().size());
}

TEST_F(Http2Test, AServerKilledInTheMiddleLeavesUnknownOnesThatArrivedOnce) {
  serve_by({});
  for (std::uint64_t round = 1; round <= 5; ++round) {
    start(16, "ok");
    start(16, "slow:300", 16);
    ASSERT_TRUE(turns([&] { return arrivals() == round * 32; }));
    nginx_->kill();
    ASSERT_TRUE(turns([&] { return ended_.size() == started_; }));
    nginx_->start();
  }
  EXPECT_EQ(ended_as(HttpEnd::kAnswered), 80u);
  EXPECT_EQ(ended_as(HttpEnd::kUnknown), 80u);
  EXPECT_EQ(arrivals(), 160u);
  expect_once();
}

// A stream that was given up must not leave its bytes, or its connection, to others.
TEST_F(Http2Test, AConnectionWhoseAttemptWasGivenUpIsNotUsedAgain) {
  upstream_.timeout = milliseconds(300);
  serve_by({});
  start(1, "ok");
  start(1, "hang");
  EXPECT_EQ(ended_.back().reason, "timeout");
  start(1, "ok");
  EXPECT_TRUE(turns([&] { return nginx_->log().size() == 3; }));
  EXPECT_EQ(connections().size(), 2u);
  const auto log = nginx_->log();
  EXPECT_EQ(log.find("idem-2")->second.status, 499) << "nginx saw the client leave";
  EXPECT_EQ(log.find("idem-2")->second.connection, log.find("idem-1")->second.connection);
  EXPECT_NE(log.find("idem-3")->second.connection, log.find("idem-1")->second.connection);
}

TEST_F(Http2Test, OneThatIsStoppedResetsItsConnection) {
  serve_by({});
  start(1, "ok");
  const StartHttp call = behave("hang");
  http_->start(call);
  ASSERT_TRUE(turns([&] { return arrivals() == 2; }));
  http_->stop(call.attempt);
  EXPECT_TRUE(turns([&] { return nginx_->log().size() == 2; }));
  start(1, "ok");
  EXPECT_TRUE(turns([&] { return nginx_->log().size() == 3; }));
  EXPECT_EQ(connections().size(), 2u);
}

}  // namespace
}  // namespace sluice::dispatcher
