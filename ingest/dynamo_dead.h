// The dead letters of a table, for a command line: each call waits for the table. An ingest that
// runs on the store sees what is replayed when it announces its keys (announce_every).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/dead_letters.h"
#include "ingest/dynamo_parking.h"
#include "lib/aws/session.h"
#include "lib/base/settings.h"

namespace sluice::ingest {

class DynamoDead {
 public:
  static Result<std::unique_ptr<DynamoDead>> open(const Settings& settings);
  DynamoDead(const DynamoDead&) = delete;
  DynamoDead& operator=(const DynamoDead&) = delete;

  // As SqliteParking has them.
  Status each_dead(const std::function<bool(const DeadRow&)>& visit);
  Result<std::vector<DeadRow>> find_dead(std::string_view id);
  Result<ReplayEnd> replay(const DeadRow& dead, StoreTime now, Duration behind);
  Status purge(const DeadRow& dead);

 private:
  DynamoDead(std::unique_ptr<port::Poller> poller, std::unique_ptr<aws::Session> session,
             const DynamoParkingConfig& config);
  Result<std::vector<aws::Outcome>> ask(std::vector<aws::Request> requests);
  Status load(std::vector<DeadRow>& rows);

  std::unique_ptr<port::Poller> poller_;
  std::unique_ptr<aws::Session> session_;
  dynamo::Layout layout_;
  std::optional<ParkingAnswer> answer_;
  DynamoParking parking_;
};

}  // namespace sluice::ingest
