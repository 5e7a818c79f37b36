#include "ingest/sqlite_lists.h"

#include <limits>
#include <utility>

namespace sluice::ingest {

using port::Statement;
using Step = Statement::Step;

namespace {

#define LISTED                                                                                \
  "n.identity, n.source, n.id, n.generation, n.key, n.upstream, n.first_seen, n.expires_at, " \
  "n.cancelled, n.state, n.reason, n.status, n.attempts, n.settled_at, "

constexpr const char* kOfKey =
    "SELECT " LISTED
    "n.place, n.number FROM messages AS n INDEXED BY rows_in_order "
    "WHERE n.state = 1 AND n.key = ?1 AND (n.place, n.identity) > (?2, ?3) "
    "ORDER BY n.place, n.identity LIMIT ?4";
constexpr const char* kOfAll = "SELECT " LISTED
                               "n.place, n.number FROM messages AS n INDEXED BY rows_in_order "
                               "WHERE n.state = 1 AND (n.key, n.place, n.identity) > (?1, ?2, ?3) "
                               "ORDER BY n.key, n.place, n.identity LIMIT ?4";
constexpr const char* kSettled =
    "SELECT " LISTED
    "n.remember_until, n.number FROM messages AS n INDEXED BY names_to_forget "
    "WHERE n.state > 1 AND (n.remember_until, n.number) < (?1, ?2) "
    "ORDER BY n.remember_until DESC, n.number DESC LIMIT ?3";
constexpr const char* kDead =
    "SELECT identity, source, id, generation, key, upstream, 0, 0, 0, 3, reason, status, "
    "attempts, at, number FROM dead WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
constexpr const char* kAhead =
    "SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 1 AND key = ?1 "
    "AND (place, identity) < (?2, ?3) LIMIT ?4)";

#undef LISTED

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kStart = std::numeric_limits<std::int64_t>::min();
constexpr int kPlace = 14;  // the column after those of a name

std::string text(const Statement& row, int column) { return std::string(row.bytes(column)); }

Name read_listed(const Statement& row) {
  Name name;
  name.identity = text(row, 0);
  name.source = text(row, 1);
  name.id = text(row, 2);
  name.generation = static_cast<std::uint32_t>(row.integer(3));
  name.key = text(row, 4);
  name.upstream = text(row, 5);
  name.first_seen = {row.integer(6)};
  name.expires_at = {row.integer(7)};
  name.cancelled = row.integer(8) != 0;
  name.state = static_cast<NameState>(row.integer(9));
  name.reason = text(row, 10);
  name.status = static_cast<std::uint32_t>(row.integer(11));
  name.attempts = static_cast<std::uint32_t>(row.integer(12));
  name.settled_at = {row.integer(13)};
  return name;
}

}  // namespace

struct SqliteLists::Statements {
  Statement of_key, of_all, settled, dead, ahead;
};

// One page in the making.
struct SqliteLists::Paging {
  const ListAsk& ask;
  ListCursor at;  // the last place that was looked at
  ListPage page;
  std::uint32_t looked = 0;
  bool over = false;  // the phase has no more

