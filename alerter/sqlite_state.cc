#include "alerter/sqlite_state.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "lib/wire/codec.h"

namespace sluice::alerter {
namespace {

using port::Statement;

constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), line INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS alerts (alert_id TEXT PRIMARY KEY, line INTEGER NOT NULL,
  at INTEGER NOT NULL, alert BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (alert_id TEXT, sink TEXT, line INTEGER NOT NULL,
  delivered INTEGER NOT NULL, attempts INTEGER NOT NULL, error TEXT NOT NULL,
  PRIMARY KEY (alert_id, sink)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (line) WHERE delivered = 0;
CREATE TABLE IF NOT EXISTS spoken (dedup_key TEXT PRIMARY KEY, seen INTEGER NOT NULL,
  said INTEGER NOT NULL, severity INTEGER NOT NULL) WITHOUT ROWID;
)sql";

}  // namespace

Result<std::unique_ptr<SqliteState>> SqliteState::open(const std::string& path) {
  auto database = port::Sqlite::open(path);
  if (!database) return database.error();
  if (auto made = database->execute(kSchema); !made) return made.error();
  return std::unique_ptr<SqliteState>(new SqliteState(std::move(*database)));
}

StateAnswer SqliteState::answer(const StateCall& call) {
  auto answered = [&]() -> Result<StateAnswer> {
    if (const auto* ask = std::get_if<StateOpen>(&call)) return opened(*ask);
    if (const auto* said = std::get_if<StatePut>(&call)) return put(*said);
    if (const auto* ask = std::get_if<StateDue>(&call)) return due(*ask);
    return mark(std::get<StateMark>(call));
  }();
  if (!answered) return StateFailed{answered.error().what};
  return std::move(*answered);
}

// Nobody would ever deliver what is for a sink that is gone.
Result<std::uint64_t> SqliteState::adopt(const std::vector<std::string>& sinks) {
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  struct Orphan {
    std::string alert_id;
    std::string sink;
    std::int64_t line;
  };
  std::vector<Orphan> orphans;
  {
    auto find =
        database_.prepare("SELECT alert_id, sink, line FROM deliveries WHERE delivered = 0");
    if (!find) return find.error();
    for (;;) {
      auto step = find->step();
      if (!step) return step.error();
      if (*step == Statement::Step::kDone) break;
      const std::string sink(find->bytes(1));
      if (std::find(sinks.begin(), sinks.end(), sink) != sinks.end()) continue;
      orphans.push_back({std::string(find->bytes(0)), sink, find->integer(2)});
    }
    auto leave = database_.prepare(
        "UPDATE deliveries SET delivered = 2, error = 'no longer in the settings' "
        "WHERE alert_id = ? AND sink = ?");
    if (!leave) return leave.error();
    for (const Orphan& orphan : orphans) {
      auto left = leave->bind_text(1, orphan.alert_id).bind_text(2, orphan.sink).run();
      if (!left) return left.error();
      if (auto put = put_deliveries(orphan.alert_id, orphan.line, sinks); !put) return put.error();
    }
  }
  if (auto done = transaction->commit(); !done) return done.error();
  return orphans.size();
}

Result<StateAnswer> SqliteState::opened(const StateOpen& ask) {
  const auto adopted = adopt(ask.sinks);
  if (!adopted) return adopted.error();
  auto find = database_.prepare("SELECT line FROM cursor");
  if (!find) return find.error();
  auto step = find->step();
  if (!step) return step.error();
  StateOpened opened;
  opened.adopted = *adopted;
  if (*step == Statement::Step::kRow) opened.cursor = static_cast<std::uint64_t>(find->integer(0));
  auto said = spoken();
  if (!said) return said.error();
  opened.spoken = std::move(*said);
  return StateAnswer{std::move(opened)};
}

Result<std::vector<Spoken>> SqliteState::spoken() {
  auto find = database_.prepare(
      "SELECT dedup_key, seen, said, severity FROM spoken ORDER BY seen DESC LIMIT 10000");
  if (!find) return find.error();
  std::vector<Spoken> all;
  for (;;) {
    auto step = find->step();
    if (!step) return step.error();
    if (*step == Statement::Step::kDone) return all;
    all.push_back({std::string(find->bytes(0)),
                   {find->integer(1)},
                   {find->integer(2)},
                   static_cast<wire::Severity>(find->integer(3))});
  }
}

Status SqliteState::put_spoken(const std::vector<Spoken>& spoken) {
  auto add = database_.prepare("INSERT OR REPLACE INTO spoken VALUES (?, ?, ?, ?)");
  if (!add) return add.error();
  for (const Spoken& one : spoken) {
    auto done = add->bind_text(1, one.dedup_key)
                    .bind(2, one.seen.us)
                    .bind(3, one.said.us)
                    .bind(4, static_cast<std::int64_t>(one.severity))
                    .run();
    if (!done) return done;
  }
  return Done{};
}

Status SqliteState::put_alert(const wire::Alert& alert, const std::vector<std::string>& sinks,
                              bool& created) {
  const auto line = static_cast<std::int64_t>(alert.cursor);
  auto add = database_.prepare("INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?)");
  if (!add) return add.error();
  const std::string bytes = wire::encode_item(alert);
  auto added = add->bind_text(1, alert.alert_id)
                   .bind(2, line)
                   .bind(3, alert.at.us)
                   .bind_blob(4, bytes)
                   .run();
  if (!added) return added;
  created = database_.changes() > 0;
  return created ? put_deliveries(alert.alert_id, line, sinks) : Status(Done{});
}

Status SqliteState::put_deliveries(const std::string& alert_id, std::int64_t line,
                                   const std::vector<std::string>& sinks) {
  auto deliver = database_.prepare("INSERT OR IGNORE INTO deliveries VALUES (?, ?, ?, 0, 0, '')");
  if (!deliver) return deliver.error();
  for (const std::string& sink : sinks) {
    auto done = deliver->bind_text(1, alert_id).bind_text(2, sink).bind(3, line).run();
    if (!done) return done;
  }
  return Done{};
}

Result<StateAnswer> SqliteState::put(const StatePut& put) {
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  StatePutDone result;
  CHECK(put.sinks.size() == put.alerts.size());
  for (std::size_t n = 0; n < put.alerts.size(); ++n) {
    bool created = false;
    if (auto done = put_alert(put.alerts[n], put.sinks[n], created); !done) return done.error();
    result.created.push_back(created);
  }
  if (auto done = put_spoken(put.spoken); !done) return done.error();
  {
    auto move = database_.prepare(
        "INSERT INTO cursor VALUES (1, ?) ON CONFLICT DO UPDATE SET line = excluded.line");
    if (!move) return move.error();
    auto done = move->bind(1, static_cast<std::int64_t>(put.cursor)).run();
    if (!done) return done.error();
  }
  if (auto done = transaction->commit(); !done) return done.error();
  return StateAnswer{std::move(result)};
}

Result<std::vector<std::string>> SqliteState::given_up_of(const std::string& alert_id) {
  auto find = database_.prepare("SELECT sink FROM deliveries WHERE alert_id = ? AND delivered = 2");
  if (!find) return find.error();
  find->bind_text(1, alert_id);
  std::vector<std::string> sinks;
  for (;;) {
    auto step = find->step();
    if (!step) return step.error();
    if (*step == Statement::Step::kDone) return sinks;
    sinks.emplace_back(find->bytes(0));
  }
}

// Walks the undelivered in the trail's order until there are enough alerts.
Result<StateAnswer> SqliteState::due(const StateDue& ask) {
  auto find = database_.prepare(
      "SELECT deliveries.alert_id, sink, attempts, alert, deliveries.line FROM deliveries "
      "JOIN alerts USING (alert_id) WHERE delivered = 0 ORDER BY deliveries.line");
  if (!find) return find.error();
  const std::set<std::string, std::less<>> wanted(ask.sinks.begin(), ask.sinks.end());
  std::map<std::string, std::size_t> places;
  StateDueFound found;
  for (;;) {
    auto step = find->step();
    if (!step) return step.error();
    if (*step == Statement::Step::kDone) break;
    if (!wanted.contains(find->bytes(1))) continue;
    const std::string id(find->bytes(0));
    if (!places.contains(id)) {
      if (found.due.size() >= ask.max) break;
      auto item = wire::decode_item(find->bytes(3));
      auto* alert = item.ok() ? std::get_if<wire::Alert>(&*item) : nullptr;
      if (alert == nullptr) return Error{Trouble::kCorrupt, "alert " + id + " cannot be read"};
      places[id] = found.due.size();
      auto given_up = given_up_of(id);
      if (!given_up) return given_up.error();
      found.due.push_back({std::move(*alert), {}, std::move(*given_up)});
    }
    found.due[places[id]].sinks.push_back(
        {std::string(find->bytes(1)), static_cast<std::uint32_t>(find->integer(2))});
  }
  return StateAnswer{std::move(found)};
}

// What was delivered stays delivered, whatever is said of it later.
Result<StateAnswer> SqliteState::mark(const StateMark& mark) {
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  {
    auto update = database_.prepare(
        "UPDATE deliveries SET delivered = iif(delivered = 1, 1, ?1), attempts = attempts + ?2, "
        "error = ?3 WHERE alert_id = ?4 AND sink = ?5");
    if (!update) return update.error();
    auto line = database_.prepare("SELECT line FROM alerts WHERE alert_id = ?");
    if (!line) return line.error();
    for (const std::string& id : mark.alert_ids) {
      auto done = update->bind(1, static_cast<std::int64_t>(mark.fate))
                      .bind(2, mark.attempts)
                      .bind_text(3, mark.error)
                      .bind_text(4, id)
                      .bind_text(5, mark.sink)
                      .run();
      if (!done) return done.error();
      if (mark.instead.empty()) continue;
      auto step = line->bind_text(1, id).step();
      if (!step) return step.error();
      const bool known = *step == Statement::Step::kRow;
      const std::int64_t at = known ? line->integer(0) : 0;
      line->reset();
      if (!known) continue;
      if (auto put = put_deliveries(id, at, mark.instead); !put) return put.error();
    }
  }
  if (auto done = transaction->commit(); !done) return done.error();
  return StateAnswer{StateMarked{}};
}

Status SqliteState::sweep(StoreTime older_than) {
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  for (const char* text :
       {"DELETE FROM deliveries WHERE delivered > 0 AND alert_id IN "
        "(SELECT alert_id FROM alerts WHERE at < ?1)",
        "DELETE FROM spoken WHERE seen < ?1",
        "DELETE FROM alerts WHERE at < ?1 AND NOT EXISTS "
        "(SELECT 1 FROM deliveries WHERE deliveries.alert_id = alerts.alert_id)"}) {
    auto erase = database_.prepare(text);
    if (!erase) return erase.error();
    if (auto done = erase->bind(1, older_than.us).run(); !done) return done;
  }
  auto done = transaction->commit();
  if (done.ok()) database_.checkpoint();
  return done;
}

}  // namespace sluice::alerter
