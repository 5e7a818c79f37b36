// The dead-letter queue of a [[queue]], for a person at a terminal: each call waits for its answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ingest/sqs_dead_letter.h"
#include "ingest/sqs_source.h"
#include "lib/aws/session.h"

namespace sluice::ingest {

class DeadQueue {
 public:
  // Of which queue; kUnavailable says what SQS said.
  static Result<std::unique_ptr<DeadQueue>> open(const aws::SessionSettings& aws,
                                                 const SqsSettings& queue);

  // All that is to be had, at most so many, each once; nobody else sees them for so long. One that
  // is not as SQS has it is left out, and counted.
  Result<std::vector<SqsDeadLetter>> receive(std::size_t most, Duration hidden_for);
  // Each of these says of which letters it was not done, by their ids in the queue. Ten at most.
  using Letters = std::vector<const SqsDeadLetter*>;
  Result<std::vector<std::string>> replay(const Letters& letters, std::int32_t priority);
  Result<std::vector<std::string>> remove(const Letters& letters);
  Result<std::vector<std::string>> give_back(const Letters& letters);

  [[nodiscard]] std::size_t damaged() const { return damaged_; }

  void sleep(Duration wait);
  [[nodiscard]] const std::string& url() const { return found_.dead_url; }

 private:
  DeadQueue() = default;
  template <class T>
  Result<T> call(const aws::Request& request, const char* operation,
                 const std::function<aws::Reply<T>(const aws::Outcome&)>& read);
  Result<std::vector<aws::EntryFate>> batch(const aws::BatchCall& batch, const char* operation);

  port::Poller poller_;
  SqsReading reading_;
  SqsFound found_;
  std::size_t damaged_ = 0;
  std::unique_ptr<aws::Session> session_;
};

}  // namespace sluice::ingest
