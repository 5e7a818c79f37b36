// A non-blocking stream to a Redis server: TCP or a unix socket, TLS on it if asked for.
//
// What was written and not delivered when it is closed is thrown away (SO_LINGER {1,0}): a call
// that has failed must not be executed much later.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/port/redis_config.h"
#include "lib/port/unique_fd.h"

namespace sluice::port {

class RedisTlsSession;

class RedisSocket {
 public:
  struct Target {
    std::string socket;   // a unix socket's path; or
    std::string address;  // a numeric address, IPv6 with or without brackets
    std::uint16_t port = 0;
    bool tls = false;
    std::string name;  // whose certificate it must have
  };
  enum class Step : std::uint8_t { kDone, kWantsRead, kWantsWrite, kBroken };
  struct Moved {
    std::size_t bytes = 0;
    Step step = Step::kDone;  // kWants...: not one byte before that
  };

  RedisSocket();
  ~RedisSocket();
  RedisSocket(const RedisSocket&) = delete;
  RedisSocket& operator=(const RedisSocket&) = delete;

  // Begins to connect; `patience`: how long the kernel keeps what the peer does not acknowledge.
  Status begin(const Target& target, const RedisTls& tls, Duration patience);
  // Goes on with connecting and with TLS; kDone: read() and write() are meant now.
  Step open();
  Moved read(std::span<char> into);
  Moved write(std::string_view bytes);
  // Whether it has a peer, and waits for its part of TLS.
  [[nodiscard]] bool shaking() const { return connected_ && tls_ != nullptr; }
  // Whether bytes may lie in TLS's own buffers, of which the descriptor says nothing.
  [[nodiscard]] bool buffered() const;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& why() const { return why_; }  // kBroken

 private:
  Status connect_unix(const std::string& path);
  Status connect_tcp(const Target& target, Duration patience);
  Status connect_to(const void* address, unsigned size);
  Step broken(std::string why);
  Step broken_by_errno();

  UniqueFd fd_;
  bool connected_ = false;
  std::unique_ptr<RedisTlsSession> tls_;
  std::string why_;
};

}  // namespace sluice::port
