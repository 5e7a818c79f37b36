#include "tests/sim/network.h"

#include <algorithm>

namespace sluice::sim {

void Network::dial(Wired& dialer, wire::ConnId conn, const std::string& routing_id,
                   Wired& listener) {
  hang_up(dialer, conn);
  auto pipe = std::make_shared<Pipe>();
  pipe->dialer = &dialer;
  pipe->listener = &listener;
  pipe->dialer_life = dialer.incarnation();
  pipe->conn = conn;
  pipe->routing_id = routing_id;
  pipes_[++named_] = pipe;
  world_.agenda.after(world_.prng.between(microseconds(50), milliseconds(3)),
                      [this, pipe] { establish(pipe); });
}

void Network::establish(const PipePtr& pipe) {
  if (pipe->dialer->incarnation() != pipe->dialer_life) return;
  if (!pipe->listener->up() || is_cut(*pipe->dialer, *pipe->listener)) {
    std::erase_if(pipes_, [&](const auto& entry) { return entry.second == pipe; });
    pipe->dialer->later(Duration{0}, [this, pipe] { tell_reset(pipe); });
    return;
  }
  pipe->open = true;
  pipe->listener_life = pipe->listener->incarnation();
  // What the dialer sent before there was a connection.
  for (std::string& bytes : pipe->stranded) deliver(pipe, true, std::move(bytes));
  pipe->stranded.clear();
}

void Network::hang_up(Wired& dialer, wire::ConnId conn) {
  std::erase_if(pipes_, [&](const auto& entry) {
    Pipe& pipe = *entry.second;
    if (pipe.dialer != &dialer || pipe.conn != conn) return false;
    pipe.open = false;
    return true;
  });
}

Network::PipePtr Network::find(const Wired& from, wire::ConnId conn,
                               const std::string& routing_id) const {
  for (const auto& [number, pipe] : pipes_) {
    const bool as_dialer = pipe->dialer == &from && conn != wire::kListener && pipe->conn == conn;
    const bool as_listener =
        pipe->listener == &from && conn == wire::kListener && pipe->routing_id == routing_id;
    if (as_dialer || as_listener) return pipe;
  }
  return nullptr;
}

void Network::transmit(Wired& from, wire::ConnId conn, const std::string& routing_id,
                       std::string bytes) {
  const PipePtr pipe = find(from, conn, routing_id);
  const bool to_listener = conn != wire::kListener;
  if (!pipe)
    return from.later(Duration{0}, [&from, conn, routing_id] { from.on_reset(conn, routing_id); });
  if (to_listener && !pipe->open) {
    pipe->stranded.push_back(std::move(bytes));
    return;
  }
  deliver(pipe, to_listener, std::move(bytes));
}

void Network::deliver(const PipePtr& pipe, bool to_listener, std::string bytes) {
  Instant& next = pipe->next[to_listener ? 0 : 1];
  const Duration delay = world_.prng.between(microseconds(30), world_.faults.link.delay_max);
  next = std::max(next, world_.now() + delay);
  world_.agenda.at(next, [this, pipe, to_listener, bytes = std::move(bytes)]() mutable {
    arrive(pipe, to_listener, std::move(bytes));
  });
}

void Network::arrive(const PipePtr& pipe, bool to_listener, std::string bytes) {
  if (!pipe->open) return;
  Wired* to = to_listener ? pipe->listener : pipe->dialer;
  const std::uint64_t life = to_listener ? pipe->listener_life : pipe->dialer_life;
  if (to->incarnation() != life) return;
  const wire::ConnId conn = to_listener ? wire::kListener : pipe->conn;
  // Only the listener tells its peers apart by routing id.
  const std::string id = to_listener ? pipe->routing_id : std::string();
  to->later(Duration{0}, [to, conn, id, bytes = std::move(bytes)]() mutable {
    to->on_bytes(conn, id, std::move(bytes));
  });
}

void Network::break_pipe(const PipePtr& pipe) {
  pipe->open = false;
  std::erase_if(pipes_, [&](const auto& entry) { return entry.second == pipe; });
  // A reset may be seen at once, or never: then silence must tell.
  if (pipe->dialer->incarnation() == pipe->dialer_life && world_.prng.chance(700'000))
    pipe->dialer->later(world_.prng.between(Duration{0}, milliseconds(20)),
                        [this, pipe] { tell_reset(pipe); });
}

// Not when the dialer has a fresh transport already.
void Network::tell_reset(const PipePtr& pipe) {
  if (!find(*pipe->dialer, pipe->conn, "")) pipe->dialer->on_reset(pipe->conn, "");
}

void Network::died(Wired& who) {
  std::vector<PipePtr> its;
  for (const auto& [number, pipe] : pipes_)
    if (pipe->dialer == &who || pipe->listener == &who) its.push_back(pipe);
  for (const PipePtr& pipe : its) {
    const bool listener_died = pipe->listener == &who;
    if (listener_died && pipe->open && world_.prng.chance(world_.faults.link.next_life))
      strand(pipe);
    else
      break_pipe(pipe);
  }
}

// ZeroMQ connects again by itself: what the dialer sends meanwhile reaches the next life.
void Network::strand(const PipePtr& pipe) {
  pipe->open = false;
  adopt(pipe, 200);
}

void Network::adopt(const PipePtr& pipe, int tries) {
  const bool gone = pipe->dialer->incarnation() != pipe->dialer_life ||
                    std::none_of(pipes_.begin(), pipes_.end(),
                                 [&](const auto& entry) { return entry.second == pipe; });
  if (gone) return;
  if (pipe->listener->up()) return establish(pipe);
  if (tries == 0) return break_pipe(pipe);
  world_.agenda.after(milliseconds(100), [this, pipe, tries] { adopt(pipe, tries - 1); });
}

bool Network::is_cut(const Wired& a, const Wired& b) const {
  return cuts_.contains({a.name(), b.name()});
}

Network::PipePtr Network::any_pipe() {
  if (pipes_.empty()) return nullptr;
  auto at = pipes_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(world_.prng.below(pipes_.size())));
  return at->second;
}

void Network::suffer() {
  if (world_.faults.link.cut_every > Duration{0}) arrange_cut();
  if (world_.faults.link.stall_every > Duration{0}) arrange_stall();
}

void Network::arrange_cut() {
  world_.agenda.after(world_.around(world_.faults.link.cut_every), [this] {
    if (world_.healed) return;
    if (const PipePtr pipe = any_pipe()) {
      const std::pair names{pipe->dialer->name(), pipe->listener->name()};
      world_.note("network", "cut", names.first, names.second);
      break_pipe(pipe);
      // Sometimes only this connection; sometimes nothing gets through for a while.
      if (world_.prng.chance(500'000)) {
        cuts_.insert(names);
        world_.agenda.after(world_.prng.between(milliseconds(1), world_.faults.link.cut_max),
                            [this, names] { cuts_.erase(names); });
      }
    }
    arrange_cut();
  });
}

void Network::arrange_stall() {
  world_.agenda.after(world_.around(world_.faults.link.stall_every), [this] {
    if (world_.healed) return;
    if (const PipePtr pipe = any_pipe()) {
      const Duration stall = world_.prng.between(milliseconds(10), world_.faults.link.stall_max);
      const bool to_listener = world_.prng.chance(500'000);
      world_.note("network", "stall", pipe->dialer->name(), pipe->listener->name(), stall.us);
      Instant& next = pipe->next[to_listener ? 0 : 1];
      next = std::max(next, world_.now() + stall);
    }
    arrange_stall();
  });
}

void Network::heal() { cuts_.clear(); }

}  // namespace sluice::sim
