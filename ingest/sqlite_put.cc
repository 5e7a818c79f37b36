// The embedded parking store: a message becomes a row, or at first its name alone.
#include "ingest/name.h"
#include "ingest/sqlite_parking.h"
#include "ingest/sqlite_statements.h"
#include "lib/wire/codec.h"

namespace sluice::ingest {

namespace {

// What a row and a name alone have in common.
port::Statement& bind_message(port::Statement& insert, const wire::Offer& row, bool cancelled) {
  return insert.bind_blob(1, row.identity)
      .bind_text(2, row.source)
      .bind_text(3, row.id)
      .bind(4, row.generation)
      .bind_text(5, row.key)
      .bind_blob(6, row.content_hash)
      .bind_text(7, row.upstream)
      .bind(8, row.first_seen.us)
      .bind(9, row.expires_at.us)
      .bind(10, cancelled ? 1 : 0);
}

}  // namespace

Status SqliteParking::insert_row(const wire::Offer& row, bool cancelled) {
  const std::string message = wire::encode_item(row);
  const auto place = place_of(row);
  if (!place) return place.error();
  auto inserted = bind_message(sql_->insert_row, row, cancelled)
                      .bind(11, *place)
                      .bind(12, row.offered_before ? 1 : 0)
                      .bind_blob(13, message)
                      .run();
  if (!inserted) return inserted;
  if (auto expected = replies_.expect(row); !expected) return expected;
  const std::int64_t last_in_order = row.in_order ? *place : 0;
  return sql_->one_more.bind_text(1, row.key)
      .bind_text(2, row.upstream)
      .bind(3, last_in_order)
      .run();
}

Status SqliteParking::insert_name(const Put& call) {
  const wire::Offer& row = call.row;
  return bind_message(sql_->insert_name, row, row.cancelled)
      .bind(11, call.accept_until.us)
      .bind(12, row.order)
      .run();
}

Result<ParkingAnswer> SqliteParking::on(const Put& call) {
  const wire::Offer& row = call.row;
  auto there = call.id_alone ? newest(row.source, row.id) : name_of(row.identity);
  if (!there) return there.error();
  const bool same = *there && is_repeat((*there)->name, call);
  const bool forgotten =
      *there && (*there)->name.state != NameState::kWaiting && (*there)->until < call.now;
  const bool lost = *there && !call.id_alone && !same && lost_its_identity((*there)->name);
  const bool its_row = *there && is_its_row((*there)->name, call);
  if (*there && !forgotten && !lost && !its_row) {
    const Name& name = (*there)->name;
    auto key = facts(name.key);
    if (!key) return key.error();
    return ParkingAnswer{PutAnswer{same ? PutEnd::kSame : PutEnd::kOther, name, std::move(*key)}};
  }
  Name written = written_name(call);
  written.cancelled = row.cancelled || (its_row && (*there)->name.cancelled);
  const bool accepts = call.accept_until.us > 0;
  auto inserted = accepts ? insert_name(call) : insert_row(row, written.cancelled);
  if (!inserted) return inserted.error();
  auto key = facts(row.key);
  if (!key) return key.error();
  return ParkingAnswer{PutAnswer{PutEnd::kCreated, std::move(written), std::move(*key)}};
}

}  // namespace sluice::ingest
