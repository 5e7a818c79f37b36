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

// An alert as it stands, for a record of it elsewhere.
struct Unrecorded {
  wire::Alert alert;
  std::int64_t revision = 0;
  struct Sink {
    std::string name;
    Fate fate = Fate::kUndelivered;
    std::string error;
  };
  std::vector<Sink> sinks;
};

class SqliteState {
 public:
  static Result<std::unique_ptr<SqliteState>> open(const std::string& path);

  StateAnswer answer(const StateCall& call);

  // Forgets delivered alerts that are older than this.
  Status sweep(StoreTime older_than);

  // Whether it is noted, in the transaction that changes an alert or what became of it, that this
  // is to be recorded elsewhere (sqlite_unrecorded.cc).
  Status note_changes(bool wanted);
  Result<std::vector<Unrecorded>> unrecorded(std::uint32_t max);
  // It is recorded as of this revision: one that changed meanwhile is still to be.
  Status recorded(const Unrecorded& what);

 private:
  explicit SqliteState(port::Sqlite database) : database_(std::move(database)) {}
  Result<std::vector<Unrecorded::Sink>> sinks_of(const std::string& alert_id);
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
