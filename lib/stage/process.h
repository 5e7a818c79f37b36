// What run<Shell> needs and no template: log, data directory, signals, health port, links.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lib/base/settings.h"
#include "lib/port/http_server.h"
#include "lib/port/log.h"
#include "lib/port/poller.h"
#include "lib/port/unique_fd.h"
#include "lib/port/zmq_links.h"
#include "lib/stage/boot.h"
#include "lib/stage/metrics.h"
#include "lib/stage/stage.h"

namespace sluice::stage {

class Process {
 public:
  struct Hooks {
    std::function<std::string()> not_ready;
    std::function<void()> drain;
    std::function<Result<Settings>()> read_again;
    // Names of the settings that it took; may be empty.
    std::function<Result<std::vector<std::string>>(const Settings&)> reload;
    // True: it answers. May be empty.
    std::function<bool(const port::HttpRequest&, Respond)> health;
  };

  // Locks and makes the data directory.
  static Result<std::unique_ptr<Process>> open(const StageInfo& info, Settings settings);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] Room room();
  Status start(Hooks hooks);  // the health port and the signals
  Status connect(wire::Links::Facts facts, port::ZmqLinks::Events events);
  [[nodiscard]] port::ZmqLinks& links() { return *links_; }

  // One sleep; says "ready" when it first is.
  void poll(Instant until);
  // At the end of a turn, for the histogram.
  void turn_done();
  [[nodiscard]] Instant now() const { return poller_.now(); }

  [[nodiscard]] bool draining() const { return stop_at_ != Instant::never(); }
  // Draining, and nothing is left to wait for or its time is up. Says which.
  bool may_leave(bool idle);
  // The last thing: what is queued may leave.
  void finish();

 private:
  Process(const StageInfo& info, Settings settings);
  Status open_directory();
  Status open_signals();
  Status open_health();
  void read_signals();
  void reload();
  void stop(int signal);
  void answer(const port::HttpRequest& request);
  [[nodiscard]] std::string why_not_ready();
  void say_ready();
  void count_links();

  StageInfo info_;
  Settings settings_;  // of the start
  Settings latest_;    // as read last
  port::Log log_;
  port::Poller poller_;
  Metrics metrics_;
  std::uint64_t life_ = 0;
  Hooks hooks_;
  port::UniqueFd lock_;
  port::UniqueFd signals_;
  std::unique_ptr<port::HttpServer> health_;
  std::unique_ptr<port::ZmqLinks> links_;
  Histogram* turns_ = nullptr;
  Instant started_;
  Instant awake_;
  Instant stop_at_ = Instant::never();
  bool was_ready_ = false;
};

}  // namespace sluice::stage
