#include "ingest/sqlite_parking.h"

#include <algorithm>
#include <utility>

#include "ingest/name.h"
#include "ingest/sqlite_statements.h"
#include "lib/base/check.h"
#include "lib/wire/codec.h"

namespace sluice::ingest {

using port::Statement;
using Step = Statement::Step;

namespace {

std::string text(const Statement& row, int column) { return std::string(row.bytes(column)); }

std::string pack_holds(const std::string& key, const std::string& upstream,
                       const std::vector<wire::Hold>& holds) {
  if (holds.empty()) return {};
  return wire::encode_item(wire::Parked{"holds", key, upstream, 0, 0, holds});
}

// Of holds that cannot be read it is not known what they hold: the key stays closed until a person
// resumes it, which writes them anew.
std::vector<wire::Hold> unpack_holds(std::string_view bytes) {
  if (bytes.empty()) return {};
  auto item = wire::decode_item(bytes);
  auto* parked = item ? std::get_if<wire::Parked>(&*item) : nullptr;
  if (parked == nullptr) return {{wire::HoldKind::kPause, {}, "unreadable holds"}};
  return std::move(parked->holds);
}

}  // namespace

SqliteParking::SqliteParking(port::Sqlite database)
    : database_(std::move(database)), replies_(database_) {}
SqliteParking::~SqliteParking() { sql_.reset(); }

Result<std::unique_ptr<SqliteParking>> SqliteParking::open(const std::string& path) {
  auto database = port::Sqlite::open(path);
  if (!database) return Error{database.error().code, path + ": " + database.error().what};
  std::unique_ptr<SqliteParking> parking(new SqliteParking(std::move(*database)));
  if (auto ready = parking->prepare(); !ready) {
    return Error{ready.error().code, path + ": " + ready.error().what};
  }
  auto last = parking->last_number();
  if (!last) return Error{last.error().code, path + ": " + last.error().what};
  parking->number_seen_ = *last;
  parking->changed_by_others();
  return parking;
}

Status SqliteParking::prepare() {
  if (auto made = make_tables(database_); !made) return made;
  sql_ = std::make_unique<Statements>();
  if (auto ready = sql_->prepare(database_); !ready) return ready;
  return replies_.prepare();
}

Status SqliteParking::check_whole() {
  const auto damage = database_.damage();
  if (!damage) return damage.error();
  if (damage->empty()) return Done{};
  return Error{Trouble::kCorrupt, "the parking file is damaged (" + *damage +
                                      "): put a backup in its place, or move it away"};
}

std::vector<ParkingReply> SqliteParking::apply(std::span<const ParkingCall> calls) {
  std::vector<ParkingReply> replies;
  replies.reserve(calls.size());
  const auto all_failed = [&](const Error& error) {
    replies.clear();
    for (const ParkingCall& call : calls) {
      replies.push_back({call.call_id, ParkingFailed{error.what, error.code == Trouble::kFull}});
    }
    return std::move(replies);
  };
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return all_failed(transaction.error());
  for (const ParkingCall& call : calls) {
    auto answered = answer(call.call);
    if (answered) {
      replies.push_back({call.call_id, std::move(*answered)});
    } else if (answered.error().code == Trouble::kInvalid) {
      replies.push_back({call.call_id, ParkingFailed{answered.error().what, false, true}});
    } else {
      return all_failed(answered.error());
    }
  }
  if (auto committed = transaction->commit(); !committed) return all_failed(committed.error());
  return replies;
}

Result<ParkingAnswer> SqliteParking::answer(const Call& call) {
  return std::visit([this](const auto& one) { return on(one); }, call);
}

void SqliteParking::checkpoint_if_due(bool idle) { database_.checkpoint_if_due(idle); }

Result<ParkingSums> SqliteParking::sums() {
  ParkingSums sums;
  auto& question = sql_->sums;
  auto stepped = question.step();
  if (!stepped) return stepped.error();
  sums.rows = static_cast<std::uint64_t>(question.integer(0));
  sums.keys = static_cast<std::uint64_t>(question.integer(1));
  sums.dead = static_cast<std::uint64_t>(question.integer(2));
  question.reset();
  return sums;
}

// ---- pieces

Result<std::int64_t> SqliteParking::head_order(const std::string& key) {
  auto& head = sql_->head_order;
  head.bind_text(1, key);
  auto stepped = head.step();
  if (!stepped) return stepped.error();
  const std::int64_t order = *stepped == Step::kRow ? head.integer(0) : 0;
  head.reset();
  return order;
}

Result<KeyFacts> SqliteParking::facts(const std::string& key) {
  KeyFacts found{key, {}, 0, 0, {}};
  auto& question = sql_->key_facts;
  question.bind_text(1, key);
  auto stepped = question.step();
  if (!stepped) return stepped.error();
  if (*stepped == Step::kDone) {
    question.reset();
    return found;
  }
  found.upstream = text(question, 0);
  found.count = static_cast<std::uint64_t>(question.integer(1));
  found.holds = unpack_holds(question.bytes(2));
  question.reset();
  if (found.count == 0) return found;
  auto head = head_order(key);
  if (!head) return head.error();
  found.head_order = *head;
  return found;
}

Result<std::optional<SqliteParking::Remembered>> SqliteParking::name_by(Statement& question) {
  auto stepped = question.step();
  if (!stepped) return stepped.error();
  std::optional<Remembered> found;
  if (*stepped == Step::kRow) found = Remembered{read_name(question), {question.integer(15)}};
  question.reset();
  return found;
}

Result<std::optional<SqliteParking::Remembered>> SqliteParking::newest(const std::string& source,
                                                                       const std::string& id) {
  sql_->name_by_id.bind_text(1, source).bind_text(2, id);
  return name_by(sql_->name_by_id);
}

Result<std::optional<SqliteParking::Remembered>> SqliteParking::name_of(
    const std::string& identity) {
  sql_->name_by_identity.bind_blob(1, identity);
  return name_by(sql_->name_by_identity);
}

Result<bool> SqliteParking::settle_row(const Name& name, StoreTime until, bool had_row) {
  auto settled = sql_->settle_row.bind(1, static_cast<std::int64_t>(name.state))
                     .bind_text(2, name.reason)
                     .bind(3, name.status)
                     .bind(4, name.attempts)
                     .bind(5, name.settled_at.us)
                     .bind(6, until.us)
                     .bind_blob(7, name.identity)
                     .run();
  if (!settled) return settled.error();
  if (database_.changes() == 0) return false;
  if (had_row) {
    if (auto fewer = sql_->one_fewer.bind_text(1, name.key).run(); !fewer) return fewer.error();
  }
  return true;
}

Result<std::optional<wire::Offer>> SqliteParking::row_of(const std::string& identity) {
  auto& question = sql_->row_by_identity;
  question.bind_blob(1, identity);
  auto stepped = question.step();
  if (!stepped) return stepped.error();
  std::optional<wire::Offer> found;
  if (*stepped == Step::kRow) {
    auto row = read_row(question);
    if (!row) {
      question.reset();
      return row.error();
    }
    found = std::move(*row);
  }
  question.reset();
  return found;
}

// As it was put, whether it can be read or not.
Result<std::optional<std::string>> SqliteParking::stored_row(const std::string& identity) {
  auto& question = sql_->row_by_identity;
  question.bind_blob(1, identity);
  auto stepped = question.step();
  if (!stepped) return stepped.error();
  std::optional<std::string> found;
  if (*stepped == Step::kRow) found = text(question, 3);
  question.reset();
  return found;
}

// At most `count` rows of a bound question that asks for one more.
Result<std::vector<wire::Offer>> SqliteParking::read_rows(Statement& question,
                                                          std::uint64_t bytes_max,
                                                          std::uint32_t count, bool& more) {
  std::vector<wire::Offer> rows;
  std::uint64_t bytes = 0;
  more = false;
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kDone) break;
    if (rows.size() >= count || bytes >= bytes_max) {
      more = true;
      break;
    }
    auto row = read_row(question);
    if (!row) {
      question.reset();
      return row.error();
    }
    bytes += row->request.body.size() + row->envelope.size();
    row->envelope.clear();
    rows.push_back(std::move(*row));
  }
  question.reset();
  return rows;
}

