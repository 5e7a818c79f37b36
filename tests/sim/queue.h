// The hostile queue, like SQS at its worst: at least once, visibility, copies that come again while
// somebody holds them, no order, empty answers, calls applied whose answer is lost. Beside it one
// of SQS's FIFO queues: the messages of a group come in order, none behind one that somebody holds,
// and the receipt of a copy whose visibility has ended is worth nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ingest/queue.h"
#include "tests/sim/process.h"
#include "tests/sim/witness.h"

namespace sluice::sim {

class QueueFake {
 public:
  QueueFake(World& world, Witnesses& witnesses) : world_(world), witnesses_(witnesses) {}

  void put(wire::Offer message, const std::string& group = {});
  // At most so many copies, visible ones and now and then one that somebody has. What was posted is
  // given to the ingest whose door it came by: it alone has the parking that knows the name.
  std::vector<ingest::QueueCopy> receive(std::size_t most, const std::string& reader = {});
  // Of what was put into groups: several of one, in order.
  std::vector<ingest::QueueCopy> receive_in_order(std::size_t most);
  // Applies the call, unless its receipt is stale. Of rows that die one in eight is more than a
  // letter may have.
  ingest::QueueReply apply(const ingest::QueueCall& call);

  // For saboteurs: its copies are deleted.
  void lose(const std::string& identity);

  [[nodiscard]] std::size_t size() const { return lying_.size(); }

 private:
  struct Lying {
    wire::Offer message;
    std::string group;  // empty: it is in no order
    Instant visible;
    std::string receipt = {};  // of the last reception
    std::string door = {};     // of the ingest that has sent it; empty: others have
  };
  ingest::QueueCopy give(Lying& one);
  bool do_it(const ingest::QueueCall& call);

  World& world_;
  Witnesses& witnesses_;
  std::map<std::uint64_t, Lying> lying_;  // by the order in which they came
  std::uint64_t put_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace sluice::sim
