#include "ingest/sqlite_lists.h"

#include <limits>
#include <utility>

#include "ingest/sqlite_statements.h"

namespace sluice::ingest {

using port::Statement;
using Step = Statement::Step;

namespace {

constexpr const char* kOfKey = "SELECT " NAME_COLUMNS
                               ", place FROM messages INDEXED BY rows_in_order "
                               "WHERE state = 1 AND key = ?1 AND (place, identity) > (?2, ?3) "
                               "ORDER BY place, identity LIMIT ?4";
constexpr const char* kOfAll = "SELECT " NAME_COLUMNS
                               ", place FROM messages INDEXED BY rows_in_order "
                               "WHERE state = 1 AND (key, place, identity) > (?1, ?2, ?3) "
                               "ORDER BY key, place, identity LIMIT ?4";
constexpr const char* kSettled = "SELECT " NAME_COLUMNS
                                 ", number FROM messages INDEXED BY names_to_forget "
                                 "WHERE state > 1 AND (remember_until, number) < (?1, ?2) "
                                 "ORDER BY remember_until DESC, number DESC LIMIT ?3";
constexpr const char* kDead =
    "SELECT identity, source, id, generation, key, '', upstream, 0, 0, 0, 3, reason, status, "
    "attempts, at, 0, number FROM dead WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
constexpr const char* kAhead =
    "SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 1 AND key = ?1 "
    "AND (place, identity) < (?2, ?3) LIMIT ?4)";

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kStart = std::numeric_limits<std::int64_t>::min();
constexpr int kRemembered = 15;  // a name's last column
constexpr int kNext = 16;        // the one after it

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
    auto plan = plan_of(database_, question);
    if (!plan) return plan.error();
    text += *plan;
  }
  return text;
}

Result<SqliteLists::Ahead> SqliteLists::ahead_of(const ListCursor& place) {
  Statement& question = sql_->ahead;
  question.bind_text(1, place.key).bind(2, place.place).bind_blob(3, place.identity);
  question.bind(4, std::int64_t{kAheadMax} + 1);
  auto stepped = question.step();
  if (!stepped) return stepped.error();
  const auto count = static_cast<std::uint64_t>(question.integer(0));
  question.reset();
  return count > kAheadMax ? Ahead{} : Ahead{count};
}

// Steps through what is asked until the page is full or there is no more. `arrive` moves paging.at
// to the row, and says how many of its key go before it, as far as that can be said.
template <class Arrive>
Status SqliteLists::walk(Statement& question, Paging& paging, Arrive arrive) {
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kDone) paging.over = true;
    if (paging.over || paging.full()) break;
    Name name = read_name(question);
    Result<Ahead> ahead = arrive(name);
    if (!ahead) return ahead.error();
    ++paging.looked;
    if (paging.wanted(name)) paging.page.messages.push_back({std::move(name), *ahead});
  }
  question.reset();
  return Done{};
}

// Rows come in the order of keys: the first of a page is counted, and of each further key the first
// has nothing before it.
Status SqliteLists::waiting(Paging& paging) {
  const ListCursor from = paging.at;
  const bool one = !paging.ask.key.empty();
  Statement& question = one ? sql_->of_key : sql_->of_all;
  question.bind_text(1, one ? paging.ask.key : from.key).bind(2, from.place);
  question.bind_blob(3, from.identity).bind(4, std::int64_t{kLookedMax} + 1);
  Ahead ahead;
  bool first = true;
  return walk(question, paging, [&](const Name& name) -> Result<Ahead> {
    const bool goes_on = !first && name.key == paging.at.key;
    paging.at = {ListPhase::kWaiting, name.key, question.integer(kNext), name.identity, 0};
    if (std::exchange(first, false)) {
      auto counted = ahead_of(paging.at);
      if (!counted) return counted.error();
      ahead = *counted;
    } else if (!goes_on) {
      ahead = 0;
    } else if (ahead) {
      ++*ahead;
    }
    return ahead;
  });
}

Status SqliteLists::settled(Paging& paging) {
  const ListCursor from = paging.at;
  Statement& question = sql_->settled;
  question.bind(1, from.place).bind(2, from.number).bind(3, std::int64_t{kLookedMax} + 1);
  return walk(question, paging, [&](const Name&) -> Result<Ahead> {
    paging.at = {
        ListPhase::kSettled, {}, question.integer(kRemembered), {}, question.integer(kNext)};
    return Ahead{};
  });
}

Status SqliteLists::dead(Paging& paging) {
  Statement& question = sql_->dead;
  question.bind(1, paging.at.place).bind(2, std::int64_t{kLookedMax} + 1);
  return walk(question, paging, [&](const Name&) -> Result<Ahead> {
    paging.at = {ListPhase::kDead, {}, question.integer(kNext), {}, 0};
    return Ahead{};
  });
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
