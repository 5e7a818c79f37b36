#include "lib/wire/links.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/wire/codec.h"
#include "lib/wire/takes.h"

namespace sluice::wire {

namespace {

// A dialed address whose process is reached by another one already: looked at again so often.
constexpr Duration kSameLifeAgain = seconds(30);
// Lives whose last sequence is remembered, next to those that are up.
constexpr std::size_t kLivesMax = 4096;
// What an item adds to a frame next to its own size.
constexpr std::size_t kItemOverhead = 8;

std::string_view text_of(Role role) {
  switch (role) {
    case Role::kIngest:
      return "ingest";
    case Role::kLimiter:
      return "limiter";
    case Role::kDispatcher:
      return "dispatcher";
    case Role::kAuditor:
      return "auditor";
    case Role::kAlerter:
      return "alerter";
  }
  return "nobody";
}

std::string hex_of(std::uint64_t value) {
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4U) {
    *digit = "0123456789abcdef"[value & 15U];
  }
  return text;
}

bool travels_between_strangers(const Item& item) {
  return std::holds_alternative<Hello>(item) || std::holds_alternative<Welcome>(item) ||
         std::holds_alternative<NotMe>(item);
}

}  // namespace

std::string_view name_of(Dropped why) {
  switch (why) {
    case Dropped::kNoFrame:
      return "no_frame";
    case Dropped::kOlder:
      return "older";
    case Dropped::kNotMe:
      return "not_me";
    case Dropped::kStranger:
      return "stranger";
    case Dropped::kRole:
      return "role";
    case Dropped::kProtocol:
      return "version";
    case Dropped::kItem:
      return "item";
    case Dropped::kPeersMax:
      return "peers_max";
  }
  return "unknown";
}

Links::Links(LinksConfig config, Facts facts, Prng prng)
    : config_(std::move(config)), facts_(std::move(facts)), prng_(prng) {
  CHECK(config_.life != 0);
  CHECK(!config_.instance.empty());
  CHECK(config_.frame_items_max <= kItemsMax);
}

// ---- dialing ---------------------------------------------------------------------------------

ConnId Links::dial(Role expects, Instant now) {
  const ConnId conn{++conns_named_};
  Dialed& dialed = dialed_[conn];
  dialed.expects = expects;
  redial(conn, dialed, now);
  return conn;
}

void Links::undial(ConnId conn, Instant now) {
  const auto found = dialed_.find(conn);
  if (found == dialed_.end()) return;
  if (found->second.peer) down(*found->second.peer, now);
  out_.push(Hangup{conn});
  dialed_.erase(conn);
}

// A fresh transport, under a name that the other side has never seen.
void Links::redial(ConnId conn, Dialed& dialed, Instant now) {
  dialed.state = Dialing::kHello;
  dialed.since = now;
  dialed.next = now;
  dialed.routing_id = std::string(text_of(config_.role)) + "-" + config_.instance + "-" +
                      hex_of(config_.life) + "-" + std::to_string(++dials_named_);
  out_.push(Redial{conn, dialed.routing_id});
  say_hello(conn, dialed, now);
}

// No transport until a while from now: longer with each failure, never two alike.
void Links::rest(ConnId conn, Dialed& dialed, Instant now) {
  const std::uint32_t doublings = std::min<std::uint32_t>(dialed.failures++, 16);
  const Duration wait =
      std::min(config_.redial_max, config_.redial_min * (std::int64_t{1} << doublings));
  if (dialed.state != Dialing::kResting) out_.push(Hangup{conn});
  dialed.state = Dialing::kResting;
  dialed.peer.reset();
  dialed.next = now + prng_.between(wait / 2, wait);
}

void Links::say_hello(ConnId conn, Dialed& dialed, Instant now) {
  dialed.next = now + config_.heartbeat;
  Frame frame = frame_to(0);
  frame.items.emplace_back(Hello{kVersion, config_.role, config_.instance, now.us});
  transmit(conn, {}, frame);
}

