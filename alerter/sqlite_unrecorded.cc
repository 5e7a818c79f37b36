// What of the state is to be recorded elsewhere: an outbox, filled by triggers.
#include "alerter/sqlite_state.h"

#include <utility>

#include "lib/wire/codec.h"

namespace sluice::alerter {
namespace {

using port::Statement;

constexpr const char* kNote = R"sql(
CREATE TABLE IF NOT EXISTS unrecorded (alert_id TEXT PRIMARY KEY, revision INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS note_alert AFTER INSERT ON alerts BEGIN
  INSERT INTO unrecorded VALUES (new.alert_id, 1) ON CONFLICT DO UPDATE SET revision = revision + 1;
END;
CREATE TRIGGER IF NOT EXISTS note_delivery AFTER INSERT ON deliveries BEGIN
  INSERT INTO unrecorded VALUES (new.alert_id, 1) ON CONFLICT DO UPDATE SET revision = revision + 1;
END;
CREATE TRIGGER IF NOT EXISTS note_fate AFTER UPDATE OF delivered ON deliveries
WHEN new.delivered <> old.delivered BEGIN
  INSERT INTO unrecorded VALUES (new.alert_id, 1) ON CONFLICT DO UPDATE SET revision = revision + 1;
END;
DELETE FROM unrecorded WHERE alert_id NOT IN (SELECT alert_id FROM alerts);
)sql";

constexpr const char* kNoteNothing = R"sql(
DROP TRIGGER IF EXISTS note_alert;
DROP TRIGGER IF EXISTS note_delivery;
DROP TRIGGER IF EXISTS note_fate;
DROP TABLE IF EXISTS unrecorded;
)sql";

}  // namespace

Status SqliteState::note_changes(bool wanted) {
  return database_.execute(wanted ? kNote : kNoteNothing);
}

Result<std::vector<Unrecorded::Sink>> SqliteState::sinks_of(const std::string& alert_id) {
  auto find = database_.prepare("SELECT sink, delivered, error FROM deliveries WHERE alert_id = ?");
  if (!find) return find.error();
  find->bind_text(1, alert_id);
  std::vector<Unrecorded::Sink> sinks;
  for (;;) {
    auto step = find->step();
    if (!step) return step.error();
    if (*step == Statement::Step::kDone) return sinks;
    sinks.push_back({std::string(find->bytes(0)), static_cast<Fate>(find->integer(1)),
                     std::string(find->bytes(2))});
  }
}

Result<std::vector<Unrecorded>> SqliteState::unrecorded(std::uint32_t max) {
  auto find = database_.prepare(
      "SELECT alert_id, revision, alert FROM unrecorded JOIN alerts USING (alert_id) "
      "ORDER BY line LIMIT ?");
  if (!find) return find.error();
  find->bind(1, max);
  std::vector<Unrecorded> found;
  for (;;) {
    auto step = find->step();
    if (!step) return step.error();
    if (*step == Statement::Step::kDone) return found;
    const std::string id(find->bytes(0));
    auto item = wire::decode_item(find->bytes(2));
    auto* alert = item.ok() ? std::get_if<wire::Alert>(&*item) : nullptr;
    if (alert == nullptr) return Error{Trouble::kCorrupt, "alert " + id + " cannot be read"};
    auto sinks = sinks_of(id);
    if (!sinks) return sinks.error();
    found.push_back({std::move(*alert), find->integer(1), std::move(*sinks)});
  }
}

Status SqliteState::recorded(const Unrecorded& what) {
  auto erase = database_.prepare("DELETE FROM unrecorded WHERE alert_id = ? AND revision = ?");
  if (!erase) return erase.error();
  return erase->bind_text(1, what.alert.alert_id).bind(2, what.revision).run();
}

}  // namespace sluice::alerter
