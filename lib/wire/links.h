// Links: everything that one process knows of its connections to others, as values (design 3.1,
// docs/protocol.md). Hello until Welcome; lives; not_me; sequences; heartbeats; packing. Pure: the
// bytes travel by somebody else (lib/port/zmq_links over ROUTER and DEALER, tests/sim over fakes).
//
// Who drives it:
//   dial() names an address once; Redial then asks for a fresh transport under a routing id that
//   was never used before. A transport lasts one connection: when it breaks or cannot be opened,
//   say reset(), never reconnect it.
//   receive(), reset(), tick() as things happen; send() as the core asks; flush() at a turn's end;
//   take() after each of these: the driver's orders and the core's events, in their order.
//
// What a core may rely on: a PeerId is one life of one peer on one connection, up once and down
// once. Items of one peer arrive in the order sent; what was under way when it went down may have
// arrived or not. Nothing arrives from a peer before PeerUp or after PeerDown.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/outbox.h"
#include "lib/base/prng.h"
#include "lib/wire/messages.h"
#include "lib/wire/peer.h"

namespace sluice::wire {

// A dialed address. 0 is the listener: all peers that dialed us.
struct ConnId {
  std::uint32_t n = 0;
  friend auto operator<=>(ConnId, ConnId) = default;
};
inline constexpr ConnId kListener{0};

// ---- what comes out ----

// Give these bytes to the transport of `conn`; on the listener to the peer of `routing_id`.
// When the transport refuses them: reset(conn, routing_id).
struct Transmit {
  ConnId conn;
  std::string routing_id;
  std::string bytes;
};
// Close the transport of `conn`, if there is one, and open a fresh one under this routing id.
struct Redial {
  ConnId conn;
  std::string routing_id;
};
// Close the transport of `conn`; it comes back by Redial or, after undial(), never.
struct Hangup {
  ConnId conn;
};
using LinkOut = std::variant<Transmit, Redial, Hangup, PeerUp, PeerDown, PeerFacts, FromPeer>;

// Why bytes from outside were not taken.
enum class Dropped : std::uint8_t {
  kNoFrame,   // not a frame, too many items, version 0
  kOlder,     // sequence not above the last one of that life
  kNotMe,     // meant for another life of ours: answered
  kStranger,  // a frame of a connection that said no Hello here, or is down: answered
  kRole,      // that role may not connect here, or is not what we dialed
  kProtocol,  // too new for us
  kItem,      // an item out of bounds, or that this role does not take from that role
  kPeersMax,  // Hello beyond peers_max
};
inline constexpr std::size_t kDroppedKinds = 8;
std::string_view name_of(Dropped why);

struct LinkCounts {
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t items_in = 0;
  std::uint64_t items_out = 0;
  std::array<std::uint64_t, kDroppedKinds> dropped{};
  std::string last_dropped;  // the last one's reason, for a person
};

struct LinksConfig {
  Role role = Role::kIngest;
  std::string instance;
  std::uint64_t life = 0;   // boot id, never 0
  std::vector<Role> takes;  // who may dial us
  Duration heartbeat = seconds(1);
  Duration silence = seconds(5);           // a peer not heard for so long is down
  Duration redial_min = milliseconds(50);  // doubles with each failure, half of it jitter
  Duration redial_max = seconds(2);
  std::size_t peers_max = 1024;
  std::size_t frame_bytes_max = 256 * 1024;  // a single larger item travels alone
  std::size_t frame_items_max = 1024;
};

class Links {
 public:
  // What to say to that peer in a heartbeat: the core's heartbeat(). Called from flush() only.
  using Facts = std::function<HeartbeatFacts(PeerId, Instant)>;

  Links(LinksConfig config, Facts facts, Prng prng);

  ConnId dial(Role expects, Instant now);
  void undial(ConnId conn, Instant now);

  void receive(ConnId conn, std::string_view routing_id, std::string_view bytes, Instant now);
  // The transport broke, could not be opened, or refused bytes.
  void reset(ConnId conn, std::string_view routing_id, Instant now);
  void tick(Instant now);
  [[nodiscard]] Instant deadline() const;

