// A parking store in memory, as strict as a real one: conditional, transactional, consistent. It
// outlives the ingest that uses it. Who calls it through outside_call() gets the five endings.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ingest/parking.h"
#include "tests/sim/witness.h"

namespace sluice::sim {

class ParkingFake {
 public:
  ParkingFake(World& world, Witnesses& witnesses, std::string name)
      : world_(world), witnesses_(witnesses), name_(std::move(name)) {}

  // One transaction.
  ingest::ParkingAnswer apply(const ingest::Call& call);

  // For saboteurs: so many puts leave a name without its row.
  void tear(std::uint32_t per_million) { tears_ = per_million; }

  // ... what goes in order is put where its queue's clock says.
  void go_by_sent_time(bool so) { by_sent_time_ = so; }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t rows() const { return order_.size(); }
  // What persons said last of each item: until when it is closed, and when that was said.
  [[nodiscard]] std::map<std::string, std::pair<StoreTime, StoreTime>> words() const;
  // The names as they stand, for checkers; by identity.
  [[nodiscard]] const std::map<std::string, ingest::Name>& names() const { return names_; }

 private:
  struct Row {
    wire::Offer offer;
    bool offered = false;
  };
  // (key, order, identity): a key's rows in their order.
  using Place = std::tuple<std::string, std::int64_t, std::string>;

  ingest::ParkingAnswer act(const ingest::Put& put);
  ingest::ParkingAnswer act(const ingest::ReadHead& read);
  ingest::ParkingAnswer act(const ingest::ReadRow& read) const;
  ingest::ParkingAnswer act(const ingest::SettleRow& settle);
  ingest::ParkingAnswer act(const ingest::Reorder& reorder);
  ingest::ParkingAnswer act(const ingest::LookupId& lookup);
  ingest::ParkingAnswer act(const ingest::MarkCancelled& mark);
  ingest::ParkingAnswer act(const ingest::ListKeys& list);
  ingest::ParkingAnswer act(const ingest::ListEnding& list);
  ingest::ParkingAnswer act(const ingest::SetHolds& set);
  ingest::ParkingAnswer act(const ingest::ForgetNames& forget);

  [[nodiscard]] const ingest::Name* find(const ingest::Put& put) const;
  [[nodiscard]] ingest::Name* find(const std::string& source, const std::string& id);
  [[nodiscard]] ingest::KeyFacts facts(const std::string& key) const;
  [[nodiscard]] std::vector<std::string> head(const std::string& key) const;
  wire::Offer give(Row& row);
  static Place place(const wire::Offer& offer) { return {offer.key, offer.order, offer.identity}; }

  World& world_;
  Witnesses& witnesses_;
  std::string name_;
  std::uint32_t tears_ = 0;
  bool by_sent_time_ = false;
  std::map<std::string, ingest::Name> names_;
  std::map<std::string, StoreTime> remembered_until_;
  std::map<std::string, Row> rows_;
  std::set<Place> order_;
  struct KeyItem {
    std::string upstream;
    std::vector<wire::Hold> holds;
    std::int64_t last_in_order = 0;
  };
  std::map<std::string, KeyItem> keys_;
};

}  // namespace sluice::sim
