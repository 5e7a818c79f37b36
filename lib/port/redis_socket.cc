#include "lib/port/redis_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/port/redis_tls.h"

namespace sluice::port {

namespace {

constexpr int kAliveIdle_s = 10;  // a peer that is gone without a word is noticed in 25 s
constexpr int kAliveEvery_s = 5;
constexpr int kAliveCount = 3;

Error failed(const char* what) {
  return {Trouble::kUnavailable, std::string(what) + ": " + std::strerror(errno)};
}

template <class Value>
bool set(int fd, int level, int option, Value value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// Before the first byte.
bool prepare_tcp(int fd, Duration patience) {
  const auto patience_ms = static_cast<unsigned>(std::max<std::int64_t>(1, patience.us / 1'000));
  return set(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
         set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, patience_ms) &&
         set(fd, SOL_SOCKET, SO_LINGER, linger{1, 0}) && set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
         set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kAliveIdle_s) &&
         set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kAliveEvery_s) &&
         set(fd, IPPROTO_TCP, TCP_KEEPCNT, kAliveCount);
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

}  // namespace

RedisSocket::RedisSocket() = default;
RedisSocket::~RedisSocket() = default;

Status RedisSocket::begin(const Target& target, const RedisTls& tls, Duration patience) {
  Status begun =
      target.socket.empty() ? connect_tcp(target, patience) : connect_unix(target.socket);
  if (!begun || !target.tls) return begun;
  auto session = RedisTlsSession::make(tls, target.name, fd_.get());
  if (!session) return session.error();
  tls_ = std::move(*session);
  return Done{};
}

Status RedisSocket::connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{Trouble::kSettings, "path too long"};
  std::copy(path.begin(), path.end(), address.sun_path);
  fd_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_.open()) return failed("socket");
  return connect_to(&address, sizeof address);
}

Status RedisSocket::connect_tcp(const Target& target, Duration patience) {
  std::string host = target.address;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(target.port).c_str(), &hints, &found) != 0) {
    return Error{Trouble::kUnavailable, "no numeric address"};
  }
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  fd_ = UniqueFd(socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_.open()) return failed("socket");
  if (!prepare_tcp(fd_.get(), patience)) return failed("setsockopt");
  return connect_to(found->ai_addr, found->ai_addrlen);
}

Status RedisSocket::connect_to(const void* address, unsigned size) {
  const int begun = connect(fd_.get(), static_cast<const sockaddr*>(address), size);
  connected_ = begun == 0;
  if (begun == 0 || errno == EINPROGRESS || errno == EINTR) return Done{};
  return Error{Trouble::kUnavailable, std::strerror(errno)};
}

RedisSocket::Step RedisSocket::broken(std::string why) {
  if (why_.empty()) why_ = std::move(why);
  return Step::kBroken;
}

RedisSocket::Step RedisSocket::broken_by_errno() { return broken(std::strerror(errno)); }

RedisSocket::Step RedisSocket::open() {
  if (!connected_) {
    // connect() said how it went by SO_ERROR; before that the socket has no peer.
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return broken_by_errno();
    if (error != 0) return broken(std::strerror(error));
    sockaddr_storage peer{};
    size = sizeof peer;
    if (getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
      return errno == ENOTCONN ? Step::kWantsWrite : broken_by_errno();
    }
    connected_ = true;
  }
  if (!tls_) return Step::kDone;
  const Step step = tls_->shake();
  return step == Step::kBroken ? broken(tls_->why()) : step;
}

RedisSocket::Moved RedisSocket::read(std::span<char> into) {
  if (tls_) {
    const Moved moved = tls_->read(into);
    if (moved.step == Step::kBroken) broken(tls_->why());
    return moved;
  }
  for (;;) {
    const ssize_t got = recv(fd_.get(), into.data(), into.size(), 0);
    if (got > 0) return {static_cast<std::size_t>(got), Step::kDone};
    if (got == 0) return {0, broken("closed by the server")};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {0, Step::kWantsRead};
    if (errno != EINTR) return {0, broken_by_errno()};
  }
}

RedisSocket::Moved RedisSocket::write(std::string_view bytes) {
  if (tls_) {
    const Moved moved = tls_->write(bytes);
    if (moved.step == Step::kBroken) broken(tls_->why());
    return moved;
  }
  for (;;) {
    const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return {static_cast<std::size_t>(sent), Step::kDone};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {0, Step::kWantsWrite};
    if (errno != EINTR) return {0, broken_by_errno()};
  }
}

bool RedisSocket::buffered() const { return tls_ && tls_->buffered(); }

}  // namespace sluice::port
