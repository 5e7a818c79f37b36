#include "tests/dispatcher/world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "lib/port/clock.h"

namespace sluice::dispatcher {

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

port::UniqueFd listen_on_loopback(int backlog, std::uint16_t& port) {
  port::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(listen(fd.get(), backlog), 0);
  socklen_t length = sizeof address;
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  port = ntohs(address.sin_port);
  return fd;
}

RawServer::RawServer(std::string answer, bool accepting)
    : listener_(listen_on_loopback(accepting ? 16 : 0, port_)),
      accepting_(accepting),
      answer_(std::move(answer)) {}

void RawServer::fill() {
  for (int i = 0; i < 4; ++i) {
    peers_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port_);
    (void)connect(peers_.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
}

void RawServer::turn() {
  if (!accepting_) return;
  const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) peers_.emplace_back(fd);
  std::array<char, 4096> buffer;
  for (port::UniqueFd& peer : peers_) {
    if (!peer.open()) continue;
    const ssize_t got = recv(peer.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == ECONNRESET) reset_seen_ = true;
    if (got == 0 || (got < 0 && errno != EAGAIN)) peer.close();
    if (got <= 0) continue;
    heard_.append(buffer.data(), static_cast<std::size_t>(got));
    if (heard_.find("\r\n\r\n") == std::string::npos || answer_.empty()) continue;
    (void)send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    if (answer_.find("keep-open") == std::string::npos) peer.close();
  }
}

World::World() {
  upstream_.name = "u";
  upstream_.timeout = seconds(2);
  upstream_.connect_timeout = seconds(1);
  upstream_.methods = {"POST", "GET", "PUT", "DELETE", "HEAD"};
  upstream::Options options;
  options.rules.ban = false;
  serve(options);
}

void World::serve(upstream::Options options) {
  options.port = 0;
  auto opened = upstream::Server::open(options);
  EXPECT_TRUE(opened);
  server_ = std::move(*opened);
}

void World::open(const std::string& url) {
  upstream_.url = url;
  config_.upstreams = {upstream_};
  auto opened =
      Http::open(poller_, config_,
                 {[this](const wire::Attempt& attempt) {
                    return may_start_(attempt) ? std::optional(longest_) : std::nullopt;
                  },
                  [this](HttpEnded ended) { ended_.push_back(std::move(ended)); }, secrets_});
  ASSERT_TRUE(opened) << opened.error().what;
  http_ = std::move(*opened);
}

StartHttp World::call(const std::string& path, const std::string& body) {
  StartHttp call;
  call.attempt = {std::string(16, 'i'), ++serial_};
  call.upstream = "u";
  call.key = "u:k";
  call.request = {"POST", path, {}, body};
  call.idempotency_key = "idem-" + std::to_string(serial_);
  return call;
}

StartHttp World::behave(const std::string& spec) {
  return call("/send", R"({"userId":"k","behave":")" + spec + R"("})");
}

bool World::turns(const std::function<bool()>& done, int limit_ms) {
  const Instant until = port::steady_now() + milliseconds(limit_ms);
  while (!done()) {
    if (port::steady_now() >= until) return false;
    server_->turn(0);
    for (const auto& other : others_) other();
    poller_.poll(port::steady_now() + milliseconds(1));
  }
  return true;
}

HttpEnded World::attempt(StartHttp call) {
  const std::size_t before = ended_.size();
  http_->start(std::move(call));
  EXPECT_TRUE(turns([&] { return ended_.size() > before; }, 8000));
  EXPECT_EQ(ended_.size(), before + 1);
  return ended_.size() > before ? ended_.back() : HttpEnded{};
}

}  // namespace sluice::dispatcher
