#include "lib/port/zmq_links.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

#include <filesystem>
#include <set>

#include "lib/port/clock.h"
#include "lib/port/link_address.h"
#include "lib/port/listen_socket.h"
#include "lib/port/random.h"

namespace sluice::port {
namespace {

using wire::Forgotten;
using wire::Role;

struct End {
  std::unique_ptr<ZmqLinks> links;
  std::set<wire::PeerId> up;
  std::size_t ups = 0;
  std::vector<std::string> heard;

  void see(wire::LinkOut& out) {
    if (const auto* who = std::get_if<wire::PeerUp>(&out)) {
      up.insert(who->peer);
      ++ups;
    } else if (const auto* gone = std::get_if<wire::PeerDown>(&out)) {
      up.erase(gone->peer);
    } else if (const auto* from = std::get_if<wire::FromPeer>(&out)) {
      heard.push_back(std::get<Forgotten>(from->item).upstream);
    }
  }
};

class ZmqLinksTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "sluice-links-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    address_ = GetParam() == "ipc" ? "ipc://" + dir_ + "/l.sock" : "tcp://" + free_address();
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  // Below the ports that the kernel gives to who connects.
  static std::string free_address() {
    for (;;) {
      const std::string address = "127.0.0.1:" + std::to_string(20'000 + random_id() % 12'000);
      if (listen_on(address)) return address;
    }
  }
  Result<std::unique_ptr<ZmqLinks>> open(End& end, Role role) {
    ZmqLinks::Config config;
    config.links.role = role;
    config.links.instance = "one";
    config.links.life = random_id();
    if (role == Role::kLimiter) {
      config.links.takes = {Role::kIngest};
      config.listen = {address_};
    } else {
      config.dials = {{Role::kLimiter, address_}};
    }
    return ZmqLinks::open(poller_, log_, config,
                          {[](wire::PeerId, Instant) { return wire::HeartbeatFacts{}; },
                           [&end](wire::LinkOut& out) { end.see(out); }});
  }
  void start(End& end, Role role) {
    auto opened = open(end, role);
    ASSERT_TRUE(opened) << opened.error().what;
    end.links = std::move(*opened);
  }
  template <class Condition>
  bool run_until(Condition condition, Duration at_most = seconds(10)) {
    const Instant end = steady_now() + at_most;
    while (!condition() && steady_now() < end) {
      Instant until = end;
      for (End* one : {&dialer_, &listener_}) {
        if (one->links) until = std::min(until, one->links->deadline());
      }
      poller_.poll(until);
      for (End* one : {&dialer_, &listener_}) {
        if (one->links) one->links->pump();
      }
    }
    return condition();
  }
  bool both_up() { return dialer_.up.size() == 1 && listener_.up.size() == 1; }

  Poller poller_;
  Log log_{{.name = "test", .level = Level::kError}};
  End dialer_, listener_;
  std::string dir_, address_;
};

TEST_P(ZmqLinksTest, ComesUpAndKeepsOrderAtSpeed) {
  start(dialer_, Role::kIngest);
  start(listener_, Role::kLimiter);
  ASSERT_TRUE(run_until([&] { return both_up(); }));
  const std::size_t many = 50'000;
  for (std::size_t i = 0; i < many; ++i) {
    dialer_.links->send(*dialer_.up.begin(), Forgotten{std::string(16, 'i'), std::to_string(i)});
  }
  ASSERT_TRUE(run_until([&] { return listener_.heard.size() == many; }));
  for (std::size_t i = 0; i < many; ++i) ASSERT_EQ(listener_.heard[i], std::to_string(i));
  EXPECT_EQ(dialer_.ups, 1u);
}

TEST_P(ZmqLinksTest, IsUpWithinAMomentWhenBothAreThere) {
  start(listener_, Role::kLimiter);
  start(dialer_, Role::kIngest);
  EXPECT_TRUE(run_until([&] { return both_up(); }, milliseconds(500)));
}

TEST_P(ZmqLinksTest, AListenerThatComesBackIsANewPeer) {
  start(listener_, Role::kLimiter);
  start(dialer_, Role::kIngest);
  ASSERT_TRUE(run_until([&] { return both_up(); }));
  listener_ = End{};
  ASSERT_TRUE(run_until([&] { return dialer_.up.empty(); }, seconds(3)));
  run_until([] { return false; }, milliseconds(700));
  start(listener_, Role::kLimiter);
  ASSERT_TRUE(run_until([&] { return both_up(); }, seconds(5)));
  EXPECT_EQ(dialer_.ups, 2u);
  dialer_.links->send(*dialer_.up.begin(), Forgotten{std::string(16, 'i'), "again"});
  ASSERT_TRUE(run_until([&] { return !listener_.heard.empty(); }));
}

TEST_P(ZmqLinksTest, ADialerThatIsGoneIsDownAtTheListener) {
  start(listener_, Role::kLimiter);
  start(dialer_, Role::kIngest);
  ASSERT_TRUE(run_until([&] { return both_up(); }));
  dialer_ = End{};
  EXPECT_TRUE(run_until([&] { return listener_.up.empty(); }, seconds(4)))
      << "the next heartbeat finds no peer";
}

TEST_P(ZmqLinksTest, ATakenAddressIsAnErrorThatNamesIt) {
  if (GetParam() == "ipc")
    return;  // ZeroMQ takes an ipc path over; the data directory's lock holds
  start(listener_, Role::kLimiter);
  End second;
  auto opened = open(second, Role::kLimiter);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Trouble::kUnavailable);
  EXPECT_NE(opened.error().what.find(address_), std::string::npos);
}

