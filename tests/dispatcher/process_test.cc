// The real sluice-dispatcher, between a limiter that is this test and a hostile upstream.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>

#include "lib/port/clock.h"
#include "lib/port/log.h"
#include "lib/port/zmq_links.h"
#include "tests/dispatcher/world.h"

namespace sluice::dispatcher {
namespace {

class ProcessTest : public World {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/sluice-dispatcher-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
    std::ofstream(folder_ + "/sluice.toml")
        << "[sluice]\ndata_dir = \"" << folder_ << "/data\"\nlog_level = \"error\"\n"
        << "[dispatcher]\nhealth_listen = \"127.0.0.1:0\"\n"
        << "[[upstream]]\nname = \"u\"\nurl = \"http://127.0.0.1:" << server_->port() << "\"\n"
        << "timeout = \"2s\"\n"
        << "[[upstream]]\nname = \"stuck\"\nurl = \"http://127.0.0.1:" << stuck_port_ << "\"\n";
    spawn();
    connect();
  }
  void TearDown() override {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    links_.reset();
    std::filesystem::remove_all(folder_);
  }
  void spawn() {
    child_ = fork();
    if (child_ != 0) return;
    const std::string settings = folder_ + "/sluice.toml";
    execl(SLUICE_DISPATCHER, SLUICE_DISPATCHER, "--settings", settings.c_str(), nullptr);
    _exit(127);
  }
  void connect() {
    dial();
    ASSERT_TRUE(turns([this] { return peer_ && heard_facts_ >= 3; }, 15'000));
  }
  void dial() {
    port::ZmqLinks::Config config;
    config.links.role = wire::Role::kLimiter;
    config.links.instance = "test";
    config.links.life = life_;
    config.dials = {{wire::Role::kDispatcher, "ipc://" + folder_ + "/data/run/dispatcher.sock"}};
    auto opened = port::ZmqLinks::open(poller_, log_, config,
                                       {[](wire::PeerId, Instant) { return facts(); },
                                        [this](wire::LinkOut& event) { hear(event); }});
    ASSERT_TRUE(opened) << opened.error().what;
    links_ = std::move(*opened);
    if (others_.empty()) {
      others_.emplace_back([this] {
        if (links_) links_->pump();
      });
    }
  }
  // This limiter's store time is the wall clock.
  static wire::HeartbeatFacts facts() {
    wire::HeartbeatFacts facts;
    facts.store = StoreBounds{port::wall_now(), port::wall_now()};
    return facts;
  }
  void hear(wire::LinkOut& event) {
    if (const auto* up = std::get_if<wire::PeerUp>(&event)) peer_ = up->peer;
    if (std::get_if<wire::PeerDown>(&event) != nullptr) peer_.reset();
    if (const auto* heard = std::get_if<wire::PeerFacts>(&event)) {
      ++heard_facts_;
      credits_ = heard->credits;
    }
    const auto* from = std::get_if<wire::FromPeer>(&event);
    if (from == nullptr) return;
    if (const auto* outcome = std::get_if<wire::Outcome>(&from->item)) {
      outcomes_[outcome->attempt.serial] = *outcome;
      links_->send(from->peer, wire::Completed{outcome->attempt});
    }
    if (std::get_if<wire::Penalty>(&from->item) != nullptr) ++penalties_;
  }
  std::uint32_t dispatch(const std::string& behaviour, const std::string& key = "k") {
    wire::Dispatch dispatch;
    dispatch.attempt = {std::string(16, 'i'), ++serial_};
    dispatch.upstream = "u";
    dispatch.key = "u:" + key;
    dispatch.attempt_number = 1;
    dispatch.request = {
        "POST", "/", {}, R"({"userId":")" + key + R"(","behave":")" + behaviour + R"("})"};
    dispatch.idempotency_key = "p-" + std::to_string(serial_);
    dispatch.granted_at = port::wall_now();
    dispatch.start_by = dispatch.granted_at + seconds(2);
    dispatch.lease_end = dispatch.granted_at + seconds(70);
    links_->send(*peer_, dispatch);
    return serial_;
  }
  wire::Outcome outcome_of(std::uint32_t serial) {
    EXPECT_TRUE(turns([&] { return outcomes_.contains(serial); }));
    return outcomes_[serial];
  }

  bool left(int limit_ms, int& status) {
    const bool gone = turns([&] { return waitpid(child_, &status, WNOHANG) == child_; }, limit_ms);
    if (gone) child_ = 0;
    return gone;
  }
  void disconnect() {
    links_.reset();
    peer_.reset();
    heard_facts_ = 0;
    ++life_;
  }

  std::uint16_t stuck_port_ = 0;
  port::UniqueFd stuck_ = listen_on_loopback(16, stuck_port_);
  std::uint64_t life_ = 4711;
  std::string folder_;
  pid_t child_ = 0;
  port::Log log_{{.name = "test", .level = port::Level::kError}};
  std::unique_ptr<port::ZmqLinks> links_;
  std::optional<wire::PeerId> peer_;
  std::vector<wire::Credit> credits_;
  int heard_facts_ = 0;
  int penalties_ = 0;
  std::map<std::uint32_t, wire::Outcome> outcomes_;
};

TEST_F(ProcessTest, DeliversThrottlesAndLeavesInOrder) {
  ASSERT_EQ(credits_.size(), 2u);
  EXPECT_EQ(credits_[0].window, 256u);
  const wire::Outcome delivered = outcome_of(dispatch("slow:50"));
  EXPECT_EQ(delivered.ended, wire::Ended::kDelivered);
  EXPECT_GE(delivered.latency, milliseconds(45));
  EXPECT_GE(delivered.answered_at - delivered.started_at, delivered.latency);
  EXPECT_EQ(outcome_of(dispatch("hangup", "h")).ended, wire::Ended::kUnknown);
  const wire::Outcome throttled = outcome_of(dispatch("429:3", "t"));
  EXPECT_EQ(throttled.ended, wire::Ended::kThrottled);
  EXPECT_EQ(throttled.retry_after, seconds(3));
  EXPECT_EQ(penalties_, 1);
  EXPECT_EQ(outcome_of(dispatch("ok", "t")).not_started, wire::NotStarted::kRecalled);
  for (int i = 0; i < 200; ++i) (void)dispatch("ok", std::to_string(i));
  ASSERT_TRUE(turns([&] { return outcomes_.size() == 204; }));
  EXPECT_THAT(report(), ::testing::HasSubstr("\"arrivals\": 203"));

  const std::uint32_t last = dispatch("slow:400", "z");
  rest(150);
  kill(child_, SIGTERM);  // what runs finishes, and its outcome is completed
  EXPECT_EQ(outcome_of(last).ended, wire::Ended::kDelivered);
  int status = -1;
  EXPECT_TRUE(turns([&] { return waitpid(child_, &status, WNOHANG) == child_; }));
  child_ = 0;
  EXPECT_EQ(status, 0);
}

TEST_F(ProcessTest, KilledMeansThatNothingMoreArrives) {
  (void)dispatch("hang");
  ASSERT_TRUE(turns([&] { return server_->tally().find("k") != nullptr; }));
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
  child_ = 0;
  EXPECT_TRUE(turns([this] { return !peer_; }, 8000));
  EXPECT_EQ(server_->tally().find("k")->arrivals, 1u);
  spawn();
  const int before = heard_facts_;
  ASSERT_TRUE(turns([&] { return peer_ && heard_facts_ >= before + 3; }, 15'000));
  const std::uint32_t asked = serial_;
  links_->send(
      *peer_,
      wire::Asked{{std::string(16, 'i'), asked}, "u", "u:k", port::wall_now() + seconds(60)});
  EXPECT_EQ(outcome_of(asked).not_started, wire::NotStarted::kNeverSeen);
}

TEST_F(ProcessTest, StoppingWithNothingUnsaidNeedsNoLimiter) {
  EXPECT_EQ(outcome_of(dispatch("ok")).ended, wire::Ended::kDelivered);
  rest(200);  // Completed arrives
  disconnect();
  kill(child_, SIGTERM);
  int status = -1;
  EXPECT_TRUE(left(2'000, status));
  EXPECT_EQ(status, 0);
}

// Bytes that wait in the kernel for a slow reader die with the process that wrote them.
TEST_F(ProcessTest, BytesThatAreStuckWhenItIsKilledNeverArrive) {
  const int small = 4096;
  ASSERT_EQ(setsockopt(stuck_.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  wire::Dispatch dispatch;
  dispatch.attempt = {std::string(16, 'i'), ++serial_};
  dispatch.upstream = "stuck";
  dispatch.key = "stuck:k";
  dispatch.attempt_number = 1;
  dispatch.request = {"POST", "/", {}, std::string(200'000, 'x')};
  dispatch.idempotency_key = "stuck";
  dispatch.granted_at = port::wall_now();
  dispatch.start_by = dispatch.granted_at + seconds(2);
  dispatch.lease_end = dispatch.granted_at + seconds(70);
  links_->send(*peer_, dispatch);
  port::UniqueFd reader;
  ASSERT_TRUE(turns([&] {
    reader = port::UniqueFd(accept4(stuck_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return reader.open();
  }));
  rest(300);  // written, and not read
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
  child_ = 0;
  std::string buffer(65'536, '\0');
  std::size_t arrived = 0;
  ssize_t got = 0;
  EXPECT_TRUE(turns([&] {
    got = recv(reader.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) arrived += static_cast<std::size_t>(got);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }));
  EXPECT_LT(got, 0);  // reset, not closed
  EXPECT_LT(arrived, 100'000u);
}

// Its outcome is known here only: told to the limiter that comes back, it is not sent again.
TEST_F(ProcessTest, StoppingWaitsForALimiterThatTakesTheOutcome) {
  const std::uint32_t last = dispatch("slow:300");
  ASSERT_TRUE(turns([&] { return server_->tally().find("k") != nullptr; }));
  disconnect();
  kill(child_, SIGTERM);
  int status = -1;
  ASSERT_FALSE(left(1'500, status));
  dial();  // it leaves as soon as the outcome is taken
  ASSERT_TRUE(turns([&] { return outcomes_.contains(last); }, 15'000));
  EXPECT_EQ(outcomes_[last].ended, wire::Ended::kDelivered);
  EXPECT_TRUE(left(3'000, status));
  EXPECT_EQ(status, 0);
}

// Bulkheads: one upstream takes connections and never answers, as many as it may have; the other is
// given all that it can take at the same time.
TEST_F(ProcessTest, AnUpstreamThatHangsHoldsUpNobodyElse) {
  std::vector<std::uint32_t> hanging;
  for (int i = 0; i < 16; ++i) {  // as many connections as wait there to be accepted
    wire::Dispatch one;
    one.attempt = {std::string(16, 's'), ++serial_};
    one.upstream = "stuck";
    one.key = "stuck:k";
    one.attempt_number = 1;
    one.request = {"POST", "/", {}, "{}"};
    one.idempotency_key = "stuck-" + std::to_string(serial_);
    one.granted_at = port::wall_now();
    one.start_by = one.granted_at + seconds(2);
    one.lease_end = one.granted_at + seconds(70);
    links_->send(*peer_, one);
    hanging.push_back(serial_);
  }
  for (int round = 0; round < 4; ++round) {
    std::vector<std::uint32_t> sent;
    for (int i = 0; i < 256; ++i) sent.push_back(dispatch("slow:20", "k" + std::to_string(i)));
    for (const std::uint32_t one : sent) {
      ASSERT_EQ(outcome_of(one).ended, wire::Ended::kDelivered) << one;
    }
  }
  for (const std::uint32_t one : hanging) EXPECT_FALSE(outcomes_.contains(one));
}

}  // namespace
}  // namespace sluice::dispatcher