void Links::tick_dialed(ConnId conn, Dialed& dialed, Instant now) {
  switch (dialed.state) {
    case Dialing::kUp:
      return;
    case Dialing::kResting:
      if (now < dialed.next) return;
      if (dialed.same_as_life != 0 && by_life_.contains(dialed.same_as_life)) {
        dialed.next = now + kSameLifeAgain;
        return;
      }
      dialed.same_as_life = 0;
      return redial(conn, dialed, now);
    case Dialing::kHello:
      if (now - dialed.since >= config_.silence) return rest(conn, dialed, now);
      if (now >= dialed.next) say_hello(conn, dialed, now);
  }
}

// ---- what happens ----------------------------------------------------------------------------

void Links::receive(ConnId conn, std::string_view routing_id, std::string_view bytes, Instant now) {
  ++counts_.frames_in;
  if (conn != kListener && !dialed_.contains(conn)) return;
  auto heard = hear(bytes);
  if (!heard) return drop(Dropped::kNoFrame, heard.error().what);
  Frame& frame = heard->frame;
  if (frame.from_life == 0) return drop(Dropped::kNoFrame, "frame: from_life is 0");
  if (!take_sequence(frame, now)) return;
  for (std::string& why : heard->refused) drop(Dropped::kItem, std::move(why));
  // Answered, unless it is itself such an answer: two that do not know each other must fall silent.
  const bool not_me = frame.to_life != 0 && frame.to_life != config_.life;
  const bool is_answer = !frame.items.empty() && std::holds_alternative<NotMe>(frame.items.front());
  if (not_me) {
    if (!is_answer) say_not_me(conn, routing_id, frame);
    return drop(Dropped::kNotMe, "frame for life " + hex_of(frame.to_life));
  }
  Peer* peer = find(conn, routing_id);
  if (peer == nullptr || peer->who.life != frame.from_life) {
    return read_stranger(conn, routing_id, frame, now);
  }
  peer->heard = now;
  read_items(peer->who.peer, frame, now);
}

// True when the frame is newer than all that were taken from that life.
bool Links::take_sequence(const Frame& frame, Instant now) {
  Seen& seen = seen_[frame.from_life];
  if (frame.sequence <= seen.sequence) {
    drop(Dropped::kOlder, "frame with sequence " + std::to_string(frame.sequence) + " after " +
                              std::to_string(seen.sequence));
    return false;
  }
  seen.sequence = frame.sequence;
  seen.at = now;
  if (seen_.size() > kLivesMax) forget_lives();
  return true;
}

// Half of the lives that are not up go, those not heard for longest.
void Links::forget_lives() {
  std::vector<std::pair<Instant, std::uint64_t>> gone;
  for (const auto& [life, seen] : seen_) {
    if (!by_life_.contains(life)) gone.emplace_back(seen.at, life);
  }
  std::sort(gone.begin(), gone.end());
  gone.resize((gone.size() + 1) / 2);
  for (const auto& [at, life] : gone) seen_.erase(life);
}

// A frame on a connection that is not up (any more), or was another life's.
void Links::read_stranger(ConnId conn, std::string_view routing_id, const Frame& frame,
                          Instant now) {
  const Item* first = frame.items.empty() ? nullptr : &frame.items.front();
  const bool not_me = first != nullptr && std::holds_alternative<NotMe>(*first);
  if (conn == kListener) {
    const auto* hello = first == nullptr ? nullptr : std::get_if<Hello>(first);
    if (hello != nullptr) return read_hello(routing_id, frame, *hello, now);
    drop(Dropped::kStranger, "frame of a connection without a Hello");
    // It must hear that it is down here, or it would believe for 5 s that it is heard.
    if (!not_me) say_not_me(conn, routing_id, frame);
    return;
  }
  const auto* welcome = first == nullptr ? nullptr : std::get_if<Welcome>(first);
  if (welcome != nullptr) return read_welcome(conn, frame, *welcome, now);
  drop(Dropped::kStranger, "frame of a connection without a Welcome");
  // What came before it here is lost: this connection cannot become whole any more.
  Dialed& dialed = dialed_.at(conn);
  if (dialed.state == Dialing::kHello) rest(conn, dialed, now);
}