  // Queued; travels with flush() or when a frame is full. To a peer that is not up: dropped.
  void send(PeerId to, Item item);
  // A heartbeat with the next flush(), not when it is due: credits have changed.
  void announce(PeerId to);
  void flush(Instant now);

  void take(std::vector<LinkOut>& into) { out_.take(into); }
  [[nodiscard]] bool has_output() const { return !out_.empty(); }

  [[nodiscard]] const LinkCounts& counts() const { return counts_; }
  [[nodiscard]] std::size_t peers_up() const { return peers_.size(); }
  [[nodiscard]] std::size_t peers_up(Role role) const;

 private:
  struct Peer {
    PeerUp who;
    ConnId conn;
    std::string routing_id;
    Instant heard;
    Instant heartbeat_due;
    bool heartbeat_now = false;
    std::int64_t stamp_us = 0;  // the peer's last stamp, to be echoed
    Instant stamp_heard;
    Instant first_stamp;  // nothing that we stamped for it is older
    std::vector<Item> queue;
    std::size_t queue_bytes = 0;
  };
  enum class Dialing : std::uint8_t { kResting, kHello, kUp };
  struct Dialed {
    Role expects = Role::kLimiter;
    Dialing state = Dialing::kResting;
    std::string routing_id;
    Instant since;  // of the hello state
    Instant next;   // next Hello, or the redial
    std::uint32_t failures = 0;
    std::uint64_t same_as_life = 0;  // reached this life, which another connection has: waits
    std::optional<PeerId> peer;
  };
  struct Seen {
    std::uint64_t sequence = 0;
    Instant at;
    std::string down_route;  // its last connection that is down here: never up again
  };

  Peer* find(ConnId conn, std::string_view routing_id);
  Peer* find(PeerId id);
  void drop(Dropped why, std::string what);
  bool take_sequence(const Frame& frame, Instant now);
  void forget_lives();
  void read_stranger(ConnId conn, std::string_view routing_id, const Frame& frame, Instant now);
  void read_hello(std::string_view routing_id, const Frame& frame, const Hello& hello, Instant now);
  void read_welcome(ConnId conn, const Frame& frame, const Welcome& welcome, Instant now);
  void read_items(PeerId from, Frame& frame, Instant now);
  void read_hello_again(Peer& peer, const Hello& hello, Instant now);
  void leave_other_way_to(std::uint64_t life, Instant now);
  void read_heartbeat(Peer& peer, const Heartbeat& heard, Instant now);
  void welcome(Peer& peer);
  Peer& up(PeerUp who, ConnId conn, std::string_view routing_id, Instant now);
  void down(PeerId id, Instant now);
  void down_life(std::uint64_t life, Instant now);
  void redial(ConnId conn, Dialed& dialed, Instant now);
  void rest(ConnId conn, Dialed& dialed, Instant now);
  void say_hello(ConnId conn, Dialed& dialed, Instant now);
  void say_not_me(ConnId conn, std::string_view routing_id, const Frame& to);
  void tick_dialed(ConnId conn, Dialed& dialed, Instant now);
  void heartbeat(Peer& peer, Instant now);
  void pack(Peer& peer);
  Frame frame_to(std::uint64_t life);
  void transmit(ConnId conn, std::string_view routing_id, Frame& frame);

  LinksConfig config_;
  Facts facts_;
  Prng prng_;
  Outbox<LinkOut> out_;
  LinkCounts counts_;
  std::uint64_t sequence_ = 0;
  std::uint64_t peers_named_ = 0;
  std::uint64_t dials_named_ = 0;
  std::uint32_t conns_named_ = 0;
  std::map<PeerId, Peer> peers_;
  std::map<std::pair<ConnId, std::string>, PeerId, std::less<>> by_route_;
  std::map<std::uint64_t, PeerId> by_life_;
  std::map<ConnId, Dialed> dialed_;
  std::unordered_map<std::uint64_t, Seen> seen_;  // by life, also of peers that went down
};

}  // namespace sluice::wire
