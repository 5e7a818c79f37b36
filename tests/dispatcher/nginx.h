// Debian's nginx as a child of the test: TLS and HTTP/2 on loopback in front of a server of the
// test's own, with everything that it writes in one folder. It ends with this object.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

namespace sluice::dispatcher {

class Nginx {
 public:
  struct Rules {
    bool tls = true;
    int keepalive_requests = 1000;
  };
  // `folder` has server.pem and server.key when there is TLS; requests go on to `behind`.
  Nginx(std::string folder, std::uint16_t behind, Rules rules);
  ~Nginx();
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  void start();   // and waits until it takes connections
  void kill();    // master and workers at once, without a word
  void reload();  // new workers; the old ones tell their connections to go away
  [[nodiscard]] std::uint16_t port() const { return port_; }

  struct Line {  // of its log: one request that it ended
    std::string protocol;
    std::string connection;
    int status = 0;
  };
  // By Idempotency-Key. A request that it was killed in the middle of is in no log.
  [[nodiscard]] std::multimap<std::string, Line> log() const;
  [[nodiscard]] std::string errors() const;

 private:
  std::string folder_;
  std::uint16_t port_;
  pid_t master_ = 0;
};

}  // namespace sluice::dispatcher