Status SqliteParking::mark_offered(const std::vector<wire::Offer>& rows) {
  for (const wire::Offer& row : rows) {
    if (row.offered_before) continue;
    if (auto marked = sql_->mark_offered.bind_blob(1, row.identity).run(); !marked) return marked;
  }
  return Done{};
}

// ---- calls

Result<ParkingAnswer> SqliteParking::on(const ReadHead& call) {
  HeadAnswer answer;
  sql_->read_head.bind_text(1, call.key)
      .bind(2, std::int64_t{call.count} + 1)
      .bind(3, call.after.order)
      .bind_blob(4, call.after.identity);
  auto rows = read_rows(sql_->read_head, call.bytes_max, call.count, answer.more);
  if (!rows) return rows.error();
  answer.rows = std::move(*rows);
  if (auto marked = mark_offered(answer.rows); !marked) return marked.error();
  auto key = facts(call.key);
  if (!key) return key.error();
  answer.key = std::move(*key);
  return ParkingAnswer{std::move(answer)};
}

Result<ParkingAnswer> SqliteParking::on(const ReadRow& call) {
  auto row = row_of(call.identity);
  if (!row) return row.error();
  return ParkingAnswer{RowAnswer{std::move(*row)}};
}

// The row is read for its dead letter only: whether it was there, its change tells.
Result<ParkingAnswer> SqliteParking::on(const SettleRow& call) {
  const wire::Settled& settled = call.settled;
  auto there = name_of(settled.identity);
  if (!there) return there.error();
  if (!*there) return ParkingAnswer{SettleAnswer{SettleEnd::kUnknown, settled.identity, {}}};
  Name name = (*there)->name;
  if (!is_end_of(name, call)) {
    return ParkingAnswer{SettleAnswer{SettleEnd::kOther, settled.identity, {}}};
  }
  std::optional<std::string> row;
  if (settled.settlement == wire::Settlement::kDead) {
    auto read = stored_row(settled.identity);
    if (!read) return read.error();
    row = std::move(*read);
  }
  const bool had_row = name.state != NameState::kAccepted;
  settle_name(name, settled);
  auto settles = settle_row(name, call.remember_until, had_row);
  if (!settles) return settles.error();
  if (*settles) {
    if (auto told = replies_.settle(settled); !told) return told.error();
  }
  if (row && !call.buried) {
    DeadRow dead{letter_identity_of(name),
                 name.source,
                 name.id,
                 name.key,
                 name.upstream,
                 name.generation,
                 settled.reason,
                 settled.status,
                 settled.attempts,
                 settled.at,
                 {},
                 {}};
    if (auto buried = bury(dead, *row); !buried) return buried.error();
  }
  auto stopped = Result<bool>(false);
  if (row && *settles) stopped = stop_behind(*row, settled);
  if (!stopped) return stopped.error();
  auto key = facts(name.key);
  if (!key) return key.error();
  if (*settles && key->count == 0 && key->holds.empty()) {
    if (auto gone = sql_->delete_empty_key.bind_text(1, name.key).run(); !gone) return gone.error();
  }
  const SettleEnd end = *settles ? SettleEnd::kSettled : SettleEnd::kBefore;
  return ParkingAnswer{SettleAnswer{end, settled.identity, std::move(*key), *stopped}};
}

