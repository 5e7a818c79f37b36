// What the skeleton is given by a stage (StageInfo) and gives to its shell (Stage<Core>).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/outbox.h"
#include "lib/base/result.h"
#include "lib/base/settings.h"
#include "lib/port/http_server.h"
#include "lib/port/log.h"
#include "lib/port/poller.h"
#include "lib/stage/core.h"
#include "lib/stage/metrics.h"
#include "lib/wire/peer.h"

namespace sluice::stage {

// The declaration of a stage. Every stage also has these settings in its own table: instance,
// stop_timeout, health_listen; `listen` when it takes anybody; and one list of addresses for each
// role that it dials ("limiters", "dispatchers", "auditors").
struct TableRows {
  std::string_view name;  // "budget": [[budget]] in the file
  std::span<const SettingRow> rows;
};

struct StageInfo {
  std::string_view name;  // "limiter": the table in the file, the program is sluice-limiter
  std::string_view what;  // one sentence for --help
  wire::Role role = wire::Role::kIngest;
  std::string_view health_listen;         // "127.0.0.1:8082"
  std::vector<wire::Role> takes = {};     // who dials us
  std::vector<wire::Role> dials = {};     // whom we dial
  std::span<const SettingRow> rows = {};  // the stage's own
  std::vector<TableRows> tables = {};     // that it reads besides, but [[upstream]] and [[limit]]
  std::vector<std::string_view> verbs = {};  // "explain KEY|ID": what else the program does
  // True: any number in one data directory, each with an instance and a directory of its own
  // (dispatcher). False: one, locked.
  bool many = false;
  bool upstreams = false;  // it reads [[upstream]] and [[limit]]
};

// The answer to one request at the health port: at once or later, once.
using Respond = std::function<void(port::HttpResponse)>;

// What of a process is not its core: one per process, given to the shell.
struct Room {
  const Settings& settings;
  port::Poller& poller;
  port::Log& log;
  Metrics& metrics;
  std::uint64_t life = 0;  // boot id: 64 random bits, never 0
  std::string instance;    // which of several of its role; kept over restarts
  std::string data_dir;    // this stage's own directory, made and locked already
};

// The way from a shell into its core. Inside the loop only: timers, fd and HTTP handlers,
// perform(). Calls reach the core at once; what it asks for is performed at the end of the turn, so
// what arrives together is decided together.
template <Core C>
class Stage {
 public:
  Stage(Room room, C& core) : room_(std::move(room)), core_(core) {}

  void accept(const typename C::Work& work) { core_.accept(work, now(), out_); }
  void complete(const typename C::Reply& reply) { core_.complete(reply, now(), out_); }
  // Work from outside (HTTP, files) waits while this is 0; items of peers never do: credit bounds
  // them, and the core refuses what is beyond it.
  [[nodiscard]] std::size_t room_left() const { return core_.room(); }

  // The process ends with this turn, by the error's exit code: what only a person can put right
  // (kSettings) or a new start (the others). The first one counts.
  void give_up(Error error) {
    if (!error_) error_ = std::move(error);
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  // For calls of the core that only this stage has (drain, reload).
  Outbox<typename C::Effect>& out() { return out_; }

  [[nodiscard]] Instant now() const { return room_.poller.now(); }
  [[nodiscard]] const Settings& settings() const { return room_.settings; }
  [[nodiscard]] port::Poller& poller() const { return room_.poller; }
  [[nodiscard]] port::Log& log() const { return room_.log; }
  [[nodiscard]] Metrics& metrics() const { return room_.metrics; }
  [[nodiscard]] const Room& room() const { return room_; }

 private:
  Room room_;
  C& core_;
  Outbox<typename C::Effect> out_;
  std::optional<Error> error_;
};

}  // namespace sluice::stage
