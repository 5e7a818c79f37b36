#include "ingest/dead_queue.h"

#include <set>
#include <utility>

#include "ingest/uses.h"

namespace sluice::ingest {

namespace {

namespace sqs = aws::sqs;

constexpr Duration kPoll = seconds(1);  // long: a short one may miss what is there
constexpr int kEmptyPolls = 2;          // in a row: that was all

Error trouble(const std::string& operation, const aws::Refusal& refusal) {
  return {Trouble::kUnavailable, operation + ": " + refusal.code + ": " + refusal.message};
}

std::vector<std::string> receipts_of(const DeadQueue::Letters& letters) {
  std::vector<std::string> receipts;
  for (const SqsDeadLetter* letter : letters) receipts.push_back(letter->message.receipt);
  return receipts;
}

std::vector<std::string> undone(const DeadQueue::Letters& letters,
                                const std::vector<aws::EntryFate>& fates) {
  std::vector<std::string> ids;
  for (std::size_t at = 0; at < letters.size(); ++at) {
    if (fates[at].how != aws::EntryFate::How::kDone) ids.push_back(letters[at]->message.id);
  }
  return ids;
}

}  // namespace

template <class T>
Result<T> DeadQueue::call(const aws::Request& request, const char* operation,
                          const std::function<aws::Reply<T>(const aws::Outcome&)>& read) {
  std::optional<aws::Reply<T>> reply;
  session_->client().call(request,
                          [&](const aws::Outcome& outcome) { reply.emplace(read(outcome)); });
  while (!reply) poller_.poll(poller_.now() + seconds(1));
  if (!*reply) return trouble(operation, reply->refusal());
  return **reply;
}

Result<std::vector<aws::EntryFate>> DeadQueue::batch(const aws::BatchCall& batch,
                                                     const char* operation) {
  return call<std::vector<aws::EntryFate>>(batch.request, operation, batch.read);
}

Result<std::unique_ptr<DeadQueue>> DeadQueue::open(const aws::SessionSettings& aws,
                                                   const SqsSettings& queue) {
  std::unique_ptr<DeadQueue> made(new DeadQueue);
  made->reading_ = queue.reading;
  auto session = aws::Session::open(made->poller_, aws, kDeadQueueUses);
  if (!session) return session.error();
  made->session_ = std::move(*session);
  std::optional<std::variant<SqsFound, SqsAway>> found;
  find_sqs_queue(made->session_->client(), queue.names,
                 [&](const std::variant<SqsFound, SqsAway>& said) { found = said; });
  while (!found) made->poller_.poll(made->poller_.now() + seconds(1));
  if (const auto* away = std::get_if<SqsAway>(&*found)) return trouble(away->operation, away->why);
  made->found_ = std::get<SqsFound>(*found);
  return made;
}

Result<std::vector<SqsDeadLetter>> DeadQueue::receive(std::size_t most, Duration hidden_for) {
  std::vector<SqsDeadLetter> letters;
  std::set<std::string> seen;
  const sqs::Receive what{found_.dead_url, sqs::kBatchMax, kPoll, hidden_for, {"All"}};
  for (int empty = 0; empty < kEmptyPolls && letters.size() < most;) {
    auto received = call<std::vector<sqs::Message>>(sqs::receive_message(what), "ReceiveMessage",
                                                    sqs::read_received);
    if (!received) return received.error();
    bool is_new = false;
    for (const sqs::Message& message : *received) {
      if (!seen.insert(message.id).second) continue;
      is_new = true;
      if (!message.damage.empty()) {
        ++damaged_;
        continue;
      }
      letters.push_back(read_sqs_dead_letter(message, reading_));
    }
    empty = is_new ? 0 : empty + 1;
  }
  return letters;
}

Result<std::vector<std::string>> DeadQueue::replay(const Letters& letters, std::int32_t priority) {
  std::vector<sqs::Entry> entries;
  for (const SqsDeadLetter* letter : letters) {
    entries.push_back(sqs_replay(*letter, priority));
    if (found_.queue.is_fifo) entries.back().deduplication_id = letter->message.id;
  }
  auto sent = batch(sqs::sending(found_.url, entries), "SendMessageBatch");
  if (!sent) return sent.error();
  Letters done;
  for (std::size_t at = 0; at < letters.size(); ++at) {
    if ((*sent)[at].how == aws::EntryFate::How::kDone) done.push_back(letters[at]);
  }
  // What is sent and stays is sent again by a repeat, as the same message: it goes once.
  if (auto removed = remove(done); !removed) return removed.error();
  return undone(letters, *sent);
}

Result<std::vector<std::string>> DeadQueue::remove(const Letters& letters) {
  if (letters.empty()) return std::vector<std::string>();
  const auto done =
      batch(sqs::deletes(found_.dead_url).call(receipts_of(letters)), "DeleteMessageBatch");
  if (!done) return done.error();
  return undone(letters, *done);
}

Result<std::vector<std::string>> DeadQueue::give_back(const Letters& letters) {
  std::vector<sqs::Visibility> entries;
  for (const std::string& receipt : receipts_of(letters)) entries.push_back({receipt, Duration{}});
  if (entries.empty()) return std::vector<std::string>();
  const auto done =
      batch(sqs::visibilities(found_.dead_url).call(entries), "ChangeMessageVisibilityBatch");
  if (!done) return done.error();
  return undone(letters, *done);
}

void DeadQueue::sleep(Duration wait) {
  const Instant until = poller_.now() + wait;
  while (poller_.now() < until) poller_.poll(until);
}

}  // namespace sluice::ingest