void Links::read_hello(std::string_view routing_id, const Frame& frame, const Hello& hello,
                       Instant now) {
  if (hello.oldest_version > kVersion) {
    return drop(Dropped::kProtocol,
                "Hello: speaks protocol " + std::to_string(hello.oldest_version) + " and newer");
  }
  if (std::find(config_.takes.begin(), config_.takes.end(), hello.role) == config_.takes.end()) {
    return drop(Dropped::kRole,
                "Hello: role " + std::string(text_of(hello.role)) + " may not connect here");
  }
  if (seen_[frame.from_life].down_route == routing_id) {
    drop(Dropped::kStranger, "Hello of a connection that is down");
    return say_not_me(kListener, routing_id, frame);
  }
  if (Peer* former = find(kListener, routing_id)) down(former->who.peer, now);
  down_life(frame.from_life, now);
  if (peers_.size() >= config_.peers_max) {
    return drop(Dropped::kPeersMax, "Hello: there are peers_max peers already");
  }
  PeerUp who{{++peers_named_}, hello.role, hello.instance, frame.from_life};
  Peer& peer = up(std::move(who), kListener, routing_id, now);
  peer.stamp_us = hello.stamp_us;
  peer.stamp_heard = now;
  welcome(peer);
}

void Links::read_welcome(ConnId conn, const Frame& frame, const Welcome& welcome, Instant now) {
  Dialed& dialed = dialed_.at(conn);
  if (dialed.state != Dialing::kHello) return drop(Dropped::kStranger, "Welcome without a Hello");
  if (welcome.role != dialed.expects) {
    drop(Dropped::kRole, "Welcome: dialed a " + std::string(text_of(dialed.expects)) + ", got a " +
                             std::string(text_of(welcome.role)));
    return rest(conn, dialed, now);
  }
  leave_other_way_to(frame.from_life, now);
  dialed.state = Dialing::kUp;
  dialed.failures = 0;
  PeerUp who{{++peers_named_}, welcome.role, welcome.instance, frame.from_life};
  const PeerId id = who.peer;
  Peer& peer = up(std::move(who), conn, {}, now);
  dialed.peer = id;
  peer.heartbeat_now = true;
  Frame rest_of_frame = frame;
  read_items(id, rest_of_frame, now);
}

// Two addresses lead to one process: the newer connection counts, the other's address rests until
// that life is down.
void Links::leave_other_way_to(std::uint64_t life, Instant now) {
  const auto found = by_life_.find(life);
  if (found == by_life_.end()) return;
  const ConnId conn = peers_.at(found->second).conn;
  down(found->second, now);
  if (conn == kListener) return;
  Dialed& dialed = dialed_.at(conn);
  dialed.same_as_life = life;
  dialed.next = now + kSameLifeAgain;
}

void Links::read_items(PeerId from, Frame& frame, Instant now) {
  for (Item& item : frame.items) {
    Peer* peer = find(from);
    if (peer == nullptr) return;  // an item before this one took it down
    ++counts_.items_in;
    if (const auto* heartbeat = std::get_if<Heartbeat>(&item)) {
      read_heartbeat(*peer, *heartbeat, now);
    } else if (std::holds_alternative<NotMe>(item)) {
      down(from, now);
    } else if (const auto* hello = std::get_if<Hello>(&item)) {
      read_hello_again(*peer, *hello, now);
    } else if (std::holds_alternative<Welcome>(item)) {
      continue;
    } else if (!takes(config_.role, peer->who.role, item)) {
      drop(Dropped::kItem, std::string(name_of(item)) + " from " +
                               std::string(text_of(peer->who.role)) + " is not for " +
                               std::string(text_of(config_.role)));
    } else {
      out_.push(FromPeer{from, std::move(item)});
    }
  }
}

