// One SQS queue that others fill: polls it while there is room, gives its messages to the core as
// copies, and does what the core asks of them, in batches. One thread, no waiting: answers come
// through the loop. What the API promises: "Amazon SQS API Reference", AWS.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ingest/queue.h"
#include "ingest/sqs_message.h"
#include "lib/aws/client.h"
#include "lib/port/log.h"

namespace sluice::ingest {

struct SqsSettings {
  std::string queue;              // its name, or its URL
  std::string dead_letter_queue;  // a name; empty: the RedrivePolicy's
  SqsReading reading = {};
  std::uint32_t receives = 2;          // long polls at a time
  Duration wait = seconds(20);         // of a long poll
  Duration visibility = seconds(120);  // of what was received: the core's hold_visibility
};
// The last part of a queue's URL.
std::string sqs_queue_name(const std::string& name_or_url);

class SqsSource {
 public:
  struct World {
    std::function<void(aws::Request, aws::Client::Done)> call;
    port::Log& log;
    std::function<Instant()> now;
    std::function<StoreTime()> wall;
    std::function<void(Duration, std::function<void()>)> after;
    std::function<std::size_t()> room;  // for how many more copies
    std::function<void(const QueueCopy&)> received;
    std::function<void(const QueueReply&)> answered;
  };
  struct Counts {
    std::uint64_t received = 0, malformed = 0, deleted = 0, dead = 0, set_visibility = 0;
    std::uint64_t failed = 0;  // of single entries and of whole calls
  };

  // `mark` begins its receipts, so that several sources share one core.
  SqsSource(std::string mark, SqsSettings settings, World world);

  void start();
  // Of a receipt of its own.
  void perform(const QueueCall& call);
  // What was asked for in a turn goes out; polls begin where there is room.
  void end_turn();
  // Polls no more. What its last polls still bring goes back at once.
  void drain() { draining_ = true; }
  [[nodiscard]] bool idle() const;

  [[nodiscard]] const std::string& mark() const { return mark_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // Why nothing is received; empty: it is.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Held {
    aws::sqs::Message message;
    wire::Offer offer;  // without its request
    Instant until;      // SQS gives it to others then, unless it was set anew
  };
  // A call of the core's, or our own (number 0), about one reception.
  struct Asked {
    std::uint64_t call_id = 0;
    std::string token;
    Duration visibility = {};
    std::string epitaph = {};
  };
  enum Lane : std::uint8_t { kDelete, kVisibility, kDead, kLanes };
  struct Waiting {
    std::deque<Asked> asked;
    std::size_t under_way = 0;
  };
  using Batch = std::vector<Asked>;

  void open();
  void look();
  void find_dead_letters();
  void opened();
  void fail(const char* operation, const aws::Refusal& refusal);
  void say_what_is_unsafe(const aws::sqs::QueueAttributes& dead);
  void heal();

  void poll();
  void polled(const aws::Outcome& outcome);
  void take(aws::sqs::Message message);
  void refuse(const std::string& token, const Refusal& refusal);
  void sweep();

  void send(Lane lane);
  [[nodiscard]] Batch next_batch(Waiting& from) const;
  [[nodiscard]] aws::Request request_for(Lane lane, const Batch& batch) const;
  void sent(Lane lane, const Batch& batch, const aws::Outcome& outcome);
  void ended(Lane lane, const Asked& asked, bool done);
  void forget(const std::string& token);

  std::string mark_;
  std::string name_;
  SqsSettings settings_;
  World world_;
  std::string url_;
  std::string dead_url_;
  aws::sqs::QueueAttributes queue_;
  std::size_t dead_bytes_max_ = 0;
  bool open_ = false;
  bool draining_ = false;
  std::size_t polls_ = 0;
  std::uint32_t failures_ = 0;        // in a row
  bool waits_ = false;                // to try again after one
  std::map<std::string, Held> held_;  // by token
  std::size_t held_bytes_ = 0;
  std::uint64_t tokens_ = 0;
  std::array<Waiting, kLanes> lanes_;
  Instant swept_at_ = {};
  std::string trouble_;
  Counts counts_;
};

}  // namespace sluice::ingest
