// Costs in DynamoDB (cost_items.h): each event and its sums in one transaction, so that a cost that
// is said again adds nothing, whatever answers were lost. One call after the other, and one look or
// booking at a time.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "auditor/cost_items.h"
#include "auditor/ledger_port.h"
#include "lib/aws/client.h"
#include "lib/aws/dynamodb.h"
#include "lib/base/prng.h"
#include "lib/base/result.h"

namespace sluice::auditor {

class DynamoCosts {
 public:
  struct World {
    aws::Client& client;
    aws::Transport& time;
    std::function<std::string()> token;  // another one each time, at most 36 characters
    std::uint64_t seed = 1;
    Duration slow = seconds(30);  // from when on a look or a booking begins no further call
  };
  struct Known {
    std::vector<std::string> events;  // content hashes; empty: never booked
    std::vector<std::vector<ProviderTotal>> months;
  };

  // What it is given outlives it; it may go while calls are under way, which are not answered.
  DynamoCosts(CostTable table, World world)
      : table_(std::move(table)), world_(std::move(world)), chance_(world_.seed) {}
  DynamoCosts(const DynamoCosts&) = delete;
  DynamoCosts& operator=(const DynamoCosts&) = delete;

  // Both call `done` once, unless another one or forget() comes first. kUnavailable: some of the
  // costs may be booked; each is, or is not, with all that it adds. What the table does not
  // answer in three attempts of 3 s ends so, and what is slow.
  void look(std::vector<std::string> events, std::vector<std::string> months,
            std::function<void(Result<Known>)> done);
  void book(std::vector<wire::Cost> costs, std::function<void(Status)> done);
  // Whoever asked has given up: what is under way is not answered.
  void forget() { here_ = std::make_shared<bool>(true); }

 private:
  struct Looking;
  struct Booking;
  void find_events(const std::shared_ptr<Looking>& work);
  void add_months(const std::shared_ptr<Looking>& work);
  void book_next(const std::shared_ptr<Booking>& work);
  [[nodiscard]] bool is_slow() const { return world_.time.now() >= slow_at_; }
  void begin();
  void refused(const std::shared_ptr<Booking>& work, const aws::dynamodb::Transaction& how);
  // Runs `again` after a pause that grows with each; false: it was tried often enough.
  bool pause(int& tries, std::function<void()> again);
  // `run`, unless forget() was called or this has gone.
  template <class Run>
  auto here(Run run) {
    return [still = std::weak_ptr<bool>(here_), run = std::move(run)](const auto&... args) {
      if (!still.expired()) run(args...);
    };
  }

  CostTable table_;
  World world_;
  Prng chance_;
  Instant slow_at_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace sluice::auditor
