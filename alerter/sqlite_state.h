// The alerter's memory in SQLite (state_port.h): alerts, a status per sink, and the cursor. A
// transaction per call; durable when answered.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "alerter/state_port.h"
#include "lib/base/result.h"
#include "lib/port/sqlite.h"

namespace sluice::alerter {

class SqliteState {
 public:
  static Result<std::unique_ptr<SqliteState>> open(const std::string& path);

  StateAnswer answer(const StateCall& call);

  // Forgets delivered alerts that are older than this.
  Status sweep(StoreTime older_than);

 private:
  explicit SqliteState(port::Sqlite database) : database_(std::move(database)) {}
  Result<StateAnswer> opened(const StateOpen& ask);
  Result<std::uint64_t> adopt(const std::vector<std::string>& sinks);
  Result<std::vector<std::string>> given_up_of(const std::string& alert_id);
  Result<StateAnswer> put(const StatePut& put);
  Result<StateAnswer> due(const StateDue& ask);
  Result<StateAnswer> mark(const StateMark& mark);
  Status put_alert(const wire::Alert& alert, const std::vector<std::string>& sinks, bool& created);
  Status put_deliveries(const std::string& alert_id, std::int64_t line,
                        const std::vector<std::string>& sinks);
  Status put_spoken(const std::vector<Spoken>& spoken);
  Result<std::vector<Spoken>> spoken();

  port::Sqlite database_;
};

}  // namespace sluice::alerter
