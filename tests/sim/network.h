// Fake transports between processes: what ROUTER and DEALER over a network do, and the worst that
// they do. Per connection order holds; when either end dies or the wire is cut, what was in the
// pipe is lost; a pipe can stall; frames for a dead listener may reach its next life.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/wire/links.h"
#include "tests/sim/process.h"

namespace sluice::sim {

// A process with connections.
class Wired : public Process {
 public:
  using Process::Process;
  virtual void on_bytes(wire::ConnId conn, const std::string& routing_id, std::string bytes) = 0;
  virtual void on_reset(wire::ConnId conn, const std::string& routing_id) = 0;
};

class Network {
 public:
  explicit Network(World& world) : world_(world) {}

  // Opens a fresh transport for this dialed connection; the one it had is closed.
  void dial(Wired& dialer, wire::ConnId conn, const std::string& routing_id, Wired& listener);
  void hang_up(Wired& dialer, wire::ConnId conn);
  // The listener's end names the peer by routing id; the dialer's end has one peer.
  void transmit(Wired& from, wire::ConnId conn, const std::string& routing_id, std::string bytes);
  // Its pipes end; the other side may be told at once, or find out by silence.
  void died(Wired& who);
  // From now on wires are cut and pipes stall as the run's faults say.
  void suffer();
  void heal();

 private:
  struct Pipe {
    Wired* dialer = nullptr;
    Wired* listener = nullptr;
    std::uint64_t dialer_life = 0;
    std::uint64_t listener_life = 0;
    wire::ConnId conn;
    std::string routing_id;
    bool open = false;
    Instant next[2];  // no delivery earlier than this: towards the listener, the dialer
    std::vector<std::string> stranded;  // waits for the listener's next life
  };
  using PipePtr = std::shared_ptr<Pipe>;

  PipePtr find(const Wired& from, wire::ConnId conn, const std::string& routing_id) const;
  void establish(const PipePtr& pipe);
  void deliver(const PipePtr& pipe, bool to_listener, std::string bytes);
  void arrive(const PipePtr& pipe, bool to_listener, std::string bytes);
  void break_pipe(const PipePtr& pipe);
  void tell_reset(const PipePtr& pipe);
  void strand(const PipePtr& pipe);
  void adopt(const PipePtr& pipe, int tries);
  [[nodiscard]] bool is_cut(const Wired& a, const Wired& b) const;
  void arrange_cut();
  void arrange_stall();
  PipePtr any_pipe();

  World& world_;
  // In an order that does not depend on addresses: by a number of its own.
  std::map<std::uint64_t, PipePtr> pipes_;
  std::uint64_t named_ = 0;
  std::set<std::pair<std::string, std::string>> cuts_;  // by names: dialer, listener
};

}  // namespace sluice::sim