Result<ParkingAnswer> SqliteParking::on(const Reorder& call) {
  auto row = row_of(call.identity);
  if (!row) return row.error();
  if (!*row) return ParkingAnswer{ReorderAnswer{}};
  const std::int64_t order = (*row)->in_order ? (*row)->order : call.order;
  auto moved = sql_->reorder.bind(1, order).bind_blob(2, call.identity).run();
  if (!moved) return moved.error();
  auto key = facts((*row)->key);
  if (!key) return key.error();
  return ParkingAnswer{ReorderAnswer{true, std::move(*key)}};
}

Result<ParkingAnswer> SqliteParking::on(const LookupId& call) {
  LookupAnswer answer;
  auto there = newest(call.source, call.id);
  if (!there) return there.error();
  if (*there) {
    answer.name = (*there)->name;
    auto& question = sql_->count_before;
    question.bind_blob(1, answer.name->identity).bind(2, std::int64_t{kAheadMax} + 1);
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kRow && question.integer(0) <= kAheadMax) {
      answer.ahead = static_cast<std::uint64_t>(question.integer(0));
    }
    question.reset();
  }
  auto key = facts(answer.name ? answer.name->key : call.key);
  if (!key) return key.error();
  answer.key = std::move(*key);
  if (answer.name) return ParkingAnswer{std::move(answer)};
  // Mostly nothing stands behind what comes now, and counting that costs nothing.
  auto& question = sql_->count_behind;
  question.bind_text(1, call.key).bind(2, call.order).bind(3, std::int64_t{kAheadMax} + 1);
  auto stepped = question.step();
  if (!stepped) return stepped.error();
  const auto behind = static_cast<std::uint64_t>(question.integer(0));
  question.reset();
  answer.ahead = answer.key.count - std::min(answer.key.count, behind);
  return ParkingAnswer{std::move(answer)};
}

