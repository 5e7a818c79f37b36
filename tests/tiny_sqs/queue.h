// A queue of SQS in memory. Pure: time is an argument. It is as SQS may be, where SQS leaves that
// open: a receipt that is not the last one's deletes nothing, and says so to nobody.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/tiny_sqs/message.h"

namespace sluice::tiny_sqs {

struct Depth {
  std::size_t visible = 0;
  std::size_t in_flight = 0;
  std::size_t delayed = 0;
};

struct Rules {
  bool is_fifo = false;
  Duration retention = hours(96);
  std::uint32_t receives_max = 0;  // 0: nothing is dead-lettered
};

class Queue {
 public:
  using Bury = std::function<void(Message message)>;

  void set(const Rules& rules) { rules_ = rules; }
  [[nodiscard]] const Rules& rules() const { return rules_; }

  // The message, or in a FIFO queue the one that had its deduplication id within five minutes.
  const Message& send(std::uint64_t number, Letter letter, const Now& now);
  // What was moved here by RedrivePolicy.
  void add(Message message);
  // Up to `max`, each hidden for `visibility`; `bury` gets those that were received too often.
  struct Take {
    std::size_t max = 10;
    Duration visibility;
  };
  std::vector<const Message*> receive(const Take& take, const Now& now, const Bury& bury);
  // Both throw Fault: the receipt is none; of a FIFO queue, it has expired; for `hide`, nothing is
  // in flight by it.
  void remove(const std::string& receipt, const Now& now);
  void hide(const std::string& receipt, Duration visibility, const Now& now);

  // Makes visible what is due. True: something is visible.
  bool release(const Now& now);
  // When the next of what is hidden is due.
  [[nodiscard]] Instant due() const;
  [[nodiscard]] Depth depth() const;
  // So many are in flight that nothing is received.
  [[nodiscard]] bool is_full() const;

 private:
  struct Group {
    std::set<std::uint64_t> order;  // of all of it
    std::size_t hidden = 0;
  };
  // Null: it has been deleted, or received again since.
  Message* last_received(const std::string& receipt);
  Message& put(Message message);
  void erase(Message& message);
  void hide(Message& message, Instant until);
  void unhide(Message& message);
  void show(Message& message);
  std::vector<Message*> next(std::size_t max);
  std::vector<Message*> next_in_order(std::size_t max);

  Rules rules_;
  std::unordered_map<std::uint64_t, Message> messages_;
  std::deque<std::uint64_t> ready_;      // of a standard queue; what was deleted may still be in it
  std::map<std::string, Group> groups_;  // of a FIFO queue
  std::string turn_;                     // the group that was served last
  std::set<std::pair<Instant, std::uint64_t>> hidden_;
  std::size_t delayed_ = 0;  // of them
  std::size_t visible_ = 0;
  // By deduplication id, as they were sent; and until when.
  std::map<std::string, Message> known_;
  std::deque<std::pair<Instant, std::string>> known_until_;
};

}  // namespace sluice::tiny_sqs
