// The real sluice-dispatcher, between a limiter that is this test and a hostile upstream.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
        << "timeout = \"2s\"\n";
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
    port::ZmqLinks::Config config;
    config.links.role = wire::Role::kLimiter;
    config.links.instance = "test";
    config.links.life = 4711;
    config.dials = {{wire::Role::kDispatcher, "ipc://" + folder_ + "/data/run/dispatcher.sock"}};
    auto opened = port::ZmqLinks::open(poller_, log_, config,
                                       {[](wire::PeerId, Instant) { return facts(); },
                                        [this](wire::LinkOut& event) { hear(event); }});
    ASSERT_TRUE(opened) << opened.error().what;
    links_ = std::move(*opened);
    others_.emplace_back([this] { links_->pump(); });
    ASSERT_TRUE(turns([this] { return peer_ && heard_facts_ >= 3; }, 15'000));
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
  ASSERT_EQ(credits_.size(), 1u);
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

}  // namespace
}  // namespace sluice::dispatcher
