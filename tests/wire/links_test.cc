#include "lib/wire/links.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>

#include "lib/base/prng.h"
#include "lib/wire/codec.h"
#include "tests/wire/links_process.h"

namespace sluice::wire {
namespace {

// Pipes between one dialer and one listener: each connection keeps its order, delays at will, and
// loses all that is in it when it is cut.
class Pipes {
 public:
  struct Pipe {
    std::string routing_id;
    bool cut = false;
    Instant dialer_hears;  // of the cut
    std::deque<std::pair<Instant, std::string>> to_listener, to_dialer;
  };
  explicit Pipes(std::uint64_t seed) : chance_(seed), seed_(seed) {
    restart_dialer();
    restart_listener();
  }

  Instant now{1'000'000};
  std::unique_ptr<Process> dialer, listener;
  bool listening = true;
  bool healed = false;

  void restart_dialer() {
    if (pipe_) cut();
    pipe_.reset();
    dialer = std::make_unique<Process>(Role::kIngest, ++lives_, std::vector<Role>{}, ++seed_);
    dialer->conn = dialer->links.dial(Role::kLimiter, now);
    perform_dialer();
  }
  void restart_listener() {
    cut();
    listener = std::make_unique<Process>(Role::kLimiter, ++lives_, std::vector<Role>{Role::kIngest},
                                         ++seed_);
  }
  void cut() {
    if (!pipe_) return;
    pipe_->cut = true;
    pipe_->to_listener.clear();
    pipe_->to_dialer.clear();
    pipe_->dialer_hears = now + chance_.between(Duration{0}, milliseconds(3000));
  }
  // Both go on for a while, saying what they like.
  void run(Duration span) {
    const Instant end = now + span;
    while (now < end && !testing::Test::HasFatalFailure()) {
      now = now + chance_.between(milliseconds(1), milliseconds(200));
      deliver();
      for (Process* one : {dialer.get(), listener.get()}) {
        if (one->links.deadline() <= now) one->links.tick(now);
        perform(*one);
        one->say(now);
        one->links.flush(now);
        perform(*one);
      }
    }
  }
  Prng& chance() { return chance_; }

