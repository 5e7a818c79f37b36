// A parking store in memory, honest: every call is applied at once and answered. The oracle of the
// suite, the world of the core's tests, and the ground on which the simulation's hostile one
// stands.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ingest/parking.h"
#include "ingest/replies.h"

namespace sluice::ingest {

class MemoryReplies : public ReplyStore {
 public:
  void expect(const wire::Offer& row);
  void settle(const wire::Settled& settled);
  Result<std::vector<Reply>> due(const std::string& host, StoreTime now,
                                 std::uint32_t count) override;
  Result<std::vector<Reply>> settled_before(StoreTime time, std::uint32_t count) override;
  Status note(std::span<const ReplyNote> notes) override;
  Result<std::uint64_t> waiting() override { return waiting_.size(); }

 private:
  struct Waiting {
    Reply reply;
    StoreTime due;
  };
  std::map<std::string, Reply> expected_;  // by identity
  std::map<std::int64_t, Waiting> waiting_;
  std::int64_t last_number_ = 0;
};

class MemoryParking {
 public:
  ParkingAnswer apply(const Call& call);

  struct Dead {
    wire::Offer row;
    wire::Settled why;
  };
  [[nodiscard]] const std::map<std::string, wire::Offer>& rows() const { return rows_; }
  [[nodiscard]] const std::map<std::string, Name>& names() const { return names_; }
  [[nodiscard]] const std::vector<Dead>& dead() const { return dead_; }
  MemoryReplies& replies() { return replies_; }

 private:
  using Place = std::pair<std::int64_t, std::string>;  // order, identity
  struct KeyRows {
    std::string upstream;
    std::map<Place, bool> places;
    std::vector<wire::Hold> holds;
    std::int64_t last_in_order = 0;
  };
  ParkingAnswer on(const Put& call);
  ParkingAnswer on(const ReadHead& call);
  ParkingAnswer on(const ReadRow& call);
  ParkingAnswer on(const SettleRow& call);
  ParkingAnswer on(const Reorder& call);
  ParkingAnswer on(const LookupId& call);
  ParkingAnswer on(const MarkCancelled& call);
  ParkingAnswer on(const ListKeys& call);
  ParkingAnswer on(const ListEnding& call);
  ParkingAnswer on(const SetHolds& call);
  ParkingAnswer on(const ForgetNames& call);
  [[nodiscard]] KeyFacts facts(const std::string& key) const;
  Name* newest(const std::string& source, const std::string& id);
  wire::Offer read(wire::Offer& row);
  void drop_row(const std::string& identity);

  std::map<std::string, wire::Offer> rows_;
  std::map<std::string, Name> names_;
  std::map<std::string, StoreTime> remember_until_;  // of settled names
  std::map<std::string, KeyRows> keys_;
  std::vector<Dead> dead_;
  MemoryReplies replies_;
};

}  // namespace sluice::ingest
