// The dead-letter queue of a [[queue]], for a person at a terminal: each call waits for its answer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ingest/sqs_dead_letter.h"
#include "ingest/sqs_source.h"

namespace sluice::ingest {

class DeadQueue {
 public:
  // Outlives it.
  struct World {
    aws::Client& client;
    aws::Transport& clock;
    std::function<void(Instant until)> sleep;  // returns early when something has come
    std::function<bool()> stopped;             // nothing more is wanted
  };
  // kUnavailable says what SQS said.
  static Result<std::unique_ptr<DeadQueue>> find(World world, const SqsSettings& queue);

  // What one long poll brings; nobody else sees it for so long.
  Result<std::vector<SqsDeadLetter>> receive(std::size_t most, Duration hidden_for);

  // Each of these says of each letter how it ended, in their order.
  using Letters = std::vector<const SqsDeadLetter*>;
  using Fates = std::vector<aws::EntryFate>;
  // To the queue; what it cannot hold is not sent.
  Fates send(const Letters& letters, std::int32_t priority);
  Fates remove(const Letters& letters);
  Fates hide(const std::vector<std::string>& receipts, Duration wait);

  // Until then, or nothing more is wanted.
  void sleep(Instant until);
  [[nodiscard]] Instant now() const { return world_.clock.now(); }
  [[nodiscard]] StoreTime wall() const { return world_.clock.wall(); }
  [[nodiscard]] bool stopped() const { return world_.stopped(); }
  [[nodiscard]] const std::string& url() const { return found_.dead_url; }

 private:
  DeadQueue(World world, SqsReading reading, SqsFound found);
  template <class Entry>
  Fates each(aws::Batcher<Entry>& batcher, std::vector<Entry> entries);

  World world_;
  SqsReading reading_;
  SqsFound found_;
  aws::Batcher<aws::sqs::Entry> sends_;
  aws::Batcher<std::string> deletes_;
  aws::Batcher<aws::sqs::Visibility> visibilities_;
};

}  // namespace sluice::ingest
