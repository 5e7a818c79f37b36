// A key's line: the head of its rows (and queue copies, while it has no rows), in order. A cache;
// what is under way is not in it (design 4.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "limiter/message.h"

namespace sluice::limiter {

class Line {
 public:
  void insert(Message& message);
  void erase(Message& message);

  [[nodiscard]] bool empty() const { return messages_.empty(); }
  [[nodiscard]] std::size_t size() const { return messages_.size(); }
  [[nodiscard]] Message* first() const { return empty() ? nullptr : *messages_.begin(); }
  // The last row, if there is any; else the last.
  [[nodiscard]] Message* last_row() const;
  [[nodiscard]] Message* last() const { return empty() ? nullptr : *messages_.rbegin(); }

  // The first in order that is ready at store time `low`, `skip` ready ones left out; when there is
  // none, the time at which one will be. Of those that go in order only the first one counts: what
  // is behind it waits for its end, whether it is ready or not.
  struct Next {
    Message* message = nullptr;
    StoreTime ready_at = StoreTime::never();
  };
  [[nodiscard]] Next next(StoreTime low, std::size_t skip = 0) const;

  // Nothing in the line expires before this (a lower bound, so that looking is cheap).
  [[nodiscard]] StoreTime expires_from() const { return expires_from_; }
  // Those that have expired at `low`; makes the bound exact.
  [[nodiscard]] std::vector<Message*> expired(StoreTime low);

  [[nodiscard]] const std::vector<Message*>& messages() const { return messages_; }
  [[nodiscard]] std::vector<Message*> queue_copies() const;
  // Rows of that parking store whose order is greater.
  [[nodiscard]] std::vector<Message*> rows_after(std::int64_t order, std::string_view store) const;
  [[nodiscard]] std::size_t position_of(const Message& message) const;
  // In order, those that stand before it.
  template <class Look>
  void each_before(const Message& message, Look look) const {
    for (const Message* other : messages_) {
      if (other == &message) return;
      look(*other);
    }
  }

 private:
  struct InOrder {
    bool operator()(const Message* a, const Message* b) const {
      if (a->order != b->order) return a->order < b->order;
      return a->offer.identity < b->offer.identity;
    }
  };
  // In order. Few of many lines hold more than a handful: a tree would cost each message a node.
  std::vector<Message*> messages_;
  StoreTime expires_from_ = StoreTime::never();
};

}  // namespace sluice::limiter
