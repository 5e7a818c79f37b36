// A server of the test's own in its loop, on a unix socket: it says whatever the test says.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/port/poller.h"
#include "lib/port/unique_fd.h"

namespace sluice::port {

class RedisFake {
 public:
  using Words = std::vector<std::string>;
  // What it says to one command; kHangUp at the end of that: and closes the connection.
  using Answer = std::function<std::string(const Words& words)>;
  static constexpr char kHangUp = '\x04';

  RedisFake(Poller& poller, Answer answer) : poller_(poller), answer_(std::move(answer)) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "sluice_redis_fake_XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_ + "/s";
    std::copy(path.begin(), path.end(), address.sun_path);
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    CHECK(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(listen(listener_.get(), 16) == 0);
    poller_.watch_fd(listener_.get(), EPOLLIN, [this](std::uint32_t) { take(); });
  }
  ~RedisFake() {
    poller_.unwatch_fd(listener_.get());
    for (const auto& [fd, bytes] : read_) poller_.unwatch_fd(fd), close(fd);
    std::filesystem::remove_all(directory_);
  }
  RedisFake(const RedisFake&) = delete;
  RedisFake& operator=(const RedisFake&) = delete;

  [[nodiscard]] std::string url() const { return "unix://" + directory_ + "/s"; }
  std::vector<Words> heard;

 private:
  void take() {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    read_[fd].clear();
    poller_.watch_fd(fd, EPOLLIN, [this, fd](std::uint32_t) { read(fd); });
  }
  void read(int fd) {
    char bytes[4096];
    const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) return hang_up(fd);
    read_[fd].append(bytes, static_cast<std::size_t>(got));
    for (Words words = next(read_[fd]); !words.empty(); words = next(read_[fd])) {
      heard.push_back(words);
      std::string said = answer_(words);
      const bool last = said.ends_with(kHangUp);
      if (last) said.pop_back();
      (void)::send(fd, said.data(), said.size(), MSG_NOSIGNAL);
      if (last) return hang_up(fd);
    }
  }
  void hang_up(int fd) {
    poller_.unwatch_fd(fd);
    close(fd);
    read_.erase(fd);
  }
  // Cut off the front; none when it is not whole.
  static Words next(std::string& bytes) {
    std::size_t at = 0;
    const auto number = [&] {
      const std::size_t end = bytes.find("\r\n", at);
      if (end == std::string::npos) return std::string::npos;
      const std::size_t value = std::stoul(bytes.substr(at + 1, end - at - 1));
      at = end + 2;
      return value;
    };
    Words words;
    const std::size_t count = bytes.empty() ? std::string::npos : number();
    if (count == std::string::npos) return {};
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t size = at < bytes.size() ? number() : std::string::npos;
      if (size == std::string::npos || bytes.size() < at + size + 2) return {};
      words.push_back(bytes.substr(at, size));
      at += size + 2;
    }
    bytes.erase(0, at);
    return words;
  }

  Poller& poller_;
  Answer answer_;
  std::string directory_;
  UniqueFd listener_;
  std::map<int, std::string> read_;
};

}  // namespace sluice::port
