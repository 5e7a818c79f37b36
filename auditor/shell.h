// The auditor's shell: performs the core's calls on the trail's disk and the ledger's file, and
// brings the replies at once. Both are on this machine and block for as long as an fsync takes.
#pragma once

#include <memory>
#include <string>

#include "auditor/core.h"
#include "auditor/disk_trail.h"
#include "auditor/s3_copies.h"
#include "auditor/split_ledger.h"
#include "auditor/sqlite_ledger.h"
#include "lib/aws/session.h"
#include "lib/stage/stage.h"

namespace sluice::auditor {

// Where they are in the auditor's directory.
std::string trail_directory(const std::string& data_dir);
std::string ledger_path(const std::string& data_dir);

class Shell {
 public:
  using Core = AuditorCore;
  static stage::StageInfo info();
  static Status check(const Settings& settings);
  static Result<std::unique_ptr<Shell>> open(const stage::Room& room);

  AuditorCore& core() { return core_; }
  Status start(stage::Stage<AuditorCore>& stage);
  void perform(AuditorCore::Effect effect);
  void begin_turn() {}
  void end_turn() {}
  std::string not_ready();
  // SIGHUP: limits and budgets are taken; the rest needs a restart.
  Result<std::vector<std::string>> reload(const Settings& settings);
  void drain() {}

 private:
  Shell(const stage::Room& room, Config config, std::unique_ptr<SqliteLedger> ledger);
  void perform(const TrailAsk& ask);
  void perform(const LedgerAsk& ask);
  [[noreturn]] void end_process(const std::string& what);
  Status open_aws(const stage::Room& room);
  void answered(LedgerReply reply);
  void upkeep();
  void copy();
  void sweep();
  void show_counts(stage::Metrics& metrics);
  void show_figures(stage::Metrics& metrics);
  void show_copies(stage::Metrics& metrics);

  AuditorCore core_;
  std::string data_dir_;
  DiskTrail trail_;
  std::unique_ptr<SqliteLedger> ledger_;
  std::unique_ptr<aws::Session> aws_;  // nothing: neither copies nor costs are elsewhere
  // After aws_, which they call.
  std::unique_ptr<S3Copies> copies_;
  std::unique_ptr<DynamoCosts> costs_;
  std::unique_ptr<SplitLedger> split_;  // nothing: costs are in the ledger's file
  stage::Stage<AuditorCore>* stage_ = nullptr;
  port::Log& log_;
  stage::Histogram& append_seconds_;
  stage::Histogram& book_seconds_;
  std::string trouble_;  // what the last call said that failed
};

}  // namespace sluice::auditor
