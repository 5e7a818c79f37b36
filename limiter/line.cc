#include "limiter/line.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"

namespace sluice::limiter {

void Line::insert(Message& message) {
  message.state = State::kWaiting;
  const auto place = std::lower_bound(messages_.begin(), messages_.end(), &message, InOrder{});
  CHECK(place == messages_.end() || *place != &message);
  messages_.insert(place, &message);
  expires_from_ = std::min(expires_from_, message.offer.expires_at);
}

void Line::erase(Message& message) {
  const auto place = std::lower_bound(messages_.begin(), messages_.end(), &message, InOrder{});
  CHECK(place != messages_.end() && *place == &message);
  messages_.erase(place);
  if (!messages_.empty()) return;
  expires_from_ = StoreTime::never();
  messages_.shrink_to_fit();
}

Line::Next Line::next(StoreTime low, std::size_t skip) const {
  Next next;
  bool waits_for_one = false;
  for (Message* message : messages_) {
    if (message->offer.in_order && std::exchange(waits_for_one, true)) continue;
    if (message->ready_at > low) {
      next.ready_at = std::min(next.ready_at, message->ready_at);
    } else if (skip == 0) {
      next.message = message;
      return next;
    } else {
      --skip;
    }
  }
  return next;
}

std::vector<Message*> Line::expired(StoreTime low) {
  std::vector<Message*> over;
  expires_from_ = StoreTime::never();
  for (Message* message : messages_) {
    if (message->offer.expires_at <= low) {
      over.push_back(message);
    } else {
      expires_from_ = std::min(expires_from_, message->offer.expires_at);
    }
  }
  return over;
}

std::vector<Message*> Line::queue_copies() const {
  std::vector<Message*> copies;
  for (Message* message : messages_) {
    if (message->offer.origin == wire::Origin::kQueueCopy) copies.push_back(message);
  }
  return copies;
}

std::vector<Message*> Line::rows_after(std::int64_t order, std::string_view store) const {
  std::vector<Message*> rows;
  for (Message* message : messages_) {
    if (message->offer.origin != wire::Origin::kRow || message->order <= order) continue;
    if (message->offer.letter.store() == store) rows.push_back(message);
  }
  return rows;
}

Message* Line::last_row() const {
  const auto row = std::find_if(messages_.rbegin(), messages_.rend(), [](const Message* message) {
    return message->offer.origin == wire::Origin::kRow;
  });
  return row == messages_.rend() ? last() : *row;
}

std::size_t Line::position_of(const Message& message) const {
  std::size_t before = 0;
  for (const Message* other : messages_) {
    if (other == &message) break;
    ++before;
  }
  return before;
}

}  // namespace sluice::limiter
