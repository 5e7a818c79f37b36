// TLS on a connected socket, by OpenSSL: the server's certificate and name verified, 1.2 at least.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/port/redis_config.h"
#include "lib/port/redis_socket.h"

namespace sluice::port {

class RedisTlsSession {
 public:
  // kSettings: a file that cannot be read or does not fit. `name`: a host's, or a numeric address.
  static Result<std::unique_ptr<RedisTlsSession>> make(const RedisTls& tls, const std::string& name,
                                                       int fd);
  ~RedisTlsSession();
  RedisTlsSession(const RedisTlsSession&) = delete;
  RedisTlsSession& operator=(const RedisTlsSession&) = delete;

  RedisSocket::Step shake();
  RedisSocket::Moved read(std::span<char> into);
  RedisSocket::Moved write(std::string_view bytes);
  [[nodiscard]] bool buffered() const;
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  explicit RedisTlsSession(void* ssl) : ssl_(ssl) {}
  RedisSocket::Step step_after(int result);

  void* ssl_;  // SSL
  std::string why_;
};

// Whether these files can be used: kSettings if not.
Status check_redis_tls(const RedisTls& tls);

}  // namespace sluice::port
