// The alerter's shell: the state's file, the sinks, and the way back of their answers.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "alerter/alert_table.h"
#include "alerter/core.h"
#include "alerter/sinks.h"
#include "alerter/sns.h"
#include "alerter/sqlite_state.h"
#include "lib/aws/secrets.h"
#include "lib/aws/session.h"
#include "lib/port/http_client.h"
#include "lib/stage/stage.h"

namespace sluice::alerter {

class Shell {
 public:
  using Core = AlerterCore;
  static stage::StageInfo info();
  static Status check(const Settings& settings);
  static Result<std::unique_ptr<Shell>> open(const stage::Room& room);

  AlerterCore& core() { return core_; }
  Status start(stage::Stage<AlerterCore>& stage);
  void perform(AlerterCore::Effect effect);
  void begin_turn() {}
  void end_turn() {}
  std::string not_ready();
  void drain() {}

 private:
  Shell(const stage::Room& room, Config config, std::unique_ptr<SqliteState> state);
  void perform(const StateAsk& ask);
  void perform(const Deliver& ask);
  void post(const Sink& sink, const Deliver& ask);
  Status open_topics(const stage::Room& room);
  Status open_table(const stage::Room& room);
  void beat();
  void delivered(const Deliver& ask, Delivered how);
  void tell_time();
  void upkeep();
  void show_counts(stage::Metrics& metrics);

  Config config_;
  std::string beat_url_;
  AlerterCore core_;
  std::unique_ptr<SqliteState> state_;
  std::map<std::string, FileSink> files_;  // by sink
  StreamSink standard_output_;
  std::unique_ptr<port::HttpClient> http_;
  std::unique_ptr<aws::Secrets> secrets_;
  std::unique_ptr<aws::Session> aws_;  // nothing: no topics
  std::unique_ptr<aws::Session> table_aws_;
  std::unique_ptr<AlertTable> table_;  // nothing: alerts are recorded nowhere
  stage::Stage<AlerterCore>* stage_ = nullptr;
  port::Log& log_;
  std::string trouble_;  // what the last call of the state said that failed
};

}  // namespace sluice::alerter
