#include "bench/load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <optional>

namespace sluice::bench {

namespace {

constexpr int kSilenceMaxMs = 30'000;

Nanos now() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1'000'000'000 + at.tv_nsec;
}

std::optional<std::uint64_t> whole(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return n;
}

bool set_number(std::uint64_t& into, std::string_view value, std::uint64_t least,
                std::uint64_t most) {
  const auto n = whole(value);
  if (!n || *n < least || *n > most) return false;
  into = *n;
  return true;
}

bool set_to(LoadOptions& into, std::string_view value) {
  const std::size_t colon = value.rfind(':');
  if (colon == value.npos || colon == 0) return false;
  std::uint64_t port = 0;
  if (!set_number(port, value.substr(colon + 1), 1, 65'535)) return false;
  into.host = value.substr(0, colon);
  into.port = static_cast<std::uint16_t>(port);
  return true;
}

bool set_text(std::string& into, std::string_view value) {
  into = value;
  return !value.empty() && value.find_first_of("\"\\") == value.npos;
}

bool set_one(LoadOptions& into, std::string_view name, std::string_view value) {
  if (name == "to") return set_to(into, value);
  if (name == "messages") return set_number(into.messages, value, 1, 100'000'000);
  if (name == "keys") return set_number(into.keys, value, 1, 100'000'000);
  if (name == "batch") return set_number(into.batch, value, 1, 10'000);
  if (name == "connections") return set_number(into.connections, value, 1, 1024);
  if (name == "rate") return set_number(into.rate, value, 0, 1'000'000);
  if (name == "size") return set_number(into.size, value, 64, 65'536);
  if (name == "prefix") return set_text(into.prefix, value);
  if (name == "times-file") return set_text(into.times_file, value);
  return false;
}

// The value of Content-Length in a head, in any case of letters.
std::uint64_t body_size(std::string_view head) {
  static constexpr std::string_view kName = "content-length:";
  for (std::size_t at = head.find('\n'); at != head.npos; at = head.find('\n', at + 1)) {
    std::string_view line = head.substr(at + 1, head.find('\r', at + 1) - at - 1);
    const bool same = line.size() > kName.size() &&
                      std::equal(kName.begin(), kName.end(), line.begin(),
                                 [](char a, char b) { return a == (b | 0x20) || a == b; });
    if (!same) continue;
    line.remove_prefix(kName.size());
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    return whole(line).value_or(0);
  }
  return 0;
}

std::string request(const LoadOptions& options, std::uint64_t first, std::uint64_t count) {
  std::string body;
  for (std::uint64_t n = first; n < first + count; ++n) {
    body += document(options, n);
    if (options.batch > 1) body += '\n';
  }
  std::string out = "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nPrefer: respond-async\r\n";
  out += options.batch > 1 ? "Content-Type: application/x-ndjson\r\n"
                           : "Content-Type: application/json\r\n";
  out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return out += body;
}

}  // namespace

bool parse_load(const std::vector<std::string_view>& arguments, LoadOptions& into,
                std::string& wrong) {
  for (const std::string_view argument : arguments) {
    const std::size_t equals = argument.find('=');
    const bool named = argument.starts_with("--") && equals != argument.npos;
    if (named && set_one(into, argument.substr(2, equals - 2), argument.substr(equals + 1))) {
      continue;
    }
    wrong = argument;
    return false;
  }
  return true;
}

std::string document(const LoadOptions& options, std::uint64_t n) {
  std::string text = "{\"messageId\":\"" + options.prefix + "-" + std::to_string(n) +
                     "\",\"userId\":\"user-" + std::to_string(n % options.keys) +
                     "\",\"content\":\"";
  if (text.size() + 2 < options.size) text.append(options.size - text.size() - 2, 'x');
  return text += "\"}";
}

Load::Load(const LoadOptions& options) : options_(options), answered_(options.messages, 0) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
}

Load::~Load() {
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) close(connection.fd);
  }
  if (epoll_ >= 0) close(epoll_);
}

bool Load::connect_all() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options_.port);
  if (inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr) != 1) return false;
  connections_.resize(options_.connections);
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connections_[i].fd = fd;
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    idle_.push_back(i);
  }
  return true;
}

// How many messages may have been sent by now.
std::uint64_t Load::due() const {
  if (options_.rate == 0) return options_.messages;
  const auto passed = static_cast<std::uint64_t>(now() - counts_.began) / 1000;
  return std::min(options_.messages, passed * options_.rate / 1'000'000);
}

// The front door reads a whole request before it answers, so a blocking send ends.
bool Load::send_next(Connection& connection) {
  connection.first = sent_;
  connection.count = std::min(options_.batch, options_.messages - sent_);
  sent_ += connection.count;
  connection.out = request(options_, connection.first, connection.count);
  std::string_view left = connection.out;
  while (!left.empty()) {
    const ssize_t sent = send(connection.fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Load::send_due() {
  const std::uint64_t until = due();
  while (!idle_.empty() && sent_ < options_.messages &&
         sent_ + std::min(options_.batch, options_.messages - sent_) <= until) {
    const std::size_t next = idle_.back();
    idle_.pop_back();
    if (!send_next(connections_[next])) return false;
  }
  return true;
}

void Load::judge(Connection& connection, std::string_view head, std::string_view body) {
  const Nanos at = now();
  std::uint64_t accepted = 0;
  if (options_.batch == 1) {
    accepted = head.substr(0, 12).ends_with(" 202") ? 1 : 0;
  } else if (head.substr(0, 12).ends_with(" 200")) {
    for (std::size_t place = body.find("\"status\":202"); place != body.npos;
         place = body.find("\"status\":202", place + 1)) {
      ++accepted;
    }
  }
  counts_.accepted += accepted;
  counts_.refused += connection.count - accepted;
  if (accepted == connection.count) {
    for (std::uint64_t n = 0; n < accepted; ++n) answered_[connection.first + n] = at;
  }
  done_ += connection.count;
  connection.count = 0;
}

bool Load::readable(Connection& connection) {
  static std::array<char, 256 * 1024> buffer;
  const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  connection.in.append(buffer.data(), static_cast<std::size_t>(got));
  const std::size_t end = connection.in.find("\r\n\r\n");
  if (end == connection.in.npos) return true;
  const std::string_view head = std::string_view(connection.in).substr(0, end + 2);
  const std::size_t whole_size = end + 4 + body_size(head);
  if (connection.in.size() < whole_size) return true;
  judge(connection, head, std::string_view(connection.in).substr(end + 4));
  connection.in.clear();
  idle_.push_back(static_cast<std::size_t>(&connection - connections_.data()));
  return true;
}

bool Load::run() {
  counts_.began = now();
  if (!connect_all() || !send_due()) return false;
  std::array<epoll_event, 256> events;
  Nanos heard = now();
  while (done_ < options_.messages) {
    const bool waits = options_.rate > 0 && sent_ < options_.messages && !idle_.empty();
    const int count = epoll_wait(epoll_, events.data(), events.size(), waits ? 1 : 1000);
    if (count > 0) heard = now();
    if (idle_.size() < connections_.size() && now() - heard > kSilenceMaxMs * 1'000'000LL) {
      return false;
    }
    for (int i = 0; i < count; ++i) {
      if (!readable(connections_[events[static_cast<std::size_t>(i)].data.u64])) return false;
    }
    if (!send_due()) return false;
  }
  counts_.ended = now();
  return true;
}

}  // namespace sluice::bench