  [[nodiscard]] bool full() const {
    return page.messages.size() >= ask.limit || looked >= kLookedMax;
  }
  [[nodiscard]] bool wanted(const Name& name) const {
    if (ask.state && name.state != *ask.state) return false;
    if (!ask.key.empty() && name.key != ask.key) return false;
    return ask.scope.covers(name.upstream, name.key);
  }
};

SqliteLists::SqliteLists(port::Sqlite database) : database_(std::move(database)) {}
SqliteLists::~SqliteLists() { sql_.reset(); }

Result<std::unique_ptr<SqliteLists>> SqliteLists::open(const std::string& path) {
  auto database = port::Sqlite::open(path, {.create = false, .read_only = true});
  if (!database) return Error{database.error().code, path + ": " + database.error().what};
  std::unique_ptr<SqliteLists> lists(new SqliteLists(std::move(*database)));
  lists->sql_ = std::make_unique<Statements>();
  Statements& sql = *lists->sql_;
  const std::pair<Statement*, const char*> all[] = {{&sql.of_key, kOfKey},
                                                    {&sql.of_all, kOfAll},
                                                    {&sql.settled, kSettled},
                                                    {&sql.dead, kDead},
                                                    {&sql.ahead, kAhead}};
  for (const auto& [statement, question] : all) {
    auto prepared = lists->database_.prepare(question);
    if (!prepared) return Error{prepared.error().code, path + ": " + prepared.error().what};
    *statement = std::move(*prepared);
  }
  return lists;
}

Result<std::string> SqliteLists::plans() {
  std::string text;
  for (const char* question : {kOfKey, kOfAll, kSettled, kDead, kAhead}) {
    auto plan = database_.prepare("EXPLAIN QUERY PLAN " + std::string(question));
    if (!plan) return plan.error();
    for (;;) {
      auto stepped = plan->step();
      if (!stepped) return stepped.error();
      if (*stepped == Step::kDone) break;
      text += std::string(plan->bytes(3)) + "\n";
    }
    plan->reset();
  }
  return text;
}

Result<std::optional<std::uint64_t>> SqliteLists::ahead_of(const ListCursor& place) {
  Statement& question = sql_->ahead;
  question.bind_text(1, place.key).bind(2, place.place).bind_blob(3, place.identity);
  question.bind(4, std::int64_t{kAheadMax} + 1);
  auto stepped = question.step();
  if (!stepped) return stepped.error();
  const auto count = static_cast<std::uint64_t>(question.integer(0));
  question.reset();
  if (count > kAheadMax) return std::optional<std::uint64_t>{};
  return std::optional<std::uint64_t>{count};
}

// Rows come in the order of keys: the first of a page is counted, and of each further key the first
// has nothing before it.
Status SqliteLists::waiting(Paging& paging) {
  const ListCursor from = paging.at;
  const bool one = !paging.ask.key.empty();
  Statement& question = one ? sql_->of_key : sql_->of_all;
  question.bind_text(1, one ? paging.ask.key : from.key).bind(2, from.place);
  question.bind_blob(3, from.identity).bind(4, std::int64_t{kLookedMax} + 1);
  std::optional<std::uint64_t> ahead;
  bool first = true;
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kDone) paging.over = true;
    if (paging.over || paging.full()) break;
    Name name = read_listed(question);
    const bool goes_on = !first && name.key == paging.at.key;
    paging.at = {ListPhase::kWaiting, name.key, question.integer(kPlace), name.identity, 0};
    ++paging.looked;
    if (goes_on) {
      if (ahead) ++*ahead;
    } else if (first) {
      auto counted = ahead_of(paging.at);
      if (!counted) return counted.error();
      ahead = *counted;
    } else {
      ahead = 0;
    }
    first = false;
    if (paging.wanted(name)) paging.page.messages.push_back({std::move(name), ahead});
  }
  question.reset();
  return Done{};
}

Status SqliteLists::settled(Paging& paging) {
  const ListCursor from = paging.at;
  Statement& question = sql_->settled;
  question.bind(1, from.place).bind(2, from.number);
  question.bind(3, std::int64_t{kLookedMax} + 1);
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kDone) paging.over = true;
    if (paging.over || paging.full()) break;
    Name name = read_listed(question);
    paging.at = {
        ListPhase::kSettled, {}, question.integer(kPlace), {}, question.integer(kPlace + 1)};
    ++paging.looked;
    if (paging.wanted(name)) paging.page.messages.push_back({std::move(name), std::nullopt});
  }
  question.reset();
  return Done{};
}

Status SqliteLists::dead(Paging& paging) {
  Statement& question = sql_->dead;
  question.bind(1, paging.at.place).bind(2, std::int64_t{kLookedMax} + 1);
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kDone) paging.over = true;
    if (paging.over || paging.full()) break;
    Name name = read_listed(question);
    paging.at = {ListPhase::kDead, {}, question.integer(kPlace), {}, 0};
    ++paging.looked;
    if (paging.wanted(name)) paging.page.messages.push_back({std::move(name), std::nullopt});
  }
  question.reset();
  return Done{};
}

Result<ListPage> SqliteLists::read(const ListAsk& ask, ListCursor from) {
  Paging paging{ask, std::move(from), {}, 0, false};
  Status done = Done{};
  if (paging.at.phase == ListPhase::kWaiting) {
    done = waiting(paging);
    if (done && paging.over && !ask.state) {
      paging.over = false;
      paging.at = {ListPhase::kSettled, {}, kEnd, {}, kEnd};
      if (!paging.full()) done = settled(paging);
    }
  } else {
    done = paging.at.phase == ListPhase::kDead ? dead(paging) : settled(paging);
  }
  if (!done) return done.error();
  if (!paging.over) paging.page.next = std::move(paging.at);
  return std::move(paging.page);
}

Result<ListPage> SqliteLists::list(const ListAsk& ask) {
  if (ask.after) return read(ask, *ask.after);
  if (!ask.state || *ask.state == NameState::kWaiting) {
    return read(ask, {ListPhase::kWaiting, {}, kStart, {}, 0});
  }
  if (*ask.state == NameState::kDead) return read(ask, {ListPhase::kDead, {}, kEnd, {}, 0});
  return read(ask, {ListPhase::kSettled, {}, kEnd, {}, kEnd});
}

}  // namespace sluice::ingest
