// sluice-dispatcher in the simulated world.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dispatcher/core.h"
#include "tests/sim/call.h"
#include "tests/sim/node.h"
#include "tests/sim/upstream.h"

namespace sluice::sim {

class DispatcherNode : public Node<dispatcher::DispatcherCore> {
 public:
  DispatcherNode(World& world, Network& network, Witnesses& witnesses, std::string name,
                 dispatcher::Config config, std::map<std::string, UpstreamFake*> upstreams)
      : Node(world, network, std::move(name), &Faults::dispatcher),
        witnesses_(witnesses),
        config_(std::move(config)),
        upstreams_(std::move(upstreams)) {}

 private:
  std::unique_ptr<dispatcher::DispatcherCore> make_core() override {
    return std::make_unique<dispatcher::DispatcherCore>(config_);
  }
  wire::LinksConfig make_links() override {
    wire::LinksConfig links;
    links.role = wire::Role::kDispatcher;
    links.takes = {wire::Role::kLimiter};
    return links;
  }
  void heard(const wire::Item& item) override;
  void says(const wire::Item& item) override {
    if (const auto* penalty = std::get_if<wire::Penalty>(&item)) unsaid_.erase(penalty->key);
  }
  // Each warning that was read in this turn was passed on in it.
  void inspect(const dispatcher::DispatcherCore&) override {
    for (const std::string& key : std::exchange(unsaid_, {}))
      witnesses_.tell(&Witness::kept_warning, who(), key);
  }
  void forget_ports() override {
    open_.clear();
    unsaid_.clear();
  }
  void perform(Effect&& effect) override {
    std::visit([this](auto& one) { act(one); }, effect);
  }
  void act(dispatcher::StartHttp& start);
  void act(dispatcher::StopHttp& stop);
  template <class Other>
  void act(Other&) {}
  void ended(const wire::Attempt& attempt, const UpstreamFake::Answer& answer);

  struct Open {
    std::string upstream;
    std::string key;
    UpstreamFake::Stop stop;
    std::optional<Instant> sent;
  };
  Witnesses& witnesses_;
  dispatcher::Config config_;
  std::map<std::string, UpstreamFake*> upstreams_;
  std::map<wire::Attempt, Open> open_;
  std::set<std::string> unsaid_;  // keys whose warning no limiter was told of yet
};

}  // namespace sluice::sim
