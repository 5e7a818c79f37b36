// Parking in a table of DynamoDB: calls go out as they come, without waiting for each other, and
// are answered when the table has. Those that change a key's rows go one transaction after the
// other, as many of a key in each as there are (dynamo_group.h): two at once would only be in each
// other's way. One thread; docs/decisions/0043 says what each call costs.
//
// A store has one process at a time (dynamo_lease.h). That two would not spoil it, though, is the
// table's doing: every write says which items it has seen.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "ingest/dynamo_step.h"
#include "lib/aws/client.h"

namespace sluice::ingest {

struct DynamoParkingConfig {
  std::string table = "huntaze-sluice-parking";
  std::string store = "ingest-1";
  std::uint64_t seed = 1;
  std::size_t under_way_max = 128;  // calls, or groups of them
};

class DynamoParking {
 public:
  using Answered = std::function<void(const ParkingReply&)>;

  // What it is given outlives it; calls that are under way when it goes are not answered.
  DynamoParking(aws::Client& client, aws::Transport& world, DynamoParkingConfig config,
                Answered answered);
  DynamoParking(const DynamoParking&) = delete;
  DynamoParking& operator=(const DynamoParking&) = delete;

  void apply(std::span<const ParkingCall> calls);
  // Something that is no call; answered with its replies.
  void perform(const std::shared_ptr<dynamo::Deed>& deed);
  [[nodiscard]] const dynamo::World& deed_world() const { return world_; }
  // Counts what is there, key by key, by reads that need not be consistent; nothing: it could not
  // be read.
  void add_up(const std::function<void(std::optional<ParkingSums>)>& done);
  // Calls that are not answered yet.
  [[nodiscard]] std::size_t open() const { return open_; }

 private:
  using SharedDeed = std::shared_ptr<dynamo::Deed>;
  struct Lane {
    std::deque<ParkingCall> waiting = {};
    bool under_way = false;
  };
  void take(const ParkingCall& call);
  void start_more();
  void start_lane(const std::string& key);
  void run(const SharedDeed& deed, dynamo::Step step);
  void ask(const SharedDeed& deed, dynamo::Step step);
  void ended(const SharedDeed& deed);
  void count_dead(ParkingSums sums, const std::function<void(std::optional<ParkingSums>)>& done);

  aws::Client& client_;
  aws::Transport& transport_;
  DynamoParkingConfig config_;
  Answered answered_;
  dynamo::Layout layout_;
  Prng chance_;
  StoreTime forgotten_before_;
  dynamo::World world_;
  std::map<std::string, Lane> lanes_;  // by key
  std::deque<std::string> ready_;      // lanes with calls, and none under way
  std::deque<ParkingCall> reads_;      // that wait for room
  std::map<const dynamo::Deed*, std::string> lane_of_;
  std::size_t under_way_ = 0;
  std::size_t open_ = 0;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace sluice::ingest
