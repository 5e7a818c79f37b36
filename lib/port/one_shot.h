// HTTP requests that each put their bytes on the wire at most once (design 4.1). libcurl by itself
// sends a POST again when a connection that was used before dies; here its second send is aborted.
// One pool of connections per OneShots: make one for each upstream. One thread.
//
// Every socket has TCP_USER_TIMEOUT = what the request may take and SO_LINGER {1,0} from before the
// first byte: what was given up, or left by a process that died, is not delivered later. For the
// same reason a connection carries one request at a time, in HTTP/2 too, and is used again only
// after a final status: a stream that is reset leaves its bytes in a socket that lives on. No
// Expect, redirects, negotiation, proxies, cookies; TLS verified.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/instant.h"
#include "lib/port/one_shot_sockets.h"
#include "lib/port/poller.h"

namespace sluice::port {

struct OneShot {
  std::uint64_t id = 0;  // the caller's; never used twice while one runs
  std::string method;
  std::string url;                        // from join_url()
  std::vector<std::string> header_lines;  // "Name: value"; "Name;" for an empty one
  std::string body;
};

enum class ShotEnd : std::uint8_t {
  kAnswered,      // a final status and all its header fields were read, whatever became of the body
  kNotConnected,  // no connection was established: nothing was sent
  kDenied,        // may_send said no: nothing was sent
  kAddress,       // it resolved to an address that is not allowed: nothing was sent
  kUnknown,       // bytes may have arrived, and no final status came
};

struct ShotResult {
  std::uint64_t id = 0;
  ShotEnd end = ShotEnd::kUnknown;
  std::uint32_t status = 0;  // kAnswered
  // Those header fields that were asked for, as they stood: at most 16 of at most 512 bytes, the
  // names in lower case.
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;             // its first bytes
  std::string_view reason;      // our words, a literal
  std::optional<Instant> sent;  // when may_send said yes
  Instant ended;
};

struct OneShotConfig {
  Duration timeout = seconds(10);  // first byte to last
  Duration connect_timeout = seconds(3);
  Duration keep_idle = seconds(2);  // whole seconds; connections idle so long are not used again
  std::uint32_t connections_max = 256;
  std::string ca_file;  // empty: the system's
  bool allow_link_local = false;
  bool http2 = false;  // over https by ALPN, where the server has it; over http by prior knowledge
  std::size_t answer_max = 1024 * 1024;  // bytes of an answer's body that are read
  std::size_t answer_kept = 0;           // ... and of these, kept
  // Whether a header field of this (lower-case) name is wanted.
  bool (*wants)(std::string_view name) = [](std::string_view) { return false; };
};

struct OneShotHooks {
  // Asked inside libcurl, right before the first byte leaves: how long it may take from now on, if
  // that is less than the timeout; nothing: it may not leave. Must not call OneShots.
  std::function<std::optional<Duration>(std::uint64_t id)> may_send;
  // Once for each start() that is not stopped; may call start() and stop().
  std::function<void(ShotResult)> ended;
};

class OneShotTransfer;

class OneShots {
 public:
  OneShots(Poller& poller, OneShotConfig config, OneShotHooks hooks);
  ~OneShots();  // what runs is reset, without a word
  OneShots(const OneShots&) = delete;
  OneShots& operator=(const OneShots&) = delete;

  void start(OneShot shot);
  // Its connection is reset; `ended` is not called.
  void stop(std::uint64_t id);
  [[nodiscard]] std::size_t running() const { return running_.size(); }

 private:
  struct Calls;  // the functions that libcurl calls
  struct Running {
    std::unique_ptr<OneShotTransfer> transfer;
    TimerId deadline;
  };
  void act(int fd, int bits);
  void collect();
  std::optional<Duration> may_send(std::uint64_t id);
  void timed_out(std::uint64_t id);
  std::unique_ptr<OneShotTransfer> take(std::uint64_t id);

  Poller& poller_;
  OneShotConfig config_;
  OneShotHooks hooks_;
  ShotSockets sockets_;
  void* multi_ = nullptr;  // CURLM*
  TimerId timer_;
  std::map<std::uint64_t, Running> running_;
};

}  // namespace sluice::port
