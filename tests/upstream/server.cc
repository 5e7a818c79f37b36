#include "tests/upstream/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <functional>

#include "tests/upstream/answer.h"
#include "tests/upstream/body.h"

namespace sluice::upstream {

namespace {

Nanos steady_now() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1'000'000'000 + at.tv_nsec;
}

std::size_t hash_of(const Request& request) {
  const std::hash<std::string_view> hash;
  return hash(request.method) ^ (hash(request.target) * 3) ^ (hash(request.body) * 7);
}

constexpr std::uint64_t kAnyId = 0;

std::uint16_t bound_port(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

}  // namespace

Server::Server(const Options& options)
    : options_(options), tally_(options.rules), prng_(options.seed) {}

Result<std::unique_ptr<Server>> Server::open(const Options& options) {
  std::unique_ptr<Server> made(new Server(options));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1) {
    return Error{Trouble::kUsage, "--listen wants an IPv4 address, not " + options.host};
  }
  made->epoll_ = epoll_create1(EPOLL_CLOEXEC);
  made->listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(made->listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(made->listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(made->listener_, 1024) != 0) {
    return Error{Trouble::kUnavailable, "cannot listen on " + options.host + ":" +
                                            std::to_string(options.port) + ": " +
                                            std::strerror(errno)};
  }
  made->port_ = bound_port(made->listener_);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = made->listener_;
  epoll_ctl(made->epoll_, EPOLL_CTL_ADD, made->listener_, &event);
  return made;
}

Server::~Server() {
  for (auto& connection : connections_) {
    if (connection) ::close(connection->fd);
  }
  if (listener_ >= 0) ::close(listener_);
  if (epoll_ >= 0) ::close(epoll_);
}

Server::Connection* Server::find(int fd, std::uint64_t id) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= connections_.size() || !connections_[index]) return nullptr;
  return id == kAnyId || connections_[index]->id == id ? connections_[index].get() : nullptr;
}

void Server::accept_all() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto index = static_cast<std::size_t>(fd);
    if (index >= connections_.size()) connections_.resize(index + 1);
    connections_[index] = std::make_unique<Connection>();
    connections_[index]->fd = fd;
    connections_[index]->id = next_id_++;
    tally_.connected();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
}

// A request arrives when its first byte is read: the clock is looked at right after that read.
void Server::readable(Connection& connection) {
  static std::array<char, 64 * 1024> buffer;
  const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 || connection.in.size() > kHeadMax + kRequestBodyMax) {
    close(connection, false);
    return;
  }
  connection.last_read = steady_now();
  if (connection.in.empty()) connection.first_byte = connection.last_read;
  connection.in.append(buffer.data(), static_cast<std::size_t>(got));
  pump(connection.fd, connection.id);
}

// Serves what was read, one request after the other, until one has to wait.
void Server::pump(int fd, std::uint64_t id) {
  for (;;) {
    Connection* connection = find(fd, id);
    if (connection == nullptr || connection->busy || connection->in.empty()) return;
    if (!serve(*connection)) return;
  }
}

// Takes one request off the front of what was read; false when it is not whole yet. The connection
// may be gone afterwards.
bool Server::serve(Connection& connection) {
  const ParsedRequest parsed = parse_request(connection.in);
  if (parsed.parsed == Parsed::kPartial) {
    if (parsed.head_done && parsed.request.expects_continue) say_continue(connection);
    return false;
  }
  connection.busy = true;
  connection.continued = false;
  connection.keep_alive = parsed.parsed == Parsed::kWhole && parsed.request.keep_alive;
  const auto own = own_answer(parsed);
  connection.counted = !own;
  if (!own) take(connection, parsed.request);
  connection.in.erase(0, parsed.parsed == Parsed::kWhole ? parsed.size : connection.in.size());
  connection.first_byte = connection.last_read;
  if (own) {
    say(connection, *own);
  } else {
    act(connection);
  }
  return true;
}

// What this server says for itself: no arrival of any key.
std::optional<std::string> Server::own_answer(const ParsedRequest& parsed) {
  const Request& request = parsed.request;
  if (parsed.parsed == Parsed::kBad) {
    tally_.bad();
    return plain_bytes(400, "text/plain", "no request that this server takes\n", false);
  }
  if (request.method != "GET") return std::nullopt;
  if (request.target == "/healthz") {
    return plain_bytes(200, "text/plain", "ok\n", request.keep_alive);
  }
  if (request.target != "/report" && !request.target.starts_with("/report?")) return std::nullopt;
  const bool with_keys = !request.target.ends_with("?keys=0");
  return plain_bytes(200, "application/json", tally_.report(with_keys), request.keep_alive);
}

