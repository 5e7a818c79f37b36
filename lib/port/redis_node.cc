#include "lib/port/redis_node.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::port {

namespace {

constexpr std::uint32_t kDoublingsMax = 20;

bool is_numeric(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

RedisNode::RedisNode(World& world, RedisUrl url)
    : world_(world),
      url_(std::move(url)),
      address_(redis_address(url_)),
      resolver_(std::make_unique<Resolver>(world.poller)) {}

// A connection that is not up yet has no calls to wait for.
void RedisNode::retire() {
  retired_ = true;
  resolver_.reset();
  if (connection_ == nullptr) return;
  const RedisConnection::State state = connection_->state();
  const bool opening =
      state == RedisConnection::State::kOpening || state == RedisConnection::State::kGreeting;
  if (opening) return connection_.reset();
  connection_->drain("no longer asked");
}

Instant RedisNode::flush(Instant now) {
  if (connection_ != nullptr) return connection_->flush(now);
  return retired_ ? Instant::never() : at_;
}

void RedisNode::settle(Instant now) {
  if (connection_ == nullptr) {
    if (retired_ || now < at_) return;
    return resolving_ ? back_off(now, "its name is not resolved in time") : dial(now);
  }
  connection_->look(now);
  const RedisConnection::State state = connection_->state();
  if (state == RedisConnection::State::kEnded) return lost(now);
  if (state != RedisConnection::State::kUp || number_ != 0) return;
  number_ = ++world_.connections;
  why_.clear();
  since_ = now;
  world_.log.info("redis connected", {{"server", address_}, {"connection", number_}});
}

void RedisNode::dial(Instant now) {
  if (!url_.socket.empty() || is_numeric(url_.host)) return connect(url_.host);
  resolving_ = true;
  at_ = now + world_.config.connect_timeout;
  // Another one, where the last question has not been answered yet.
  resolver_ = std::make_unique<Resolver>(world_.poller);
  resolver_->ask(url_.host, [this](const std::vector<std::string>& found) { resolved(found); });
}

void RedisNode::resolved(const std::vector<std::string>& addresses) {
  if (!resolving_) return;
  resolving_ = false;
  if (addresses.empty()) return back_off(world_.poller.now(), "its name has no address");
  connect(addresses[dials_++ % addresses.size()]);  // one after the other
}

void RedisNode::connect(const std::string& address) {
  connection_ = std::make_unique<RedisConnection>(
      world_.poller, world_.config, RedisConnection::Login{url_.user, url_.database},
      [this](const std::string& text) { world_.redirected(url_, text); });
  const RedisTls& tls = world_.config.tls;
  const std::string& name = tls.server_name.empty() ? url_.host : tls.server_name;
  connection_->open({url_.socket, address, url_.port, url_.tls, name});
}

// Its calls end last: what they bring about finds a node without a connection.
void RedisNode::lost(Instant now) {
  const auto gone = std::exchange(connection_, nullptr);
  number_ = 0;
  // A server that answers questions and refuses writes would be connected to ever again at once.
  const bool lasted = now - since_ >= world_.config.back_off_max;
  if (gone->proven() && (lasted || !gone->turned_away())) failures_ = 0;
  if (!retired_) back_off(now, gone->why());
  gone->fail(address_ + ": " + gone->why());
}

// The first try again comes almost at once, the later ones ever later; never all at one time.
void RedisNode::back_off(Instant now, std::string why) {
  const RedisConfig& config = world_.config;
  const std::int64_t doubled = std::int64_t{1} << std::min(failures_, kDoublingsMax);
  const Duration span = std::min(config.back_off_max, config.back_off_min * doubled);
  at_ = now + (failures_ == 0 ? world_.chance.between(Duration{0}, span)
                              : world_.chance.between(span / 2, span));
  resolving_ = false;
  ++failures_;
  if (why != why_) world_.log.warning("redis away", {{"server", address_}, {"why", why}});
  why_ = std::move(why);
}

std::string RedisNode::trouble() const {
  if (number() != 0) return {};
  const bool told = connection_ != nullptr && !connection_->why().empty();
  return address_ + ": " + (told ? connection_->why() : why_);
}

std::size_t RedisNode::calls_under_way() const {
  return connection_ == nullptr ? 0 : connection_->size();
}

}  // namespace sluice::port