// Its Welcome is late or was not heard yet: one connection, one PeerUp.
void Links::read_hello_again(Peer& peer, const Hello& hello, Instant now) {
  if (peer.conn != kListener) return;
  peer.stamp_us = hello.stamp_us;
  peer.stamp_heard = now;
  welcome(peer);
}

void Links::read_heartbeat(Peer& peer, const Heartbeat& heard, Instant now) {
  // Its first stamp is echoed at once: it must not be without a round trip for a second.
  if (peer.stamp_us == 0) peer.heartbeat_now = true;
  peer.stamp_us = heard.stamp_us;
  peer.stamp_heard = now;
  PeerFacts facts{peer.who.peer, heard.credits, heard.held_count, heard.held_hash, std::nullopt};
  // The bounds that it carries were taken after our stamp had lain there for echo_age. That age is
  // by the other's clock: shortened by the drift of both.
  const bool echoed = heard.echo_us >= peer.first_stamp.us && heard.echo_us <= now.us &&
                      heard.echo_age_us >= 0 && heard.echo_age_us <= now.us;
  const std::int64_t age = echoed ? heard.echo_age_us : 0;
  const Duration sure{age - age * 2 * StoreClock::kDriftPpm / 1'000'000};
  const Instant sent = Instant{echoed ? heard.echo_us : 0} + sure;
  const bool knows = heard.store_high.us > 0 && heard.store_low <= heard.store_high;
  if (echoed && sent <= now && knows) {
    facts.round_trip = RoundTrip{sent, now, {heard.store_low, heard.store_high}};
  }
  out_.push(std::move(facts));
}

void Links::reset(ConnId conn, std::string_view routing_id, Instant now) {
  if (conn == kListener) {
    if (Peer* peer = find(kListener, routing_id)) down(peer->who.peer, now);
    return;
  }
  const auto found = dialed_.find(conn);
  if (found == dialed_.end()) return;
  if (found->second.peer) return down(*found->second.peer, now);
  if (found->second.state == Dialing::kHello) rest(conn, found->second, now);
}

void Links::tick(Instant now) {
  std::vector<PeerId> silent;
  for (const auto& [id, peer] : peers_) {
    if (now - peer.heard >= config_.silence) silent.push_back(id);
  }
  for (const PeerId id : silent) down(id, now);
  for (auto& [conn, dialed] : dialed_) tick_dialed(conn, dialed, now);
  for (auto& [id, peer] : peers_) {
    if (now >= peer.heartbeat_due) peer.heartbeat_now = true;
  }
}

Instant Links::deadline() const {
  Instant due = Instant::never();
  for (const auto& [id, peer] : peers_) {
    due = std::min({due, peer.heartbeat_due, peer.heard + config_.silence});
  }
  for (const auto& [conn, dialed] : dialed_) {
    if (dialed.state != Dialing::kUp) due = std::min(due, dialed.next);
    if (dialed.state == Dialing::kHello) due = std::min(due, dialed.since + config_.silence);
  }
  return due;
}

// ---- peers -----------------------------------------------------------------------------------

Links::Peer* Links::find(ConnId conn, std::string_view routing_id) {
  const auto found = by_route_.find(std::pair(conn, std::string(routing_id)));
  return found == by_route_.end() ? nullptr : find(found->second);
}

Links::Peer* Links::find(PeerId id) {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second;
}

std::size_t Links::peers_up(Role role) const {
  return static_cast<std::size_t>(std::count_if(
      peers_.begin(), peers_.end(), [&](const auto& one) { return one.second.who.role == role; }));
}

Links::Peer& Links::up(PeerUp who, ConnId conn, std::string_view routing_id, Instant now) {
  const PeerId id = who.peer;
  by_route_[{conn, std::string(routing_id)}] = id;
  by_life_[who.life] = id;
  Peer& peer = peers_[id];
  peer.who = who;
  peer.conn = conn;
  peer.routing_id = routing_id;
  peer.heard = now;
  peer.heartbeat_due = now;
  peer.first_stamp = conn == kListener ? now : dialed_.at(conn).since;
  out_.push(std::move(who));
  return peer;
}

