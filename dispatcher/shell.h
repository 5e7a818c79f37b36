// Effect -> port call, port event -> reply: the dispatcher between its links and its HTTP.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "dispatcher/core.h"
#include "dispatcher/http.h"
#include "lib/port/http_server.h"
#include "lib/stage/stage.h"

namespace sluice::dispatcher {

class Shell {
 public:
  using Core = DispatcherCore;

  static stage::StageInfo info();
  // What only this stage can say of the settings: URLs, credentials' references, stop_timeout.
  static Status check(const Settings& settings);
  static Result<std::unique_ptr<Shell>> open(const stage::Room& room);

  Core& core() { return core_; }
  Status start(stage::Stage<Core>& stage);
  void perform(Core::Effect effect);
  void begin_turn() {}
  void end_turn() {}
  std::string not_ready();
  // /readyz of a process that is ready also names the keys that have no credential.
  bool health(const port::HttpRequest& request, const stage::Respond& respond);
  void drain();

 private:
  Shell(Config config, HttpConfig http_config);
  void ended(HttpEnded ended);
  void refresh();
  void note_credential(const std::string& upstream, const std::string& key, const HttpEnded& ended);

  Config config_;
  HttpConfig http_config_;
  DispatcherCore core_;
  stage::Stage<Core>* stage_ = nullptr;
  std::unique_ptr<aws::Secrets> secrets_;
  std::unique_ptr<Http> http_;
  struct Running {
    std::string upstream;
    std::string key;
  };
  std::map<wire::Attempt, Running> running_;
  std::set<std::string> without_credential_;  // keys whose last attempt found none, not all
  Instant naming_since_;
  bool draining_ = false;
};

}  // namespace sluice::dispatcher
