// The simulated world proves itself on a toy stage: the same seed gives the same run, faults do
// strike, and a planted "delete on receive" is caught.
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "lib/wire/identity.h"
#include "tests/sim/call.h"
#include "tests/sim/node.h"
#include "tests/sim/queue.h"
#include "tests/sim/toy.h"
#include "tests/sim/upstream.h"

namespace sluice::sim {
namespace {

// A copy may only be deleted after its message has arrived.
class NothingLost : public Witness {
 public:
  explicit NothingLost(World& world) : world_(world) {}
  void accepted(const AcceptedMessage& message) override { open_.insert(message.identity); }
  void arrived(const wire::Attempt& attempt, const std::string&) override {
    arrived_.insert(attempt.identity);
  }
  void copy_gone(const wire::Offer& copy) override {
    if (!arrived_.contains(copy.identity)) world_.breaks("P2", "deleted before it arrived");
    open_.erase(copy.identity);
  }
  void ended() override {
    if (!open_.empty()) world_.breaks("P2", std::to_string(open_.size()) + " not delivered");
  }

 private:
  World& world_;
  std::set<std::string> open_, arrived_;
};

class ToyNode : public Node<ToyCore> {
 public:
  ToyNode(World& world, Network& network, QueueFake& queue, UpstreamFake& upstream)
      : Node(world, network, "toy", &Faults::ingest), queue_(queue), upstream_(upstream) {}

 private:
  std::unique_ptr<ToyCore> make_core() override { return std::make_unique<ToyCore>(); }
  wire::LinksConfig make_links() override { return {}; }
  void on_boot() override {
    Node::on_boot();
    poll();
  }
  void poll() {
    for (ingest::QueueCopy& copy : queue_.receive(5)) work(std::move(copy));
    later(milliseconds(200), [this] { poll(); });
  }
  void perform(Effect&& effect) override {
    std::visit([this](auto& one) { act(one); }, effect);
  }
  void act(dispatcher::StartHttp& start) {
    const wire::Attempt attempt = start.attempt;
    upstream_.send(
        *this, {"toy", attempt, start.upstream, start.key, start.request, ""},
        [] { return seconds(10); },
        [this, attempt](const UpstreamFake::Answer& answer) {
          reply(ToyDone{attempt, answer.status == 200});
        });
  }
  void act(ingest::DeleteCopy& deletion) {
    outside_call(
        *this, world().faults.queue_calls, Reach::kNetwork,
        [this, deletion] {
          return queue_.apply({0, deletion});
        },
        [] { return ingest::QueueReply{}; }, [](const ingest::QueueReply&) {});
  }

  QueueFake& queue_;
  UpstreamFake& upstream_;
};

struct Toy {
  explicit Toy(std::uint64_t seed) : world(seed, Faults{}), queue(world, witnesses) {
    world.faults = Faults::drawn(world.prng);
    witnesses.add(std::make_unique<NothingLost>(world));
    for (int i = 0; i < 40; ++i) {
      wire::Offer message;
      message.id = std::to_string(i);
      message.identity = wire::identity_of("toy", "key", message.id, 0);
      queue.put(message);
    }
  }
  void run() {
    node.boot();
    node.suffer();
    world.agenda.run_until(Instant{} + minutes(2), [this] { return !world.holds(); });
    world.heal();
    world.agenda.run_until(world.now() + minutes(5), [this] { return queue.size() == 0; });
    witnesses.tell(&Witness::ended);
  }

  Witnesses witnesses;
  World world;
  QueueFake queue;
  Network network{world};
  UpstreamFake upstream{world, witnesses, Upstream{}};
  ToyNode node{world, network, queue, upstream};
};

TEST(World, SameSeedSameRun) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Toy once(seed), again(seed), other(seed + 1000);
    once.run();
    again.run();
    other.run();
    EXPECT_EQ(once.world.trace.hash(), again.world.trace.hash());
    EXPECT_NE(once.world.trace.hash(), other.world.trace.hash());
  }
}

TEST(World, ToyKeepsItsPromise) {
  std::uint64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Toy toy(seed);
    toy.run();
    ASSERT_TRUE(toy.world.holds()) << "seed " << seed << ": " << toy.world.broken[0].what;
    crashes += toy.node.crashes();
  }
  EXPECT_GT(crashes, 50U);
}

TEST(World, DeleteOnReceiveIsCaught) {
  int caught = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Toy toy(seed);
    toy.node.sabotage([](auto&, auto&& effect, auto& instead) {
      const auto* start = std::get_if<dispatcher::StartHttp>(&effect);
      if (!start) return;
      instead.push_back(ingest::DeleteCopy{start->traceparent});
      instead.push_back(*start);
    });
    toy.run();
    caught += toy.world.holds() ? 0 : 1;
  }
  EXPECT_GT(caught, 0);
}

}  // namespace
}  // namespace sluice::sim
