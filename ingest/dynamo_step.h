// What parking on DynamoDB does for a call, as steps: each asks the table something, all at once,
// and goes on when everything has been answered. Pure: who performs them is dynamo_parking.h.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ingest/dynamo_items.h"
#include "ingest/parking.h"
#include "lib/aws/client.h"
#include "lib/base/prng.h"

namespace sluice::ingest::dynamo {

using Got = std::vector<aws::Outcome>;

struct Step {
  std::vector<aws::Request> ask = {};
  std::function<Step(const Got&)> then = {};  // none: it has ended
  Duration wait = {};                         // before it asks
};

struct World {
  const Layout& layout;
  Prng& chance;
  const StoreTime& forgotten_before;  // names that were to be remembered until then are forgotten

  [[nodiscard]] std::string version() const;
  [[nodiscard]] std::string token() const;
};

class Deed {
 public:
  virtual ~Deed() = default;
  virtual Step start() = 0;
  // When it has ended.
  [[nodiscard]] std::vector<ParkingReply>& replies() { return replies_; }

 protected:
  std::vector<ParkingReply> replies_;
};

// Failed for good: of what it is not known whether it was done.
ParkingFailed failed(const aws::Refusal& why);
// Nothing: it is not there. A refusal is noted in `trouble`, where the last one stays.
std::optional<Item> item_of(const aws::Outcome& outcome, std::optional<ParkingFailed>& trouble);
// So long before it is tried again, as others are at the same items.
Duration jitter(Prng& chance, std::uint32_t round);
inline constexpr std::uint32_t kRoundsMax = 8;

}  // namespace sluice::ingest::dynamo