void Links::down(PeerId id, Instant now) {
  const auto found = peers_.find(id);
  CHECK(found != peers_.end());
  const Peer peer = std::move(found->second);
  peers_.erase(found);
  by_route_.erase({peer.conn, peer.routing_id});
  by_life_.erase(peer.who.life);
  out_.push(PeerDown{id});
  if (peer.conn != kListener) return rest(peer.conn, dialed_.at(peer.conn), now);
  seen_[peer.who.life].down_route = peer.routing_id;
}

void Links::down_life(std::uint64_t life, Instant now) {
  if (const auto found = by_life_.find(life); found != by_life_.end()) down(found->second, now);
}

void Links::welcome(Peer& peer) {
  Frame frame = frame_to(peer.who.life);
  frame.items.emplace_back(Welcome{config_.role, config_.instance});
  transmit(peer.conn, peer.routing_id, frame);
  peer.heartbeat_now = true;
}

void Links::drop(Dropped why, std::string what) {
  ++counts_.dropped.at(static_cast<std::size_t>(why));
  counts_.last_dropped = std::move(what);
}

// ---- sending ---------------------------------------------------------------------------------

void Links::send(PeerId to, Item item) {
  Peer* peer = find(to);
  if (peer == nullptr) return;
  CHECK(!travels_between_strangers(item));
  const std::size_t bytes = encoded_size(item) + kItemOverhead;
  const bool full = peer->queue.size() >= config_.frame_items_max ||
                    peer->queue_bytes + bytes > config_.frame_bytes_max;
  if (full) pack(*peer);
  peer->queue.push_back(std::move(item));
  peer->queue_bytes += bytes;
}

void Links::announce(PeerId to) {
  if (Peer* peer = find(to)) peer->heartbeat_now = true;
}

void Links::flush(Instant now) {
  for (auto& [id, peer] : peers_) {
    if (peer.heartbeat_now) heartbeat(peer, now);
    pack(peer);
  }
}

void Links::heartbeat(Peer& peer, Instant now) {
  peer.heartbeat_now = false;
  peer.heartbeat_due = now + config_.heartbeat;
  HeartbeatFacts facts = facts_(peer.who.peer, now);
  Heartbeat said;
  said.stamp_us = now.us;
  said.echo_us = peer.stamp_us;
  said.echo_age_us = peer.stamp_us == 0 ? 0 : (now - peer.stamp_heard).us;
  if (facts.store) {
    said.store_low = facts.store->low;
    said.store_high = facts.store->high;
  }
  said.credits = std::move(facts.credits);
  said.held_count = facts.held_count;
  said.held_hash = facts.held_hash;
  send(peer.who.peer, std::move(said));
}

void Links::pack(Peer& peer) {
  if (peer.queue.empty()) return;
  Frame frame = frame_to(peer.who.life);
  frame.items = std::move(peer.queue);
  counts_.items_out += frame.items.size();
  transmit(peer.conn, peer.routing_id, frame);
  peer.queue = std::move(frame.items);  // its room is used again
  peer.queue.clear();
  peer.queue_bytes = 0;
}

void Links::say_not_me(ConnId conn, std::string_view routing_id, const Frame& to) {
  Frame frame = frame_to(to.from_life);
  frame.items.emplace_back(NotMe{to.to_life});
  transmit(conn, routing_id, frame);
}

Frame Links::frame_to(std::uint64_t life) {
  Frame frame;
  frame.from_life = config_.life;
  frame.to_life = life;
  return frame;
}

// The sequence is given at the last moment: it grows in the order in which frames leave.
void Links::transmit(ConnId conn, std::string_view routing_id, Frame& frame) {
  frame.sequence = ++sequence_;
  ++counts_.frames_out;
  out_.push(Transmit{conn, std::string(routing_id), encode(frame)});
}

}  // namespace sluice::wire