TEST_P(ZmqLinksTest, NoiseOfStrangersChangesNothing) {
  start(listener_, Role::kLimiter);
  start(dialer_, Role::kIngest);
  ASSERT_TRUE(run_until([&] { return both_up(); }));
  void* context = zmq_ctx_new();
  void* stranger = zmq_socket(context, ZMQ_DEALER);
  const int none = 0;
  zmq_setsockopt(stranger, ZMQ_LINGER, &none, sizeof none);
  ASSERT_EQ(zmq_connect(stranger, address_.c_str()), 0);
  for (int i = 0; i < 50; ++i) {
    zmq_send(stranger, "noise", 5, ZMQ_SNDMORE);
    zmq_send(stranger, "more", 4, 0);
    zmq_send(stranger, "", 0, 0);
  }
  run_until([] { return false; }, milliseconds(300));
  EXPECT_TRUE(both_up());
  EXPECT_GT(listener_.links->links().counts().dropped[0], 0u);
  zmq_close(stranger);
  zmq_ctx_term(context);
}

INSTANTIATE_TEST_SUITE_P(Transports, ZmqLinksTest, testing::Values("ipc", "tcp"),
                         [](const auto& one) { return one.param; });

TEST(LinkAddresses, TcpWithoutKeysIsForLoopbackOnly) {
  for (const char* good : {"ipc:///run/x.sock", "ipc://run/x.sock", "tcp://127.0.0.1:5000",
                           "tcp://[::1]:5000", "dns:localhost:5000"}) {
    EXPECT_TRUE(check_link_address(good)) << good;
  }
  for (const char* bad :
       {"tcp://0.0.0.0:5000", "tcp://*:5000", "dns:limiter.internal:5000",
        "tcp://127.evil.example:5000", "ipc://", "tcp://127.0.0.1", "tcp://127.0.0.1:x",
        "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "dns:localhost", "127.0.0.1:5000", "foo", "",
        "inproc://x", "tcp://:5000"}) {
    const auto checked = check_link_address(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, Trouble::kSettings) << bad;
  }
  EXPECT_FALSE(check_link_address("ipc://" + std::string(101, 'x')));
}

// A flood at a front door takes the last descriptors: the link waits, the process lives.
TEST_P(ZmqLinksTest, OutlivesAWantOfFileDescriptors) {
  start(dialer_, Role::kIngest);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{200, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  std::vector<UniqueFd> taken;
  for (int fd = dup(0); fd >= 0; fd = dup(0)) taken.emplace_back(fd);
  run_until([] { return false; }, milliseconds(600));
  taken.clear();
  setrlimit(RLIMIT_NOFILE, &before);
  start(listener_, Role::kLimiter);
  EXPECT_TRUE(run_until([&] { return both_up(); }));
}

TEST(Resolver, FindsLocalhostWithoutBlocking) {
  Poller poller;
  Resolver resolver(poller);
  std::vector<std::string> found;
  bool answered = false;
  resolver.ask("localhost", [&](std::vector<std::string> addresses) {
    found = std::move(addresses);
    answered = true;
  });
  const Instant end = steady_now() + seconds(10);
  while (!answered && steady_now() < end) poller.poll(end);
  EXPECT_NE(std::find(found.begin(), found.end(), "127.0.0.1"), found.end());
}

}  // namespace
}  // namespace sluice::port