 private:
  void deliver() {
    if (!pipe_) return;
    if (pipe_->cut) {
      if (now < pipe_->dialer_hears) return;
      pipe_.reset();
      dialer->links.reset(*dialer->conn, {}, now);
      return;
    }
    // A pipe that opens while the listener is away is cut at once.
    const std::shared_ptr<Pipe> pipe = pipe_;
    while (!pipe->cut && !pipe->to_listener.empty() && pipe->to_listener.front().first <= now) {
      const std::string bytes = std::move(pipe->to_listener.front().second);
      pipe->to_listener.pop_front();
      listener->links.receive(kListener, pipe->routing_id, bytes, now);
      perform(*listener);
    }
    while (!pipe->cut && !pipe->to_dialer.empty() && pipe->to_dialer.front().first <= now) {
      const std::string bytes = std::move(pipe->to_dialer.front().second);
      pipe->to_dialer.pop_front();
      if (pipe != pipe_) continue;  // the dialer has left it
      dialer->links.receive(*dialer->conn, {}, bytes, now);
      perform(*dialer);
    }
  }
  void perform_dialer() { perform(*dialer); }
  void perform(Process& one) {
    std::vector<LinkOut> outs;
    one.links.take(outs);
    for (LinkOut& out : outs) {
      std::visit([&](auto& value) { act(one, value); }, out);
    }
    if (one.links.has_output()) perform(one);
  }
  template <class Event>
  void act(Process& one, const Event& event) {
    one.see(event);
  }
  void act(Process&, const Redial& redial) {
    ASSERT_TRUE(ids_.insert(redial.routing_id).second) << "a routing id was used again";
    pipe_ = std::make_shared<Pipe>();
    pipe_->routing_id = redial.routing_id;
    if (!listening) cut();
  }
  void act(Process&, const Hangup&) { pipe_.reset(); }
  void act(Process& one, const Transmit& transmit) {
    const bool from_listener = &one == listener.get();
    if (from_listener && (!pipe_ || pipe_->cut || pipe_->routing_id != transmit.routing_id)) {
      one.links.reset(kListener, transmit.routing_id, now);
      return;
    }
    if (!pipe_ || pipe_->cut) return;  // the dialer hears of it later
    auto& queue = from_listener ? pipe_->to_dialer : pipe_->to_listener;
    const Duration slowest =
        healed ? milliseconds(20) : milliseconds(chance_.chance(50'000) ? 7000 : 300);
    Instant due = now + chance_.between(Duration{0}, slowest);
    if (!queue.empty()) due = std::max(due, queue.back().first);
    queue.emplace_back(due, transmit.bytes);
  }

  Prng chance_;
  std::uint64_t seed_;
  std::uint64_t lives_ = 0;
  std::shared_ptr<Pipe> pipe_;
  std::set<std::string> ids_;
};

class LinksOverPipes : public testing::TestWithParam<std::uint64_t> {};

TEST_P(LinksOverPipes, APrefixOfWhatWasSaidArrivesAndAllComesUpAgain) {
  Pipes pipes(GetParam());
  for (int round = 0; round < 60 && !HasFatalFailure(); ++round) {
    pipes.run(pipes.chance().between(milliseconds(10), seconds(12)));
    switch (pipes.chance().below(6)) {
      case 0:
        pipes.cut();
        break;
      case 1:
        pipes.restart_dialer();
        break;
      case 2:
        pipes.restart_listener();
        break;
      case 3:
        pipes.listening = !pipes.listening;
        break;
      default:
        break;
    }
  }
  pipes.listening = true;
  pipes.healed = true;
  pipes.run(seconds(25));
  ASSERT_EQ(pipes.dialer->up.size(), 1u);
  ASSERT_EQ(pipes.listener->up.size(), 1u);
  const auto& there = pipes.dialer->up.begin()->second;
  const auto& here = pipes.listener->up.begin()->second;
  EXPECT_EQ(there.who.life, pipes.listener->config.life);
  EXPECT_EQ(here.who.life, pipes.dialer->config.life);
  EXPECT_GT(there.round_trips, 5u);
  EXPECT_GT(here.round_trips, 5u);
  EXPECT_GT(there.heard, 0u);
  EXPECT_GT(here.heard, 0u);
  const auto before = pipes.dialer->ever_up.size() + pipes.listener->ever_up.size();
  pipes.run(seconds(60));
  EXPECT_EQ(pipes.dialer->ever_up.size() + pipes.listener->ever_up.size(), before)
      << "a quiet network, and a connection went down";
}

INSTANTIATE_TEST_SUITE_P(Seeds, LinksOverPipes, testing::Range<std::uint64_t>(1, 120));

// ---- one listener, frames by hand ----

class Listener : public testing::Test {
 protected:
  Process process_{Role::kLimiter, 77, {Role::kIngest}, 5};
  Links& links_ = process_.links;
  std::vector<LinkOut> outs_;
  std::uint64_t sequence_ = 0;

  Frame frame(std::uint64_t from, std::uint64_t to, std::vector<Item> items) {
    Frame made;
    made.from_life = from;
    made.to_life = to;
    made.sequence = ++sequence_;
    made.items = std::move(items);
    return made;
  }
  Item hello(Role role = Role::kIngest) { return Hello{1, role, "i", 5}; }
  void hear(const Frame& heard, std::string_view route = "r", Instant now = {10}) {
    links_.receive(kListener, route, encode(heard), now);
    links_.take(outs_);
  }
  std::uint64_t dropped(Dropped why) {
    return links_.counts().dropped.at(static_cast<std::size_t>(why));
  }
  template <class Out>
  const Out* find() {
    for (const LinkOut& out : outs_) {
      if (const auto* found = std::get_if<Out>(&out)) return found;
    }
    return nullptr;
  }
  Frame answer() {
    const auto* sent = find<Transmit>();
    return sent == nullptr ? Frame{} : *decode(sent->bytes);
  }
};

TEST_F(Listener, AnswersAnotherLifeWithNotMeAndReadsNothing) {
  hear(frame(5, 76, {Forgotten{bytes_of(1, 16), "u"}}));
  EXPECT_EQ(std::get<NotMe>(answer().items.at(0)).meant_life, 76u);
  EXPECT_EQ(answer().to_life, 5u);
  EXPECT_EQ(find<FromPeer>(), nullptr);
  EXPECT_EQ(dropped(Dropped::kNotMe), 1u);
}

TEST_F(Listener, NeverAnswersNotMeWithNotMe) {
  hear(frame(5, 76, {NotMe{1}}));
  EXPECT_TRUE(outs_.empty());
  hear(frame(5, 77, {NotMe{1}}));
  EXPECT_TRUE(outs_.empty());
}

TEST_F(Listener, IgnoresWhatIsNotNewer) {
  hear(frame(5, 0, {hello()}));
  ASSERT_NE(find<PeerUp>(), nullptr);
  Frame same = frame(5, 77, {Forgotten{bytes_of(1, 16), "u"}});
  hear(same);
  ASSERT_NE(find<FromPeer>(), nullptr);
  hear(same);
  EXPECT_EQ(find<FromPeer>(), nullptr);
  EXPECT_EQ(dropped(Dropped::kOlder), 1u);
}

TEST_F(Listener, TakesOnlyItsRolesAndTheirItems) {
  hear(frame(6, 0, {hello(Role::kDispatcher)}), "d");
  EXPECT_TRUE(outs_.empty());
  EXPECT_EQ(dropped(Dropped::kRole), 1u);
  hear(frame(5, 0, {hello()}));
  hear(frame(5, 77, {Completed{{bytes_of(1, 16), 1}}, Forgotten{bytes_of(1, 16), "u"}}));
  ASSERT_NE(find<FromPeer>(), nullptr);
  EXPECT_TRUE(std::holds_alternative<Forgotten>(find<FromPeer>()->item));
  EXPECT_EQ(dropped(Dropped::kItem), 1u);
}

TEST_F(Listener, ANewConnectionOfALifeReplacesTheOld) {
  hear(frame(5, 0, {hello()}), "first");
  const PeerId first = find<PeerUp>()->peer;
  hear(frame(5, 0, {hello()}), "second");
  ASSERT_NE(find<PeerDown>(), nullptr);
  EXPECT_EQ(find<PeerDown>()->peer, first);
  EXPECT_NE(find<PeerUp>()->peer, first);
  hear(frame(5, 0, {hello()}), "first");
  EXPECT_EQ(find<PeerUp>(), nullptr) << "a connection that was down comes up again";
  EXPECT_TRUE(std::holds_alternative<NotMe>(answer().items.at(0)));
}

TEST_F(Listener, VersionsOfOthers) {
  Frame newer = frame(5, 0, {hello()});
  newer.version = 9;
  hear(newer);
  EXPECT_NE(find<PeerUp>(), nullptr);
  EXPECT_EQ(answer().version, 1u);
  Frame zero = frame(6, 0, {hello()});
  zero.version = 0;
  hear(zero, "z");
  EXPECT_TRUE(outs_.empty());
  hear(frame(7, 0, {Hello{2, Role::kIngest, "i", 5}}), "n");
  EXPECT_TRUE(outs_.empty());
  EXPECT_EQ(dropped(Dropped::kProtocol), 1u);
}

TEST_F(Listener, HostileBytesAreCountedAndDropped) {
  Prng chance(9);
  const std::string good = encode(frame(5, 0, {hello(), Forgotten{bytes_of(1, 16), "u"}}));
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good.substr(0, chance.below(good.size() + 1));
    const std::uint64_t flips = chance.below(4);
    for (std::uint64_t flip = 0; flip < flips && !bytes.empty(); ++flip) {
      bytes[chance.below(bytes.size())] = static_cast<char>(chance.next());
    }
    const std::string route = "r" + std::to_string(chance.below(3));
    links_.receive(chance.chance(100'000) ? ConnId{3} : kListener, route, bytes, {i});
    links_.flush({i});
    links_.take(outs_);
  }
  EXPECT_GT(dropped(Dropped::kNoFrame), 1000u);
}

TEST_F(Listener, AnItemOutOfBoundsTakesNoneOfItsNeighboursAlong) {
  hear(frame(5, 0, {hello()}));
  Control later;  // a verb that only a later version knows
  later.control_id = 1;
  later.verb = static_cast<Verb>(99);
  hear(frame(5, 77, {later, Forgotten{bytes_of(1, 16), "u"}}));
  ASSERT_NE(find<FromPeer>(), nullptr);
  EXPECT_TRUE(std::holds_alternative<Forgotten>(find<FromPeer>()->item));
  EXPECT_EQ(dropped(Dropped::kItem), 1u);
  EXPECT_EQ(dropped(Dropped::kNoFrame), 0u);
}

TEST_F(Listener, AnEchoThatCannotBeOursIsNoRoundTrip) {
  hear(frame(5, 0, {hello()}));
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (const auto& [echo, age] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {10, most}, {most, 0}, {most, most}, {10, most / 2}, {9, 0}, {20, 1}}) {
    Heartbeat said;
    said.stamp_us = 7;
    said.echo_us = echo;
    said.echo_age_us = age;
    said.store_low = {1};
    said.store_high = {2};
    hear(frame(5, 77, {said}), "r", {20});
    ASSERT_NE(find<PeerFacts>(), nullptr);
    EXPECT_FALSE(find<PeerFacts>()->round_trip.has_value()) << echo << " " << age;
  }
}

TEST_F(Listener, PacksByBytesAndByCountAndKeepsOrder) {
  hear(frame(5, 0, {hello()}));
  const PeerId peer = find<PeerUp>()->peer;
  for (std::uint64_t i = 0; i < 2500; ++i) {
    Quoted quoted;
    quoted.quote_id = i + 1;
    quoted.limit = std::string(64, 'x');
    links_.send(peer, quoted);
  }
  Settled large;
  large.identity = bytes_of(1, 16);
  large.key = std::string(200, 'k');
  large.upstream = "u";
  for (int i = 0; i < 4000; ++i) links_.send(peer, large);
  links_.flush({20});
  links_.take(outs_);
  std::size_t items = 0;
  std::uint64_t sequence = 0;
  for (const LinkOut& out : outs_) {
    const auto& bytes = std::get<Transmit>(out).bytes;
    EXPECT_LE(bytes.size(), 256u * 1024);
    auto sent = decode(bytes);
    ASSERT_TRUE(sent);
    EXPECT_LE(sent->items.size(), 1024u);
    EXPECT_GT(sent->sequence, sequence);
    sequence = sent->sequence;
    for (const Item& item : sent->items) {
      if (const auto* quoted = std::get_if<Quoted>(&item)) {
        EXPECT_EQ(quoted->quote_id, ++items);
      }
    }
  }
  EXPECT_EQ(items, 2500u);
}

TEST_F(Listener, AnnounceSaysAHeartbeatNow) {
  hear(frame(5, 0, {hello()}));
  const PeerId peer = find<PeerUp>()->peer;
  links_.flush({11});
  links_.take(outs_);
  links_.flush({12});
  links_.take(outs_);
  EXPECT_TRUE(outs_.empty());
  process_.facts.credits = {{"u", 3, Wait::kBreaker}};
  links_.announce(peer);
  links_.flush({13});
  links_.take(outs_);
  const auto heartbeat = std::get<Heartbeat>(answer().items.at(0));
  EXPECT_EQ(heartbeat.credits.at(0).window, 3u);
  EXPECT_EQ(heartbeat.echo_us, 5);
  EXPECT_EQ(heartbeat.echo_age_us, 3);
}

TEST_F(Listener, SilenceIsDown) {
  hear(frame(5, 0, {hello()}));
  links_.tick(Instant{10} + seconds(5) - microseconds(1));
  links_.take(outs_);
  EXPECT_EQ(find<PeerDown>(), nullptr);
  links_.tick(Instant{10} + seconds(5));
  links_.take(outs_);
  EXPECT_NE(find<PeerDown>(), nullptr);
  hear(frame(5, 77, {Forgotten{bytes_of(1, 16), "u"}}));
  EXPECT_TRUE(std::holds_alternative<NotMe>(answer().items.at(0)));
}

// ---- both ----

TEST(TwoLinks, BothHaveARoundTripBeforeTheirSecondHeartbeat) {
  Process dialer(Role::kIngest, 7, {}, 3);
  Process listener(Role::kLimiter, 8, {Role::kIngest}, 4);
  const ConnId conn = dialer.links.dial(Role::kLimiter, {1000});
  std::vector<LinkOut> outs;
  for (std::int64_t turn = 0; turn < 8; ++turn) {
    const Instant now{1000 + turn};
    for (Process* one : {&dialer, &listener}) {
      one->links.flush(now);
      one->links.take(outs);
      for (const LinkOut& out : outs) {
        if (const auto* up = std::get_if<PeerUp>(&out)) one->see(*up);
        if (const auto* facts = std::get_if<PeerFacts>(&out)) one->see(*facts);
        const auto* sent = std::get_if<Transmit>(&out);
        if (sent == nullptr) continue;
        if (one == &dialer) listener.links.receive(kListener, "r", sent->bytes, now);
        if (one == &listener) dialer.links.receive(conn, {}, sent->bytes, now);
      }
    }
  }
  ASSERT_EQ(dialer.up.size(), 1u);
  ASSERT_EQ(listener.up.size(), 1u);
  EXPECT_GE(dialer.up.begin()->second.round_trips, 1u);
  EXPECT_GE(listener.up.begin()->second.round_trips, 1u);
  EXPECT_LE(dialer.links.counts().frames_out, 4u) << "and then there is quiet";
}

// ---- one dialer ----

TEST(Dialer, TwoAddressesOfOneProcessAreOnePeer) {
  Process process(Role::kIngest, 7, {}, 3);
  Links& links = process.links;
  const ConnId first = links.dial(Role::kLimiter, {0});
  const ConnId second = links.dial(Role::kLimiter, {0});
  std::uint64_t sequence = 0;
  const auto welcome = [&](ConnId conn) {
    Frame frame;
    frame.from_life = 9;
    frame.to_life = 7;
    frame.sequence = ++sequence;
    frame.items = {Welcome{Role::kLimiter, "l"}};
    links.receive(conn, {}, encode(frame), {1});
  };
  welcome(first);
  welcome(second);
  EXPECT_EQ(links.peers_up(), 1u);
  std::vector<LinkOut> outs;
  links.take(outs);
  for (std::int64_t s = 0; s < 120; ++s) {
    Frame frame;
    frame.from_life = 9;
    frame.to_life = 7;
    frame.sequence = ++sequence;
    links.receive(second, {}, encode(frame), Instant{0} + seconds(s));
    links.tick(Instant{0} + seconds(s));
    links.take(outs);
    for (const LinkOut& out : outs) EXPECT_FALSE(std::holds_alternative<Redial>(out));
  }
  EXPECT_EQ(links.peers_up(), 1u);
}

TEST(Dialer, AWrongRoleIsNotAPeer) {
  Process process(Role::kIngest, 7, {}, 3);
  const ConnId conn = process.links.dial(Role::kLimiter, {0});
  Frame frame;
  frame.from_life = 9;
  frame.to_life = 7;
  frame.sequence = 1;
  frame.items = {Welcome{Role::kAuditor, "a"}};
  process.links.receive(conn, {}, encode(frame), {1});
  EXPECT_EQ(process.links.peers_up(), 0u);
  EXPECT_GT(process.links.deadline(), Instant{1}) << "tries again later, not at once";
}

}  // namespace
}  // namespace sluice::wire