void Server::say_continue(Connection& connection) {
  if (connection.continued) return;
  connection.continued = true;
  tally_.expected_continue();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  (void)send(connection.fd, kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
}

// Counts the arrival and decides what it gets.
void Server::take(Connection& connection, const Request& request) {
  const BodyFields fields = read_body(request.body, options_.key_pointer, options_.behave_pointer);
  Arrival arrival;
  arrival.key =
      options_.key_header.empty() ? fields.key : std::string(request.header(options_.key_header));
  arrival.name = request.header("idempotency-key");
  arrival.bytes_hash = hash_of(request);
  arrival.first_byte = connection.first_byte;
  const Verdict verdict = tally_.arrived(arrival);
  std::string_view asked = request.header(options_.behave_header);
  if (asked.empty()) asked = fields.behave;
  connection.behaviour = choose(asked, verdict);
  connection.name = std::move(arrival.name);
  connection.arrived = arrival.first_byte;
}

Behaviour Server::choose(std::string_view asked, const Verdict& verdict) {
  Behaviour chosen;
  if (verdict.banned) {
    chosen.status = 403;
    return chosen;
  }
  if (verdict.before == Before::kDelivered || verdict.before == Before::kLost) return chosen;
  const Behaviour drawn = draw(options_.rates, prng_);
  const auto by_request = asked.empty() ? Result<Behaviour>(drawn) : parse_behaviour(asked);
  if (!by_request) {
    chosen.status = 400;
    return chosen;
  }
  return by_request->times != 0 && verdict.nth > by_request->times ? chosen : *by_request;
}

void Server::act(Connection& connection) {
  const Behaviour& behaviour = connection.behaviour;
  switch (behaviour.act) {
    case Act::kHang:
      return;
    case Act::kReset:
      return close(connection, true);
    case Act::kHangUp:
      return close(connection, false);
    case Act::kLost:
      tally_.ended(connection.name, Before::kLost);
      connection.counted = false;
      return close(connection, false);
    case Act::kTrickle:
      connection.out = answer_bytes(behaviour, unix_now(), connection.keep_alive);
      connection.trickled = 0;
      return later(connection, behaviour.delay_ms);
    case Act::kAnswer:
      if (behaviour.delay_ms > 0) return later(connection, behaviour.delay_ms);
      return say(connection, answer_bytes(behaviour, unix_now(), connection.keep_alive));
  }
}

std::int64_t Server::unix_now() const { return std::time(nullptr) + options_.date_skew_s; }

void Server::later(const Connection& connection, std::int64_t ms) {
  timers_.emplace(steady_now() + ms * 1'000'000, Timer{connection.fd, connection.id});
}

void Server::due(Connection& connection) {
  if (connection.behaviour.act != Act::kTrickle) {
    return say(connection, answer_bytes(connection.behaviour, unix_now(), connection.keep_alive));
  }
  const ssize_t sent =
      send(connection.fd, connection.out.data() + connection.trickled, 1, MSG_NOSIGNAL);
  if (sent == 1) ++connection.trickled;
  if (connection.trickled < connection.out.size()) {
    return later(connection, std::max<std::int64_t>(connection.behaviour.delay_ms, 1));
  }
  connection.out.clear();
  finished(connection);
}

void Server::say(Connection& connection, std::string bytes) {
  connection.out = std::move(bytes);
  flush(connection);
}

void Server::flush(Connection& connection) {
  const ssize_t sent =
      send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return close(connection, false);
  if (sent > 0) connection.out.erase(0, static_cast<std::size_t>(sent));
  const bool wait = !connection.out.empty();
  if (wait != connection.writing) {
    connection.writing = wait;
    epoll_event event{};
    event.events = wait ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.fd = connection.fd;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
  }
  if (!wait) finished(connection);
}

// The whole answer is in the kernel's hands.
void Server::finished(Connection& connection) {
  connection.busy = false;
  if (connection.counted) {
    const Behaviour& behaviour = connection.behaviour;
    tally_.answered(behaviour.status);
    tally_.ended(connection.name, behaviour.accepts() ? Before::kDelivered : Before::kRefused);
    if (!options_.times_file.empty()) {
      times_.push_back({connection.name, connection.arrived, steady_now()});
    }
  }
  if (!connection.keep_alive) close(connection, false);
}

// A request that was being answered ends without its answer.
void Server::close(Connection& connection, bool reset) {
  if (connection.busy && connection.counted) {
    tally_.ended(connection.name,
                 connection.behaviour.accepts() && connection.behaviour.act != Act::kHang
                     ? Before::kLost
                     : Before::kNothing);
  } else if (!connection.busy && !connection.in.empty()) {
    tally_.incomplete();
  }
  if (reset) {
    const linger at_once{1, 0};
    setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  ::close(connection.fd);
  connections_[static_cast<std::size_t>(connection.fd)].reset();
}

void Server::run_timers() {
  while (!timers_.empty() && timers_.begin()->first <= steady_now()) {
    const Timer timer = timers_.begin()->second;
    timers_.erase(timers_.begin());
    if (Connection* connection = find(timer.fd, timer.id)) due(*connection);
    pump(timer.fd, timer.id);
  }
}

int Server::wait_ms(int at_most) const {
  if (timers_.empty()) return at_most;
  const Nanos left = std::max<Nanos>(0, timers_.begin()->first - steady_now());
  const auto ms = static_cast<int>(std::min<Nanos>((left + 999'999) / 1'000'000, 60'000));
  return at_most < 0 ? ms : std::min(ms, at_most);
}

void Server::turn(int at_most_ms) {
  std::array<epoll_event, 256> events;
  const int count =
      epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms(at_most_ms));
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const int fd = event.data.fd;
    if (fd == listener_) accept_all();
    if (fd == stop_) stopped_ = true;
    Connection* connection = find(fd, kAnyId);
    if (connection == nullptr) continue;
    const std::uint64_t id = connection->id;
    if ((event.events & EPOLLOUT) != 0) flush(*connection);
    pump(fd, id);
    connection = find(fd, id);
    if (connection != nullptr && (event.events & ~EPOLLOUT) != 0) readable(*connection);
  }
  run_timers();
}

void Server::run_until_readable(int fd) {
  stop_ = fd;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  while (!stopped_) turn(-1);
}

}  // namespace sluice::upstream
