// One SQS queue that others fill: polls it while there is room, gives its messages to the core as
// copies, does what the core asks of them, and sends what the front door has taken, in batches. One
// thread, no waiting: answers come through the loop. What the API promises: "Amazon SQS API
// Reference", AWS.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "ingest/queue.h"
#include "ingest/sqs_message.h"
#include "ingest/sqs_opening.h"
#include "lib/aws/sqs_batches.h"
#include "lib/port/log.h"

namespace sluice::ingest {

struct SqsSettings {
  SqsNames names;
  SqsReading reading = {};
  std::uint32_t receives = 2;          // long polls at a time
  Duration wait = seconds(20);         // of a long poll
  Duration visibility = seconds(120);  // of what was received: the core's hold_visibility
};

class SqsSource {
 public:
  struct World {
    aws::Client& client;
    aws::Transport& clock;
    port::Log& log;
    std::function<std::size_t()> room;  // for how many more copies
    std::function<void(const QueueCopy&)> received;
    std::function<void(const QueueReply&)> answered;
  };
  struct Counts {
    std::uint64_t received = 0, malformed = 0, deleted = 0, dead = 0, set_visibility = 0;
    std::uint64_t failed = 0;            // of single entries and of whole calls
    std::uint64_t damaged = 0;           // came with other bytes than the queue has
    std::uint64_t sent = 0, unsent = 0;  // of the front door
  };

  // `mark` begins its receipts, so that several sources share one core. What the world has
  // outlives it, and it outlives the calls that it has made of the client.
  SqsSource(std::string mark, SqsSettings settings, World world);

  void start() { open(); }
  // Of a receipt of its own, or a row or a posted message of its own.
  void perform(const QueueCall& call);
  // What was asked for in a turn goes out; polls begin where there is room.
  void end_turn();
  // The settings were edited while it runs.
  void read_for(std::vector<Upstream> upstreams) {
    settings_.reading.upstreams = std::move(upstreams);
  }
  // Of a message in it, as far as that is known; 0: not yet.
  [[nodiscard]] std::size_t bytes_max() const { return found_.queue.bytes_max; }
  // Polls no more. What its last polls still bring goes back at once.
  void drain() { draining_ = true; }
  [[nodiscard]] bool idle() const;

  [[nodiscard]] const std::string& name() const { return settings_.reading.source; }
  // Why nothing is received; empty: it is.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Held {
    aws::sqs::Message message;
    wire::Offer offer;  // without its request
    Instant until;      // SQS gives it to others then, unless it was set anew
    std::optional<Refusal> malformed = {};
  };
  // Entries of the three kinds, on their way.
  struct Batches {
    aws::Batcher<std::string> deletes;
    aws::Batcher<aws::sqs::Visibility> visibilities;
    aws::Batcher<aws::sqs::Entry> dead;
    aws::Batcher<aws::sqs::Entry> posted;
    Batches(const World& world, const SqsFound& found);
  };
  using Fate = aws::Batcher<std::string>::Done;

  void open();
  void opened(const SqsFound& found);
  void fail(const std::string& operation, const aws::Refusal& refusal);
  void heal();
  [[nodiscard]] bool may_poll() const;
  void poll();
  void polled(const aws::Outcome& outcome);
  void take(aws::sqs::Message message);
  void give_back(const aws::sqs::Message& message);
  [[nodiscard]] bool is_damaged(const aws::sqs::Message& message);
  void refuse(const std::string& token, const Refusal& refusal);
  void bury_malformed(const std::string& token, const wire::Settled& why, std::uint64_t call_id);
  void sweep();
  void forget(const std::string& token);

  void remove(const std::string& token, std::uint64_t call_id);
  void bury(const aws::sqs::Message& message, const std::string& name, const SqsEpitaph& epitaph,
            Fate done);
  void send(const SendPosted& posted, std::uint64_t call_id);
  void sent(const aws::EntryFate& fate, std::uint64_t call_id);
  void bury_row(const BuryRow& dead, std::uint64_t call_id);
  [[nodiscard]] SqsEpitaph epitaph_of(const wire::Offer& offer, const wire::Settled& why) const;
  void ended(const aws::EntryFate& fate, std::uint64_t& count, std::uint64_t call_id);

  std::string mark_;
  SqsSettings settings_;
  World world_;
  SqsFound found_;
  std::unique_ptr<Batches> batches_;  // nothing: it was never open
  bool open_ = false;
  bool draining_ = false;
  std::size_t polls_ = 0;
  std::uint32_t failures_ = 0;        // in a row
  bool waits_ = false;                // to try again after one
  std::map<std::string, Held> held_;  // by token
  std::size_t held_bytes_ = 0;
  std::uint64_t tokens_ = 0;
  Instant swept_at_ = {};
  std::string trouble_;
  std::string refused_;  // why the last entry was not done
  std::string unsent_;   // ... of the front door's messages
  Counts counts_;
};

}  // namespace sluice::ingest
