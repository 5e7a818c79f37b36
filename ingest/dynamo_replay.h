// Parking on DynamoDB: a dead letter becomes a row again, in one transaction.
#pragma once

#include <string>

#include "ingest/dead_letters.h"
#include "ingest/dynamo_change.h"

namespace sluice::ingest::dynamo {

class ReplayChange final : public Change {
 public:
  ReplayChange(const World& world, DeadRow dead, StoreTime now, Duration behind);
  std::vector<aws::Request> questions() override;
  void see(const Got& got) override;
  Plan plan(const KeyItem& key) override;
  void stale(std::size_t) override { looked_ = false; }
  // ReorderAnswer: whether it was there.
  [[nodiscard]] ParkingAnswer answer(const KeyFacts& key) const override;

 private:
  DeadRow dead_;
  StoreTime now_;
  Duration behind_;
  wire::Offer row_;
  bool looked_ = false;
  bool there_ = false;
  std::optional<NameItem> name_;  // of the new identity
  std::optional<IdItem> id_;
};

}  // namespace sluice::ingest::dynamo
