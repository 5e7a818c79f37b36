// The replies of the embedded parking store, in its file and on its connection: they share its
// transactions. Who is to be told is written with the message's row; what, with its settlement.
#pragma once

#include <string>
#include <vector>

#include "ingest/parking.h"
#include "ingest/replies.h"
#include "lib/port/sqlite.h"

namespace sluice::ingest {

class SqliteReplies : public ReplyStore {
 public:
  // `database` outlives it.
  explicit SqliteReplies(port::Sqlite& database) : database_(database) {}
  Status prepare();

  // ---- inside a transaction of the parking store
  // A row of a message that wants a reply.
  Status expect(const wire::Offer& row);
  // It has ended; nothing happens when it wanted none.
  Status settle(const wire::Settled& settled);

  // ---- each its own
  Result<std::vector<Reply>> due(const std::string& host, StoreTime now,
                                 std::uint32_t count) override;
  Result<std::vector<Reply>> settled_before(StoreTime time, std::uint32_t count) override;
  Status note(std::span<const ReplyNote> notes) override;
  Result<std::uint64_t> waiting() override;

 private:
  static Result<std::vector<Reply>> read(port::Statement& question);

  port::Sqlite& database_;
  port::Statement expect_, settle_, due_, by_age_, over_, later_, waiting_;
};

}  // namespace sluice::ingest
