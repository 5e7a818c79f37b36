// The shell of a core, simulated: keeps its links, gives it what arrives, performs its effects one
// by one on fakes, may die between any two of them, wakes it at its deadline.
#pragma once

#include <algorithm>
#include <concepts>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "lib/stage/core.h"
#include "lib/wire/codec.h"
#include "lib/wire/links.h"
#include "tests/sim/describe.h"
#include "tests/sim/network.h"

namespace sluice::sim {

template <Core C>
class Node : public Wired {
 public:
  using Work = typename C::Work;
  using Reply = typename C::Reply;
  using Effect = typename C::Effect;
  // May change what the core asked for: drop, double, swap, hasten. Empty: nothing is done.
  using Saboteur = std::function<void(Node&, Effect&&, std::vector<Effect>&)>;

  Node(World& world, Network& network, std::string name, ProcessFaults Faults::*faults)
      : Wired(world, std::move(name), faults), network_(network) {}

  // Whom it dials at boot.
  void dials(wire::Role role, Wired& listener) { dialed_.emplace_back(role, &listener); }
  void sabotage(Saboteur saboteur) { saboteur_ = std::move(saboteur); }

  // The core of this life; nothing while the process is down.
  [[nodiscard]] const C* core() const { return core_.get(); }
  [[nodiscard]] const wire::Links* links() const { return links_ ? &*links_ : nullptr; }

  // From the world outside: at once, as front doors take it. A core without room says so.
  void work(const Work& work) {
    if (!up()) return;
    called([&](auto& out) { core_->accept(work, clock(), out); });
    turn_soon();
  }
  // Past its core: what other programs may say on the same wires.
  void say(wire::Role role, const wire::Item& item) {
    if (!up()) return;
    for (const auto& [peer, is] : peers_)
      if (is == role) links_->send(peer, item);
    turn_soon();
  }
  // New settings for a core that runs.
  template <class Edit>
  void edit_core(Edit edit) {
    if (!up()) return;
    edit(*core_);
    turn_soon();
  }
  // From the node's fakes: the answer to an effect.
  void reply(Reply reply) {
    if (!up()) return;
    called([&](auto& out) { core_->complete(reply, clock(), out); });
    turn_soon();
  }

  void on_bytes(wire::ConnId conn, const std::string& id, std::string bytes) override {
    links_->receive(conn, id, bytes, clock());
    if (links_->counts().last_dropped != last_dropped_) {
      last_dropped_ = links_->counts().last_dropped;
      world().note(name(), "dropped:", last_dropped_);
    }
    drain_links();
    turn_soon();
  }
  void on_reset(wire::ConnId conn, const std::string& id) override {
    links_->reset(conn, id, clock());
    drain_links();
    turn_soon();
  }

 protected:
  virtual std::unique_ptr<C> make_core() = 0;
  virtual wire::LinksConfig make_links() = 0;
  virtual void perform(Effect&& effect) = 0;
  // After each turn: what must hold of the core's own numbers.
  virtual void inspect(const C&) {}
  // What reaches the core from its peers, and what it sends them: for those who watch the wires.
  virtual void heard(const wire::Item&) {}
  virtual void says(const wire::Item&) {}
  virtual void forget_ports() {}

  void on_boot() override {
    do life_ = world().prng.next();
    while (life_ == 0);
    core_ = make_core();
    wire::LinksConfig config = make_links();
    config.instance = name();
    config.life = life_;
    links_.emplace(
        std::move(config), [this](wire::PeerId peer, Instant at) { return facts(peer, at); },
        world().prng.split());
    targets_.clear();
    for (const auto& [role, listener] : dialed_) targets_[links_->dial(role, clock())] = listener;
    drain_links();
    called([&](auto& out) { core_->tick(clock(), out); });
    turn_soon();
  }

  void on_crash() override {
    network_.died(*this);
    forget_ports();
    core_.reset();
    links_.reset();
    peers_.clear();
    out_ = {};
    turn_due_ = false;
    stopping_ = false;
    wake_at_.reset();
  }
  void on_stop() override {
    stopping_ = true;
    if constexpr (requires(C & c, Outbox<Effect> & out) { c.drain(Instant{}, out); })
      called([&](auto& out) { core_->drain(clock(), out); });
    else if constexpr (requires(C & c) { c.drain(); })
      core_->drain();
    turn_soon();
  }

  [[nodiscard]] bool meets(wire::Role role) const {
    return std::any_of(peers_.begin(), peers_.end(),
                       [role](const auto& peer) { return peer.second == role; });
  }
  // This life's boot id, drawn before make_core().
  [[nodiscard]] std::uint64_t life() const { return life_; }

 private:
  wire::HeartbeatFacts facts(wire::PeerId peer, Instant at) {
    if constexpr (requires(const C& c) { c.heartbeat(peer, at); })
      return core_->heartbeat(peer, at);
    else
      return {};
  }

