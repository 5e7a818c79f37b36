// wire::Links over ZeroMQ: a ROUTER for those who dial us, a DEALER for each address that we dial.
// A socket lasts one connection: ZeroMQ's own reconnecting is off, because frames that are lost
// under it are lost without a word. The monitor of each DEALER tells when its connection ends.
//
// Addresses: "ipc:///path", "tcp://host:port", "dns:name:port" (every A record, resolved again each
// 10 s, outside of this thread).
//
// Known limit: there are no keys (CURVE) yet, so TCP is refused but for loopback. The place for
// them is where sockets are made, and a ZAP handler next to the ROUTER.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/port/log.h"
#include "lib/port/poller.h"
#include "lib/port/resolver.h"
#include "lib/wire/links.h"

namespace sluice::port {

class ZmqLinks {
 public:
  struct Dial {
    wire::Role expects = wire::Role::kLimiter;
    std::string address;
  };
  struct Config {
    wire::LinksConfig links;
    std::vector<std::string> listen;
    std::vector<Dial> dials;
    Duration resolve_every = seconds(10);
    int queue_frames_max = 10'000;  // to one peer; beyond it the connection is broken off
  };
  // PeerUp, PeerDown, PeerFacts and FromPeer, in order; called from poll() and pump().
  using Events = std::function<void(wire::LinkOut& event)>;
  struct Hooks {
    wire::Links::Facts facts;
    Events events;
  };

  // kSettings: an address is wrong or not loopback; kUnavailable: taken, or its directory is
  // missing.
  static Result<std::unique_ptr<ZmqLinks>> open(Poller& poller, Log& log, Config config,
                                                Hooks hooks);
  ~ZmqLinks();
  ZmqLinks(const ZmqLinks&) = delete;
  ZmqLinks& operator=(const ZmqLinks&) = delete;

  void send(wire::PeerId to, wire::Item item) { links_.send(to, std::move(item)); }
  void announce(wire::PeerId to) { links_.announce(to); }
  // Once at each turn's end: what is due, what was sent, and what that brought about.
  void pump();
  [[nodiscard]] Instant deadline() const { return links_.deadline(); }
  // Before the end: what is queued has so long to leave.
  void linger(Duration at_most);

  [[nodiscard]] const wire::Links& links() const { return links_; }

 private:
  struct Dealer {
    void* socket = nullptr;
    void* monitor = nullptr;
    std::string address;
    bool connected = false;
    std::string hello;  // said before the connection was there
  };
  ZmqLinks(Poller& poller, Log& log, Config config, Hooks hooks);

  Status listen();
  void dial_all();
  void dial_names(std::size_t dial, const std::vector<std::string>& addresses);
  void dial_address(std::size_t dial, const std::string& address);
  void resolve();
  void say_dropped(Instant now);
  void perform();
  void perform(const wire::Redial& redial);
  void perform(const wire::Hangup& hangup);
  void perform(const wire::Transmit& transmit);
  bool open_dealer(Dealer& dealer, const std::string& routing_id);
  void close(Dealer& dealer);
  void read_router();
  void read_dealer(wire::ConnId conn);
  void read_monitor(wire::ConnId conn);
  void say_hello(wire::ConnId conn);

  Poller& poller_;
  Log& log_;
  Config config_;
  Events events_;
  wire::Links links_;
  void* context_ = nullptr;
  void* router_ = nullptr;
  std::map<wire::ConnId, Dealer> dealers_;
  std::map<std::pair<std::size_t, std::string>, wire::ConnId>
      dialed_;  // of each Dial: its addresses
  std::unique_ptr<Resolver> resolver_;
  TimerId resolve_timer_;
  int linger_ms_ = 0;
  std::uint64_t dropped_said_ = 0;
  Instant say_dropped_at_;
  bool performing_ = false;
  std::vector<wire::LinkOut> outs_;  // while performing; its room is used again
};

}  // namespace sluice::port
