#include "ingest/dead_queue.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace sluice::ingest {

namespace {

namespace sqs = aws::sqs;

constexpr Duration kPoll = seconds(1);  // long: a short one may miss what is there
// One batch at a time keeps the order of what is sent.
constexpr aws::BatcherConfig kSends{sqs::kBatchMax, sqs::kBatchBytesMax, milliseconds(10), 1};
constexpr aws::BatcherConfig kBatches{sqs::kBatchMax, sqs::kBatchBytesMax, milliseconds(10), 4};

Error trouble(const std::string& operation, const aws::Refusal& refusal) {
  return {Trouble::kUnavailable, operation + ": " + refusal.code + ": " + refusal.message};
}

aws::EntryFate too_large(std::size_t most) {
  aws::EntryFate fate{aws::EntryFate::How::kFailed};
  fate.code = "TooLarge";
  fate.message = "the queue takes " + std::to_string(most) + " bytes (MaximumMessageSize)";
  fate.is_senders = true;
  return fate;
}

}  // namespace

DeadQueue::DeadQueue(World world, SqsReading reading, SqsFound found)
    : world_(std::move(world)),
      reading_(std::move(reading)),
      found_(std::move(found)),
      sends_(world_.client, world_.clock, sqs::sends(found_.url), kSends),
      deletes_(world_.client, world_.clock, sqs::deletes(found_.dead_url), kBatches),
      visibilities_(world_.client, world_.clock, sqs::visibilities(found_.dead_url), kBatches) {}

Result<std::unique_ptr<DeadQueue>> DeadQueue::find(World world, const SqsSettings& queue) {
  std::optional<std::variant<SqsFound, SqsAway>> found;
  find_sqs_queue(world.client, queue.names,
                 [&](const std::variant<SqsFound, SqsAway>& said) { found = said; });
  while (!found && !world.stopped()) world.sleep(world.clock.now() + seconds(1));
  if (!found) return Error{Trouble::kUnavailable, "stopped by a signal"};
  if (const auto* away = std::get_if<SqsAway>(&*found)) return trouble(away->operation, away->why);
  return std::unique_ptr<DeadQueue>(
      new DeadQueue(std::move(world), queue.reading, std::move(std::get<SqsFound>(*found))));
}

Result<std::vector<SqsDeadLetter>> DeadQueue::receive(std::size_t most, Duration hidden_for) {
  const auto count = static_cast<std::uint32_t>(std::min(most, sqs::kBatchMax));
  std::optional<aws::Reply<std::vector<sqs::Message>>> reply;
  world_.client.call(
      sqs::receive_message({found_.dead_url, count, kPoll, hidden_for, {"All"}}),
      [&](const aws::Outcome& outcome) { reply.emplace(sqs::read_received(outcome)); });
  while (!reply) world_.sleep(now() + seconds(1));
  if (!*reply) return trouble("ReceiveMessage", reply->refusal());
  std::vector<SqsDeadLetter> letters;
  for (const sqs::Message& message : **reply) {
    letters.push_back(read_sqs_dead_letter(message, reading_));
  }
  return letters;
}

template <class Entry>
DeadQueue::Fates DeadQueue::each(aws::Batcher<Entry>& batcher, std::vector<Entry> entries) {
  Fates fates(entries.size());
  std::size_t ended = 0;
  for (std::size_t at = 0; at < entries.size(); ++at) {
    batcher.add(std::move(entries[at]), [&fates, &ended, at](const aws::EntryFate& fate) {
      fates[at] = fate;
      ++ended;
    });
  }
  batcher.flush();
  while (ended < fates.size()) world_.sleep(now() + seconds(1));
  return fates;
}

DeadQueue::Fates DeadQueue::send(const Letters& letters, std::int32_t priority) {
  const std::size_t bytes_max = found_.queue.bytes_max;
  Fates fates(letters.size());
  std::vector<sqs::Entry> entries;
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at < letters.size(); ++at) {
    sqs::Entry entry = sqs_replay(*letters[at], priority);
    if (found_.queue.is_fifo) entry.deduplication_id = letters[at]->message.id;
    if (bytes_max != 0 && sqs::bytes_of(entry) > bytes_max) {
      fates[at] = too_large(bytes_max);
      continue;
    }
    entries.push_back(std::move(entry));
    places.push_back(at);
  }
  const Fates sent = each(sends_, std::move(entries));
  for (std::size_t n = 0; n < sent.size(); ++n) fates[places[n]] = sent[n];
  return fates;
}

DeadQueue::Fates DeadQueue::remove(const Letters& letters) {
  std::vector<std::string> receipts;
  for (const SqsDeadLetter* letter : letters) receipts.push_back(letter->message.receipt);
  return each(deletes_, std::move(receipts));
}

DeadQueue::Fates DeadQueue::hide(const std::vector<std::string>& receipts, Duration wait) {
  std::vector<sqs::Visibility> entries;
  for (const std::string& receipt : receipts) entries.push_back({receipt, wait});
  return each(visibilities_, std::move(entries));
}

void DeadQueue::sleep(Instant until) {
  while (now() < until && !stopped()) world_.sleep(until);
}

}  // namespace sluice::ingest
