// The embedded parking store's rows that need no turn: those that a person has cancelled, then
// those whose time is over, each in the order of its index.
#include <utility>

#include "ingest/sqlite_parking.h"
#include "ingest/sqlite_statements.h"

namespace sluice::ingest {

namespace {

constexpr int kWhere = 4;  // the columns after a row's own: identity, or expires_at and number

}  // namespace

// One page in the making.
struct SqliteParking::EndingPage {
  const ListEnding& ask;
  EndingPlace at;  // the last row that was looked at
  EndingAnswer answer = {};
  std::uint32_t looked = 0;
  std::uint64_t bytes = 0;

  [[nodiscard]] bool full() const { return looked >= ask.count || bytes >= ask.bytes_max; }
  [[nodiscard]] std::int64_t limit() const { return std::int64_t{ask.count} - looked + 1; }
};

// A row that cannot be read is passed over: who reads the head of its key is told.
Status SqliteParking::list_ending(port::Statement& question, EndingPage& page) {
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == port::Statement::Step::kDone) break;
    if (page.full()) {
      page.answer.next = page.at;
      break;
    }
    ++page.looked;
    if (page.at.expired) {
      page.at.expires_at = {question.integer(kWhere)};
      page.at.number = question.integer(kWhere + 1);
    } else {
      page.at.identity = std::string(question.bytes(kWhere));
    }
    auto row = read_row(question);
    if (!row) continue;
    page.bytes += row->request.body.size() + row->envelope.size();
    row->envelope.clear();
    page.answer.rows.push_back(std::move(*row));
  }
  question.reset();
  return Done{};
}

Result<ParkingAnswer> SqliteParking::on(const ListEnding& call) {
  EndingPage page{call, call.after};
  if (!page.at.expired) {
    sql_->list_cancelled.bind_blob(1, page.at.identity).bind(2, page.limit());
    if (auto done = list_ending(sql_->list_cancelled, page); !done) return done.error();
    if (!page.answer.next) page.at = {.expired = true};
  }
  if (page.at.expired) {
    auto& expired = sql_->list_expired;
    expired.bind(1, call.now.us).bind(2, page.at.expires_at.us).bind(3, page.at.number);
    expired.bind(4, page.limit());
    if (auto done = list_ending(expired, page); !done) return done.error();
  }
  if (auto marked = mark_offered(page.answer.rows); !marked) return marked.error();
  return ParkingAnswer{std::move(page.answer)};
}

}  // namespace sluice::ingest
