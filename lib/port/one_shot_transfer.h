// One request of OneShots as libcurl makes it: every option, and what is learnt on the way. Only
// one_shot.cc uses it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/port/one_shot.h"

namespace sluice::port {

class OneShotTransfer {
 public:
  using MaySend = std::function<std::optional<Duration>(std::uint64_t id)>;

  // `config` outlives it, `sockets` its connection.
  OneShotTransfer(OneShot shot, const OneShotConfig& config, ShotSockets& sockets,
                  MaySend may_send);
  ~OneShotTransfer();
  OneShotTransfer(const OneShotTransfer&) = delete;
  OneShotTransfer& operator=(const OneShotTransfer&) = delete;

  [[nodiscard]] void* easy() const { return easy_; }  // CURL*
  [[nodiscard]] std::uint64_t id() const { return shot_.id; }
  // Given up: nobody goes on with its connection, and what the kernel has of it is thrown away.
  void close_connection();
  // What became of it, `code` being libcurl's result. Where a byte may have left and no status came
  // back, it is unknown, whatever libcurl says.
  [[nodiscard]] ShotResult ended(int code, Instant now) const;
  // The same, given up by us after its timeout.
  [[nodiscard]] ShotResult timed_out(Instant now) const;

 private:
  struct Calls;  // the functions that libcurl calls
  void set_request();
  void set_connection();
  void set_calls();
  void take_header(std::string_view line);
  void take_field(std::string_view line);
  bool keep_to(Duration longest, std::string_view local_ip, int local_port);
  [[nodiscard]] ShotResult as(ShotEnd end, std::string_view why, Instant now) const;

  OneShot shot_;
  const OneShotConfig& config_;
  ShotSockets& sockets_;
  MaySend may_send_;
  void* easy_ = nullptr;
  void* headers_ = nullptr;  // curl_slist*
  std::optional<Instant> sent_;
  Duration longest_;       // from then on
  bool denied_ = false;    // may_send said no
  bool refused_ = false;   // an address that is not allowed
  bool answered_ = false;  // a final status and all its header fields were read
  std::uint32_t status_ = 0;
  std::size_t body_read_ = 0;
  std::string body_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace sluice::port
