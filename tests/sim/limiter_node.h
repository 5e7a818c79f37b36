// sluice-limiter in the simulated world.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "limiter/core.h"
#include "tests/sim/call.h"
#include "tests/sim/checks.h"
#include "tests/sim/node.h"
#include "tests/sim/store_fake.h"

namespace sluice::sim {

class LimiterNode : public Node<limiter::LimiterCore> {
 public:
  LimiterNode(World& world, Network& network, Witnesses& witnesses, std::string name,
              limiter::Config config, StoreFake& store)
      : Node(world, network, std::move(name), &Faults::limiter),
        witnesses_(witnesses),
        config_(std::move(config)),
        store_(store),
        store_reach_(world.prng.chance(500'000) ? Reach::kInside : Reach::kNetwork) {}

  // Others ask the same store: it is in the network.
  void share_store() { store_reach_ = Reach::kNetwork; }

  // SIGHUP; or, while it is down, its next life reads them.
  void edit(const std::vector<Upstream>& upstreams) {
    config_.upstreams = limiter::edited(config_.upstreams, upstreams);
    store_.reads(name(), upstreams);
    file_ = upstreams;
    world().note(name(), "edited");
    edit_core([this](limiter::LimiterCore& core) { core.edit(config_); });
  }

 private:
  std::unique_ptr<limiter::LimiterCore> make_core() override {
    config_.life = life();
    if (file_.empty()) file_ = config_.upstreams;
    store_.reads(name(), file_);
    return std::make_unique<limiter::LimiterCore>(config_, world().prng.next());
  }
  wire::LinksConfig make_links() override {
    wire::LinksConfig links;
    links.role = wire::Role::kLimiter;
    links.takes = {wire::Role::kIngest};
    return links;
  }
  // What was decided before a warning was heard may still leave in that turn, and is recalled in
  // it.
  void inspect(const limiter::LimiterCore& core) override {
    check_p8(world(), core, config_);
    for (const wire::Penalty& penalty : std::exchange(penalties_, {})) {
      witnesses_.tell(&Witness::warned, who(), penalty.key, penalty.retry_after);
      if (meets(wire::Role::kDispatcher))
        witnesses_.tell(&Witness::recall_due, who(), penalty.key, penalty.retry_after);
    }
  }
  void forget_ports() override { penalties_.clear(); }
  void heard(const wire::Item& item) override {
    const auto* penalty = std::get_if<wire::Penalty>(&item);
    if (penalty && penalty->told_to_wait) penalties_.push_back(*penalty);
    // What another one was told comes out of parking, of keys with rows and of others.
    const auto* parked = std::get_if<wire::Parked>(&item);
    if (parked == nullptr || parked->key == parked->upstream) return;
    for (const wire::Hold& hold : parked->holds) {
      // In a leap store time may go on as it was, or follow the clock.
      const Duration left = hold.until - std::max(world().store_now(), world().epoch_now());
      if (hold.kind == wire::HoldKind::kPenalty && left > seconds(1))
        penalties_.push_back({parked->upstream, parked->key, true, left, false});
    }
  }
  void says(const wire::Item& item) override {
    if (const auto* dispatch = std::get_if<wire::Dispatch>(&item))
      witnesses_.tell(&Witness::dispatched, who(), *dispatch);
    if (const auto* recall = std::get_if<wire::Recall>(&item))
      witnesses_.tell(&Witness::recalled, who(), *recall);
  }
  void perform(Effect&& effect) override {
    std::visit([this](auto& one) { act(one); }, effect);
  }
  void act(limiter::StoreAsk& ask) {
    const Instant sent = clock();
    outside_call(
        *this, world().faults.store, store_reach_,
        [this, ask] { return store_.apply(ask, name()); },
        [id = ask.call_id] {
          return limiter::StoreReply{id, limiter::StoreFailed{"no store", false}, {}, {}, {}};
        },
        [this, sent](limiter::StoreReply answer) {
          answer.sent = sent;
          answer.received = clock();
          answer.wall = wall();
          reply(std::move(answer));
        });
  }
  template <class Other>
  void act(Other&) {}

  Witnesses& witnesses_;
  limiter::Config config_;
  StoreFake& store_;
  // An embedded store dies with its limiter; what was asked of Redis is done nonetheless.
  Reach store_reach_;
  std::vector<Upstream> file_;            // its settings' upstreams, as they were written last
  std::vector<wire::Penalty> penalties_;  // heard in this turn
};

}  // namespace sluice::sim
