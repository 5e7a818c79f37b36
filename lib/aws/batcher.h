// Entries of one kind on their way together: a batch goes when it is full, or so long after its
// first entry came, and no more than a few at a time: what comes meanwhile fills the next. Each
// entry is told its own fate. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "lib/aws/batch.h"
#include "lib/aws/client.h"
#include "lib/aws/reply.h"
#include "lib/base/instant.h"

namespace sluice::aws {

struct BatcherConfig {
  std::size_t entries_max = 10;
  std::size_t bytes_max = 256UL * 1024;
  Duration linger = milliseconds(10);
  std::size_t under_way_max = 8;  // batches
};

// What a kind of batch is.
template <class Entry>
struct BatchKind {
  std::function<BatchCall(const std::vector<Entry>&)> call;
  std::function<std::size_t(const Entry&)> bytes;
};

template <class Entry>
class Batcher {
 public:
  // A batch that failed as a whole: of each entry kFailed, or kUnsaid where it may be done.
  using Done = std::function<void(const EntryFate&)>;

  // What it is given outlives it; it may go while batches are under way, whose entries are not
  // answered.
  Batcher(Client& client, Transport& world, BatchKind<Entry> kind, BatcherConfig config)
      : client_(client), world_(world), kind_(std::move(kind)), config_(config) {}
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // Calls `done` once. Takes whatever comes: waiting() is what the caller holds back by.
  void add(Entry entry, Done done) {
    const std::size_t bytes = kind_.bytes(entry);
    waiting_.push_back({std::move(entry), std::move(done), bytes, world_.now()});
    bytes_ += bytes;
    send();
  }
  // Sends what waits as soon as it may, whatever its age.
  void flush() {
    flushed_ = true;
    send();
  }

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t under_way() const { return under_way_; }

 private:
  struct Waiting {
    Entry entry;
    Done done;
    std::size_t bytes;
    Instant since;
  };

  [[nodiscard]] bool is_due() const {
    if (waiting_.empty() || under_way_ >= config_.under_way_max) return false;
    const bool full = waiting_.size() >= config_.entries_max || bytes_ >= config_.bytes_max;
    return full || flushed_ || world_.now() - waiting_.front().since >= config_.linger;
  }
  void send() {
    while (is_due()) send_one();
    flushed_ = flushed_ && !waiting_.empty();
    // What waits for those under way is sent when one of them ends.
    const bool for_time = !waiting_.empty() && under_way_ < config_.under_way_max;
    if (for_time && !std::exchange(timer_, true)) wait();
  }
  // One entry at least, however large it is: the service says what it thinks of it.
  void send_one() {
    std::vector<Entry> entries;
    auto dones = std::make_shared<std::vector<Done>>();
    for (std::size_t bytes = 0; !waiting_.empty() && entries.size() < config_.entries_max;) {
      Waiting& next = waiting_.front();
      bytes += next.bytes;
      if (!entries.empty() && bytes > config_.bytes_max) break;
      entries.push_back(std::move(next.entry));
      dones->push_back(std::move(next.done));
      bytes_ -= next.bytes;
      waiting_.pop_front();
    }
    ++under_way_;
    const auto here = std::weak_ptr<bool>(here_);
    BatchCall call = kind_.call(entries);
    client_.call(std::move(call.request),
                 [this, here, dones, read = std::move(call.read)](const Outcome& outcome) {
                   if (!here.expired()) ended(read(outcome), *dones, here);
                 });
  }
  void ended(const Reply<std::vector<EntryFate>>& fates, const std::vector<Done>& dones,
             const std::weak_ptr<bool>& here) {
    --under_way_;
    for (std::size_t i = 0; i < dones.size(); ++i) {
      dones[i](fates.ok() ? (*fates)[i] : fate_of(fates.refusal()));
      if (here.expired()) return;
    }
    send();
  }
  static EntryFate fate_of(const Refusal& why) {
    EntryFate fate{why.may_be_done ? EntryFate::How::kUnsaid : EntryFate::How::kFailed};
    fate.code = why.code;
    fate.message = why.message;
    fate.is_senders = why.kind == FaultKind::kRefused;
    fate.is_whole = true;
    return fate;
  }
  // Until the first that waits is old enough.
  void wait() {
    const Duration left = waiting_.front().since + config_.linger - world_.now();
    const auto here = std::weak_ptr<bool>(here_);
    world_.after(std::max(left, Duration{}), [this, here] {
      if (here.expired()) return;
      timer_ = false;
      send();
    });
  }

  Client& client_;
  Transport& world_;
  BatchKind<Entry> kind_;
  BatcherConfig config_;
  std::deque<Waiting> waiting_;
  std::size_t bytes_ = 0;  // of what waits
  std::size_t under_way_ = 0;
  bool timer_ = false;
  bool flushed_ = false;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace sluice::aws