Result<ParkingAnswer> SqliteParking::on(const MarkCancelled& call) {
  CancelAnswer answer;
  auto there = newest(call.source, call.id);
  if (!there) return there.error();
  if (!*there) return ParkingAnswer{std::move(answer)};
  answer.name = (*there)->name;
  if (has_ended(answer.name->state)) return ParkingAnswer{std::move(answer)};
  const std::string& identity = answer.name->identity;
  auto row = row_of(identity);
  if (!row) return row.error();
  answer.row = std::move(*row);
  if (auto set = sql_->cancel_row.bind_blob(1, identity).run(); !set) return set.error();
  answer.name->cancelled = true;
  if (answer.row) {
    answer.row->cancelled = true;
    if (auto marked = mark_offered({*answer.row}); !marked) return marked.error();
  }
  return ParkingAnswer{std::move(answer)};
}

Result<ParkingAnswer> SqliteParking::on(const ListKeys& call) {
  KeysAnswer answer;
  auto& question = sql_->list_keys;
  question.bind_text(1, call.after).bind(2, std::int64_t{call.count} + 1);
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kDone) break;
    if (answer.keys.size() == call.count) {
      answer.more = true;
      break;
    }
    KeyFacts key{text(question, 0), text(question, 1),
                 static_cast<std::uint64_t>(question.integer(2)), question.integer(4),
                 unpack_holds(question.bytes(3))};
    answer.keys.push_back(std::move(key));
  }
  question.reset();
  return ParkingAnswer{std::move(answer)};
}

Result<ParkingAnswer> SqliteParking::on(const SetHolds& call) {
  auto there = facts(call.key);
  if (!there) return there.error();
  std::vector<wire::Hold> kept = call.holds;
  keep_stop(there->holds, kept);
  const std::string holds = pack_holds(call.key, call.upstream, kept);
  auto& set = sql_->set_holds;
  auto written = set.bind_text(1, call.key).bind_text(2, call.upstream).bind_blob(3, holds).run();
  if (!written) return written.error();
  if (auto gone = sql_->delete_empty_key.bind_text(1, call.key).run(); !gone) return gone.error();
  return ParkingAnswer{Acknowledged{}};
}

Result<ParkingAnswer> SqliteParking::on(const ForgetNames& call) {
  auto gone = sql_->forget_names.bind(1, call.now.us).bind(2, call.count).run();
  if (!gone) return gone.error();
  const auto count = static_cast<std::uint32_t>(database_.changes());
  // A number that is free again, as the last rows went, is given to the next one.
  auto last = last_number();
  if (!last) return last.error();
  number_seen_ = std::min(number_seen_, *last);
  return ParkingAnswer{ForgetAnswer{count}};
}

}  // namespace sluice::ingest
