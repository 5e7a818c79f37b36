// The shell of ingest: the front door, the parking store (embedded, or a table), and the core
// between them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ingest/core.h"
#include "ingest/dynamo_lease.h"
#include "ingest/dynamo_parking.h"
#include "ingest/http_door.h"
#include "ingest/reply_sender.h"
#include "ingest/setting_keys.h"
#include "ingest/settings.h"
#include "ingest/sqlite_api_keys.h"
#include "ingest/sqlite_lists.h"
#include "ingest/sqlite_parking.h"
#include "ingest/sqs_source.h"
#include "lib/aws/secrets.h"
#include "lib/aws/session.h"
#include "lib/stage/stage.h"
#include "lib/wire/namesakes.h"

namespace sluice::ingest {

class Shell {
 public:
  using Core = IngestCore;

  static stage::StageInfo info() { return stage_info(); }
  static Status check(const Settings& settings) { return check_settings(settings); }
  static Result<std::unique_ptr<Shell>> open(const stage::Room& room);

  IngestCore& core() { return core_; }
  Status start(stage::Stage<IngestCore>& stage);
  void begin_turn() {}
  void perform(IngestCore::Effect effect);
  void end_turn();
  // At first it waits for its neighbours, so that the first answers say times; for two seconds at
  // most, as messages are taken without them.
  std::string not_ready();
  Result<std::vector<std::string>> reload(const Settings& settings);
  void drain();
  bool idle();

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }

 private:
  Shell(Config config, Pointers pointers);
  void each_second();
  void each_ten_seconds();
  void say(const std::string& trouble, std::string& said);
  void ended(const SettleAnswer& message);
  void say_stopped(const std::string& key, const std::string& identity);
  void look_for_rows();
  bool add_up();
  void start_keys();
  bool look_at_keys();
  void read_keys();
  void count();
  void count_replies(stage::Metrics& metrics);
  HttpDoor::World world();
  Status open_file(const stage::Room& room);
  Status open_table(const stage::Room& room);
  Status open_aws(const stage::Room& room);
  void start_table();
  void table_answered(const ParkingReply& reply);
  void add_up_table();
  ReplyStore& reply_store();
  Status open_secrets();
  void start_replies();
  Status open_queues(const stage::Room& room);
  void start_queues();
  void ask_queue(const QueueCall& call);
  [[nodiscard]] SqsSource& queue_named(const std::string& name) const;
  void open_door();
  Status reload_queues(const Settings& settings, const Config& config);
  void count_queues(stage::Metrics& metrics);

  Config config_;
  Pointers pointers_;       // of [source]
  Pointers door_pointers_;  // of what is posted
  std::vector<Upstream> door_upstreams_;
  port::HttpServerConfig door_config_;
  std::unique_ptr<SqliteParking> parking_;  // these two, or table_ and lease_
  std::unique_ptr<SqliteLists> lists_;
  std::unique_ptr<SqliteApiKeys> keys_;
  SettingKeys setting_keys_;
  bool open_ = false;   // without any API key everybody who reaches the door is let in
  bool local_ = false;  // only loopback reaches it
  std::size_t lines_max_ = 0;
  IngestCore core_;
  stage::Stage<IngestCore>* stage_ = nullptr;
  std::unique_ptr<aws::Secrets> secrets_;
  std::unique_ptr<ReplySender> replies_;
  std::unique_ptr<HttpDoor> door_;
  std::unique_ptr<port::HttpServer> server_;
  std::vector<SqsSettings> queue_settings_;
  std::unique_ptr<aws::Session> aws_;       // nothing: no queues, no table
  std::unique_ptr<dynamo::Layout> layout_;  // of the lease
  std::unique_ptr<DynamoLease> lease_;
  std::unique_ptr<DynamoParking> table_;
  Instant table_failed_at_;
  std::vector<std::unique_ptr<SqsSource>> queues_;  // after aws_: it calls them
  std::vector<ParkingCall> calls_;                  // of this round: one commit
  std::string trouble_;                             // what the last commit failed of
  std::string damage_;                              // what could not be read last
  Instant wrote_at_;
  ParkingSums sums_;
  Instant sums_at_;
  wire::Namesakes namesakes_;
  bool draining_ = false;
  bool met_ = false;  // the neighbours, or has waited for them
  Instant began_;
};

// Where the rows of this data directory are.
std::string parking_file(const std::string& directory);

}  // namespace sluice::ingest
