// sluice-auditor and sluice-alerter in the simulated world.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "alerter/core.h"
#include "auditor/core.h"
#include "tests/sim/alert_state.h"
#include "tests/sim/call.h"
#include "tests/sim/ledger.h"
#include "tests/sim/node.h"
#include "tests/sim/trail.h"

namespace sluice::sim {

class AuditorNode : public Node<auditor::AuditorCore> {
 public:
  AuditorNode(World& world, Network& network, auditor::Config config, TrailFake& trail,
              LedgerFake& ledger, bool costs_elsewhere)
      : Node(world, network, "auditor", &Faults::auditor),
        config_(std::move(config)),
        trail_(trail),
        ledger_(ledger),
        costs_elsewhere_(costs_elsewhere) {}

  void edit(const std::vector<Upstream>& upstreams) {
    config_.upstreams = upstreams;
    edit_core([&](auditor::AuditorCore& core) { core.edit(upstreams); });
  }

 private:
  std::unique_ptr<auditor::AuditorCore> make_core() override {
    return std::make_unique<auditor::AuditorCore>(config_);
  }
  wire::LinksConfig make_links() override {
    wire::LinksConfig links;
    links.role = wire::Role::kAuditor;
    links.takes = {wire::Role::kIngest, wire::Role::kLimiter, wire::Role::kAlerter};
    return links;
  }
  void forget_ports() override { trail_.owner_died(); }
  void perform(Effect&& effect) override {
    std::visit([this](auto& one) { act(one); }, effect);
  }
  void act(auditor::TrailAsk& ask) {
    outside_call(
        *this, world().faults.trail, Reach::kInside,
        [this, call = std::move(ask.call)] { return trail_.apply(call); },
        [] { return auditor::TrailAnswer(auditor::TrailFailed{"the disk said no"}); },
        [this, id = ask.call_id](const auditor::TrailAnswer& answer) {
          reply(auditor::TrailReply{id, answer});
        });
  }
  void act(auditor::LedgerAsk& ask) {
    if (costs_elsewhere_ && LedgerFake::has_costs(ask.call)) return ask_elsewhere(ask);
    outside_call(
        *this, world().faults.ledger, Reach::kInside,
        [this, call = std::move(ask.call)] { return ledger_.apply(call); },
        [] { return auditor::LedgerAnswer(auditor::LedgerFailed{"the disk said no"}); },
        [this, id = ask.call_id](const auditor::LedgerAnswer& answer) {
          reply(auditor::LedgerReply{id, answer});
        });
  }
  void ask_elsewhere(auditor::LedgerAsk& ask) {
    const auditor::LedgerAnswer here = ledger_.apply_here(ask.call);
    outside_call(
        *this, world().faults.costs, Reach::kNetwork,
        [this, here, call = std::move(ask.call)] { return ledger_.apply_costs(call, here); },
        [here] { return here; },
        [this, id = ask.call_id](const auditor::LedgerAnswer& answer) {
          reply(auditor::LedgerReply{id, answer});
        });
  }
  void act(auditor::Halt& halt) { world().breaks("P5", "the auditor halts: " + halt.what); }
  template <class Other>
  void act(Other&) {}

  auditor::Config config_;
  TrailFake& trail_;
  LedgerFake& ledger_;
  bool costs_elsewhere_;
};

class AlerterNode : public Node<alerter::AlerterCore> {
 public:
  AlerterNode(World& world, Network& network, Witnesses& witnesses, alerter::Config config,
              AlertStateFake& state)
      : Node(world, network, "alerter", &Faults::alerter),
        witnesses_(witnesses),
        config_(std::move(config)),
        state_(state) {}

 private:
  std::unique_ptr<alerter::AlerterCore> make_core() override {
    return std::make_unique<alerter::AlerterCore>(config_);
  }
  wire::LinksConfig make_links() override {
    wire::LinksConfig links;
    links.role = wire::Role::kAlerter;
    return links;
  }
  void perform(Effect&& effect) override {
    std::visit([this](auto& one) { act(one); }, effect);
  }
  void act(alerter::StateAsk& ask) {
    outside_call(
        *this, world().faults.ledger, Reach::kInside,
        [this, call = std::move(ask.call)] { return state_.apply(call); },
        [] { return alerter::StateAnswer(alerter::StateFailed{"the disk said no"}); },
        [this, id = ask.call_id](const alerter::StateAnswer& answer) {
          reply(alerter::StateReply{id, answer});
        });
  }
  void act(alerter::Deliver& deliver) {
    outside_call(
        *this, world().faults.sinks, Reach::kNetwork,
        [this, alerts = deliver.alerts, sink = deliver.sink] {
          for (const wire::Alert& alert : alerts)
            witnesses_.tell(&Witness::alert_delivered, alert.alert_id, sink);
          return true;
        },
        [] { return false; },
        [this, id = deliver.call_id](bool ok) {
          reply(alerter::Delivered{id, ok, ok ? "" : "the sink said no"});
        });
  }
  template <class Other>
  void act(Other&) {}

  Witnesses& witnesses_;
  alerter::Config config_;
  AlertStateFake& state_;
};

}  // namespace sluice::sim