  template <class Call>
  void called(Call call) {
    const std::size_t before = out_.size();
    call(out_);
    if (out_.size() - before > core_->effects_max())
      world().breaks("P8", name() + " asked for " + std::to_string(out_.size() - before) +
                               " effects in one call, at most " +
                               std::to_string(core_->effects_max()));
  }

  void drain_links() {
    std::vector<wire::LinkOut> outs;
    while (links_ && links_->has_output()) {
      links_->take(outs);
      for (wire::LinkOut& out : outs) std::visit([this](auto& one) { this->linked(one); }, out);
    }
  }
  void linked(wire::Transmit& out) {
    if (out.bytes.size() > wire::kFrameMax) world().breaks("P8", name() + " sent too long a frame");
    network_.transmit(*this, out.conn, out.routing_id, std::move(out.bytes));
  }
  void linked(wire::Redial& out) {
    network_.dial(*this, out.conn, out.routing_id, *targets_.at(out.conn));
  }
  void linked(wire::Hangup& out) { network_.hang_up(*this, out.conn); }
  void linked(wire::FromPeer& from) {
    world().note(name(), "<-", wire::name_of(from.item), describe(from.item));
    heard(from.item);
    if constexpr (std::is_constructible_v<Work, wire::FromPeer>)
      called([&](auto& out) { core_->accept(Work(std::move(from)), clock(), out); });
  }
  template <class Event>  // PeerUp, PeerDown, PeerFacts
  void linked(Event& event) {
    if constexpr (std::is_same_v<Event, wire::PeerUp>) peers_[event.peer] = event.role;
    if constexpr (std::is_same_v<Event, wire::PeerDown>) peers_.erase(event.peer);
    if constexpr (std::is_constructible_v<Reply, Event>)
      called([&](auto& out) { core_->complete(Reply(std::move(event)), clock(), out); });
  }

  // Everything that arrives until then shares one turn, as in a real loop.
  void turn_soon() {
    if (turn_due_) return;
    turn_due_ = true;
    later(world().prng.between(Duration{0}, microseconds(400)), [this] { turn(); });
  }

  void turn() {
    turn_due_ = false;
    const Instant now = clock();
    if (links_->deadline() <= now) {
      links_->tick(now);
      drain_links();
    }
    if (core_->deadline() <= now) called([&](auto& out) { core_->tick(now, out); });
    if (!perform_all()) return;
    links_->flush(clock());
    drain_links();
    inspect(*core_);
    if (stopping_ && core_->idle()) return crash();
    arrange_wake();
  }

  // False: the process died between two effects.
  bool perform_all() {
    std::vector<Effect> effects;
    out_.take(effects);
    for (Effect& effect : effects) {
      if (world().prng.chance(faults().crash_at_effect)) {
        // What was sent so far may have left, or not.
        if (world().prng.chance(500'000)) {
          links_->flush(clock());
          drain_links();
        }
        crash();
        return false;
      }
      if (saboteur_)
        perform_sabotaged(std::move(effect));
      else
        perform_one(std::move(effect));
    }
    return true;
  }
  void perform_sabotaged(Effect&& effect) {
    std::vector<Effect> instead;
    saboteur_(*this, std::move(effect), instead);
    for (Effect& one : instead) perform_one(std::move(one));
  }
  void perform_one(Effect&& effect) {
    if constexpr (std::is_constructible_v<Effect, wire::Send>) {
      if (auto* send = std::get_if<wire::Send>(&effect)) {
        says(send->item);
        links_->send(send->peer, std::move(send->item));
        return;
      }
    }
    if constexpr (std::is_constructible_v<Effect, wire::Announce>) {
      if (const auto* announce = std::get_if<wire::Announce>(&effect)) {
        links_->announce(announce->peer);
        return;
      }
    }
    perform(std::move(effect));
  }

  void arrange_wake() {
    const Instant local = std::min(core_->deadline(), links_->deadline());
    if (local >= Instant::never()) return;
    // A loop cannot sleep for less than this; a core whose deadline stays in the past spins.
    const Instant when = std::max(true_time(local), world().now() + microseconds(100));
    spin_ = local <= clock() ? spin_ + 1 : 0;
    if (spin_ > 10'000) {
      spin_ = 0;
      world().breaks("P8", name() + " spins: its deadline stays in the past");
    }
    if (wake_at_ && *wake_at_ <= when) return;
    wake_at_ = when;
    later(when - world().now(), [this, when] {
      if (wake_at_ != when) return;
      wake_at_.reset();
      if (!turn_due_) turn();
    });
  }

  Network& network_;
  std::string last_dropped_;
  std::vector<std::pair<wire::Role, Wired*>> dialed_;
  std::map<wire::ConnId, Wired*> targets_;
  Saboteur saboteur_;
  std::unique_ptr<C> core_;
  std::optional<wire::Links> links_;
  std::map<wire::PeerId, wire::Role> peers_;  // that are up
  std::uint64_t life_ = 0;
  Outbox<Effect> out_;
  bool turn_due_ = false;
  bool stopping_ = false;
  std::optional<Instant> wake_at_;
  std::uint32_t spin_ = 0;
};

}  // namespace sluice::sim
