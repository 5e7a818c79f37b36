#include "lib/port/zmq_links.h"

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "lib/base/check.h"
#include "lib/port/link_address.h"
#include "lib/port/random.h"

namespace sluice::port {

namespace {

constexpr int kFramesPerTurn = 64;  // of each socket: a turn is bounded
constexpr Duration kHelloAgain = milliseconds(5);
constexpr Duration kSayDroppedAgain = seconds(10);

void set(void* socket, int option, int value) {
  CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

struct Part {
  zmq_msg_t message;
  Part() { zmq_msg_init(&message); }
  ~Part() { zmq_msg_close(&message); }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  [[nodiscard]] std::string_view view() {
    return {static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message)};
  }
  [[nodiscard]] bool more() { return zmq_msg_more(&message) != 0; }
  bool receive(void* socket) { return zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0; }
};

// Reads away the parts of a message that has too many.
void skip_rest(void* socket, Part& last) {
  while (last.more() && last.receive(socket)) {
  }
}

bool give(void* socket, std::string_view bytes, int flags) {
  return zmq_send(socket, bytes.data(), bytes.size(), flags | ZMQ_DONTWAIT) >= 0;
}

Error cannot(const std::string& verb, const std::string& address) {
  return {Trouble::kUnavailable,
          "cannot " + verb + " " + address + ": " + zmq_strerror(zmq_errno())};
}

}  // namespace

Result<std::unique_ptr<ZmqLinks>> ZmqLinks::open(Poller& poller, Log& log, Config config,
                                                 Hooks hooks) {
  for (const std::string& address : config.listen) {
    if (auto right = check_link_address(address); !right) return right.error();
  }
  for (const Dial& dial : config.dials) {
    if (auto right = check_link_address(dial.address); !right) return right.error();
  }
  std::unique_ptr<ZmqLinks> links(new ZmqLinks(poller, log, std::move(config), std::move(hooks)));
  if (auto bound = links->listen(); !bound) return bound.error();
  links->dial_all();
  links->pump();
  return links;
}

ZmqLinks::ZmqLinks(Poller& poller, Log& log, Config config, Hooks hooks)
    : poller_(poller),
      log_(log),
      config_(std::move(config)),
      events_(std::move(hooks.events)),
      links_(config_.links, std::move(hooks.facts), Prng(random_id())),
      context_(zmq_ctx_new()),
      resolver_(std::make_unique<Resolver>(poller)) {
  CHECK(context_ != nullptr);
}

ZmqLinks::~ZmqLinks() {
  poller_.cancel(resolve_timer_);
  for (auto& [conn, dealer] : dealers_) close(dealer);
  if (router_ != nullptr) {
    poller_.unwatch_zmq(router_);
    set(router_, ZMQ_LINGER, linger_ms_);
    zmq_close(router_);
  }
  zmq_ctx_term(context_);
}

void ZmqLinks::linger(Duration at_most) { linger_ms_ = static_cast<int>(at_most.us / 1000); }

// ---- listening and dialing -------------------------------------------------------------------

Status ZmqLinks::listen() {
  if (config_.listen.empty()) return Done{};
  router_ = zmq_socket(context_, ZMQ_ROUTER);
  CHECK(router_ != nullptr);
  set(router_, ZMQ_LINGER, 0);
  set(router_, ZMQ_ROUTER_MANDATORY, 1);
  set(router_, ZMQ_SNDHWM, config_.queue_frames_max);
  set(router_, ZMQ_RCVHWM, config_.queue_frames_max);
  const std::int64_t size_max = static_cast<std::int64_t>(wire::kFrameMax);
  CHECK(zmq_setsockopt(router_, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) == 0);
  for (const std::string& address : config_.listen) {
    if (zmq_bind(router_, address.c_str()) != 0) return cannot("listen on", address);
    log_.info("listening", {{"links", address}});
  }
  poller_.watch_zmq(router_, [this] { read_router(); });
  return Done{};
}

void ZmqLinks::dial_all() {
  bool names = false;
  for (std::size_t i = 0; i < config_.dials.size(); ++i) {
    if (name_and_port(config_.dials[i].address)) {
      names = true;
    } else {
      dial_address(i, config_.dials[i].address);
    }
  }
  if (names) resolve();
}

void ZmqLinks::dial_address(std::size_t dial, const std::string& address) {
  const auto conn = links_.dial(config_.dials[dial].expects, poller_.now());
  dialed_[{dial, address}] = conn;
  dealers_[conn].address = address;
}

void ZmqLinks::resolve() {
  for (std::size_t i = 0; i < config_.dials.size(); ++i) {
    const auto name = name_and_port(config_.dials[i].address);
    if (!name) continue;
    resolver_->ask(name->first, [this, i, port = name->second](std::vector<std::string> found) {
      for (std::string& address : found) address = "tcp://" + address + ":" + port;
      dial_names(i, found);
    });
  }
  resolve_timer_ = poller_.after(config_.resolve_every, [this] { resolve(); });
}

// An empty answer changes nothing: a name server that is away must not cut what works.
void ZmqLinks::dial_names(std::size_t dial, const std::vector<std::string>& addresses) {
  if (addresses.empty()) return;
  std::vector<std::string> gone;
  for (const auto& [place, conn] : dialed_) {
    const bool named =
        std::find(addresses.begin(), addresses.end(), place.second) != addresses.end();
    if (place.first == dial && !named) gone.push_back(place.second);
  }
  for (const std::string& address : gone) {
    const auto found = dialed_.find({dial, address});
    links_.undial(found->second, poller_.now());
    dialed_.erase(found);
  }
  for (const std::string& address : addresses) {
    if (!dialed_.contains({dial, address})) dial_address(dial, address);
  }
}

// ---- what Links orders -----------------------------------------------------------------------

void ZmqLinks::pump() {
  const Instant now = poller_.now();
  if (links_.deadline() <= now) links_.tick(now);
  perform();
  links_.flush(now);
  perform();
  say_dropped(now);
}

// A peer of another version or role, or noise: a person must hear of it, but not of each frame.
// What a restart explains (older frames, frames for a former life) is only counted.
void ZmqLinks::say_dropped(Instant now) {
  const auto& dropped = links_.counts().dropped;
  std::uint64_t strange = 0;
  for (const auto why : {wire::Dropped::kNoFrame, wire::Dropped::kRole, wire::Dropped::kProtocol,
                         wire::Dropped::kItem, wire::Dropped::kPeersMax}) {
    strange += dropped.at(static_cast<std::size_t>(why));
  }
  if (strange == dropped_said_ || now < say_dropped_at_) return;
  log_.warning("dropped from links",
               {{"count", strange - dropped_said_}, {"last", links_.counts().last_dropped}});
  dropped_said_ = strange;
  say_dropped_at_ = now + kSayDroppedAgain;
}

// Orders may fail, and then bring about new ones; events may do so, too.
void ZmqLinks::perform() {
  if (performing_) return;
  performing_ = true;
  while (links_.has_output()) {
    links_.take(outs_);
    for (wire::LinkOut& out : outs_) {
      if (const auto* transmit = std::get_if<wire::Transmit>(&out)) {
        perform(*transmit);
      } else if (const auto* redial = std::get_if<wire::Redial>(&out)) {
        perform(*redial);
      } else if (const auto* hangup = std::get_if<wire::Hangup>(&out)) {
        perform(*hangup);
      } else {
        events_(out);
      }
    }
  }
  performing_ = false;
}

void ZmqLinks::perform(const wire::Redial& redial) {
  const wire::ConnId conn = redial.conn;
  Dealer& dealer = dealers_.at(conn);
  close(dealer);
  if (open_dealer(dealer, redial.routing_id)) {
    poller_.watch_zmq(dealer.socket, [this, conn] { read_dealer(conn); });
    poller_.watch_zmq(dealer.monitor, [this, conn] { read_monitor(conn); });
    return;
  }
  // Out of file descriptors, most likely: dialed again like an address that nobody listens on.
  log_.warning("cannot dial", {{"address", dealer.address}, {"why", zmq_strerror(zmq_errno())}});
  close(dealer);
  links_.reset(conn, {}, poller_.now());
}

bool ZmqLinks::open_dealer(Dealer& dealer, const std::string& routing_id) {
  dealer.socket = zmq_socket(context_, ZMQ_DEALER);
  if (dealer.socket == nullptr) return false;
  set(dealer.socket, ZMQ_LINGER, 0);
  set(dealer.socket, ZMQ_IMMEDIATE, 1);
  set(dealer.socket, ZMQ_RECONNECT_IVL, -1);
  set(dealer.socket, ZMQ_SNDHWM, config_.queue_frames_max);
  set(dealer.socket, ZMQ_RCVHWM, config_.queue_frames_max);
  const std::int64_t size_max = static_cast<std::int64_t>(wire::kFrameMax);
  CHECK(zmq_setsockopt(dealer.socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) == 0);
  CHECK(zmq_setsockopt(dealer.socket, ZMQ_ROUTING_ID, routing_id.data(), routing_id.size()) == 0);
  const std::string spy = "inproc://monitor-" + routing_id;
  const int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED |
                     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  if (zmq_socket_monitor(dealer.socket, spy.c_str(), events) != 0) return false;
  dealer.monitor = zmq_socket(context_, ZMQ_PAIR);
  if (dealer.monitor == nullptr) return false;
  set(dealer.monitor, ZMQ_LINGER, 0);
  return zmq_connect(dealer.monitor, spy.c_str()) == 0 &&
         zmq_connect(dealer.socket, dealer.address.c_str()) == 0;
}

void ZmqLinks::perform(const wire::Hangup& hangup) {
  const auto found = dealers_.find(hangup.conn);
  if (found == dealers_.end()) return;
  close(found->second);
  const bool dialed = std::any_of(dialed_.begin(), dialed_.end(),
                                  [&](const auto& one) { return one.second == hangup.conn; });
  if (!dialed) dealers_.erase(found);
}

void ZmqLinks::perform(const wire::Transmit& transmit) {
  if (transmit.conn == wire::kListener) {
    const bool given = router_ != nullptr && give(router_, transmit.routing_id, ZMQ_SNDMORE) &&
                       give(router_, transmit.bytes, 0);
    if (!given) links_.reset(wire::kListener, transmit.routing_id, poller_.now());
    return;
  }
  const auto found = dealers_.find(transmit.conn);
  if (found == dealers_.end() || found->second.socket == nullptr) return;
  Dealer& dealer = found->second;
  if (give(dealer.socket, transmit.bytes, 0)) return;
  if (dealer.connected) return links_.reset(transmit.conn, {}, poller_.now());
  dealer.hello = transmit.bytes;  // nothing else is said before the connection is there
}

void ZmqLinks::close(Dealer& dealer) {
  for (void* socket : {dealer.monitor, dealer.socket}) {
    if (socket != nullptr) poller_.unwatch_zmq(socket);
  }
  if (dealer.socket != nullptr) {
    zmq_socket_monitor(dealer.socket, nullptr, 0);
    set(dealer.socket, ZMQ_LINGER, linger_ms_);
    zmq_close(dealer.socket);
  }
  if (dealer.monitor != nullptr) zmq_close(dealer.monitor);
  dealer.socket = nullptr;
  dealer.monitor = nullptr;
  dealer.connected = false;
  dealer.hello.clear();
}

// ---- what the sockets say --------------------------------------------------------------------

void ZmqLinks::read_router() {
  Part routing_id;
  Part bytes;
  for (int i = 0; i < kFramesPerTurn; ++i) {
    if (!routing_id.receive(router_)) break;
    if (!routing_id.more() || !bytes.receive(router_)) continue;
    links_.receive(wire::kListener, routing_id.view(), bytes.view(), poller_.now());
    skip_rest(router_, bytes);
    perform();
  }
}

void ZmqLinks::read_dealer(wire::ConnId conn) {
  Part bytes;
  for (int i = 0; i < kFramesPerTurn; ++i) {
    // Every frame may end the connection and its socket.
    const auto found = dealers_.find(conn);
    if (found == dealers_.end() || found->second.socket == nullptr) return;
    void* socket = found->second.socket;
    if (!bytes.receive(socket)) return;
    const bool alone = !bytes.more();
    if (alone) links_.receive(conn, {}, bytes.view(), poller_.now());
    skip_rest(socket, bytes);
    perform();
  }
}

void ZmqLinks::read_monitor(wire::ConnId conn) {
  const auto found = dealers_.find(conn);
  if (found == dealers_.end() || found->second.monitor == nullptr) return;
  Part event;
  Part address;
  std::uint16_t kind = 0;
  while (event.receive(found->second.monitor)) {
    if (event.view().size() >= sizeof kind) std::memcpy(&kind, event.view().data(), sizeof kind);
    if (event.more()) (void)address.receive(found->second.monitor);
    if (kind != ZMQ_EVENT_HANDSHAKE_SUCCEEDED) break;
    found->second.connected = true;
    say_hello(conn);
  }
  if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED || kind == 0) return;
  read_dealer(conn);  // what came before the end still counts
  links_.reset(conn, {}, poller_.now());
  perform();
}

// The handshake is told a moment before the socket can send: the Hello is tried until it can.
void ZmqLinks::say_hello(wire::ConnId conn) {
  const auto found = dealers_.find(conn);
  if (found == dealers_.end() || found->second.hello.empty()) return;
  if (give(found->second.socket, found->second.hello, 0)) return found->second.hello.clear();
  poller_.after(kHelloAgain, [this, conn] { say_hello(conn); });
}

}  // namespace sluice::port
