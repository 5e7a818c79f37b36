// sluice-limiter in the simulated world.
#pragma once

#include <memory>

#include "limiter/core.h"
#include "tests/sim/call.h"
#include "tests/sim/checks.h"
#include "tests/sim/node.h"
#include "tests/sim/store_fake.h"

namespace sluice::sim {

class LimiterNode : public Node<limiter::LimiterCore> {
 public:
  LimiterNode(World& world, Network& network, limiter::Config config, StoreFake& store,
              Reach store_reach)
      : Node(world, network, "limiter", &Faults::limiter),
        config_(std::move(config)),
        store_(store),
        store_reach_(store_reach) {}

 private:
  std::unique_ptr<limiter::LimiterCore> make_core() override {
    config_.life = life();
    return std::make_unique<limiter::LimiterCore>(config_, world().prng.next());
  }
  wire::LinksConfig make_links() override {
    wire::LinksConfig links;
    links.role = wire::Role::kLimiter;
    links.takes = {wire::Role::kIngest};
    return links;
  }
  void inspect(const limiter::LimiterCore& core) override { check_p8(world(), core, config_); }
  void perform(Effect&& effect) override {
    std::visit([this](auto& one) { act(one); }, effect);
  }
  void act(limiter::StoreAsk& ask) {
    const Instant sent = clock();
    outside_call(
        *this, world().faults.store, store_reach_, [this, ask] { return store_.apply(ask); },
        [id = ask.call_id] {
          return limiter::StoreReply{id, limiter::StoreFailed{"no store", false}, {}, {}, {}};
        },
        [this, sent](limiter::StoreReply answer) {
          answer.sent = sent;
          answer.received = clock();
          reply(std::move(answer));
        });
  }
  template <class Other>
  void act(Other&) {}

  limiter::Config config_;
  StoreFake& store_;
  Reach store_reach_;
};

}  // namespace sluice::sim
