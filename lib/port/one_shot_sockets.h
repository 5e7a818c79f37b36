// The sockets of one pool's connections, found by what libcurl says of a connection that a request
// is about to use: its local address. Only one_shot*.cc use it.
#pragma once

#include <map>
#include <string_view>

#include "lib/base/instant.h"

namespace sluice::port {

class ShotSockets {
 public:
  // As socket() and close() do.
  int open(int family, int type, int protocol);
  int close(int fd);
  // What of this connection is not acknowledged after so long breaks it off (TCP_USER_TIMEOUT).
  // False: it is none of these, or cannot be set.
  bool limit(std::string_view local_ip, int local_port, Duration longest);
  static bool limit(int fd, Duration longest);

 private:
  struct Local {
    int port = 0;  // 0: it was not looked at since it was opened
    bool v6 = false;
  };
  std::map<int, Local> sockets_;  // by descriptor
};

}  // namespace sluice::port
