#include "tests/tiny_sqs/queue.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "lib/digest/md5.h"
#include "tests/tiny_sqs/fault.h"

namespace sluice::tiny_sqs {

namespace {

constexpr std::size_t kInFlightMax = 120'000;
constexpr Duration kNamesLive = minutes(5);

std::string id_of(std::uint64_t number) {
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "00000000-0000-4000-8000-%012llx",
                static_cast<unsigned long long>(number));
  return text.data();
}

struct Receipt {
  std::uint64_t number = 0;
  std::uint32_t receives = 0;
};
Receipt read_receipt(const std::string& text) {
  Receipt receipt;
  const char* const end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, receipt.number);
  if (number.ec == std::errc{} && number.ptr != end && *number.ptr == '-') {
    const auto receives = std::from_chars(number.ptr + 1, end, receipt.receives);
    if (receives.ec == std::errc{} && receives.ptr == end) return receipt;
  }
  throw Fault{"ReceiptHandleIsInvalid", "The receipt handle is none"};
}

}  // namespace

std::string receipt_of(const Message& message) {
  return std::to_string(message.number) + "-" + std::to_string(message.receives);
}

std::string sequence_of(const Message& message) {
  constexpr std::size_t kDigits = 20;
  const std::string number = std::to_string(message.number);
  return std::string(kDigits - number.size(), '0') + number;
}

const Message& Queue::send(std::uint64_t number, Letter letter, const Now& now) {
  for (; !known_until_.empty() && known_until_.front().first <= now.steady;
       known_until_.pop_front()) {
    known_.erase(known_until_.front().second);
  }
  if (rules_.is_fifo) {
    const auto known = known_.find(letter.deduplication_id);
    if (known != known_.end()) return known->second;
  }
  Message message{number, id_of(number), std::move(letter), {}, now.wall};
  message.md5 = md5().hex(message.letter.body);
  if (rules_.is_fifo) {
    known_[message.letter.deduplication_id] = message;
    known_until_.emplace_back(now.steady + kNamesLive, message.letter.deduplication_id);
  }
  Message& there = put(std::move(message));
  if (there.letter.delay > Duration{}) {
    hide(there, now.steady + there.letter.delay);
    ++delayed_;
  }
  return there;
}

void Queue::add(Message message) { put(std::move(message)); }

Message& Queue::put(Message message) {
  const std::uint64_t number = message.number;
  ++visible_;
  if (rules_.is_fifo) {
    groups_[message.letter.group].order.insert(number);
  } else {
    ready_.push_back(number);
  }
  return messages_.insert_or_assign(number, std::move(message)).first->second;
}

void Queue::erase(Message& message) {
  if (message.hidden) unhide(message);
  --visible_;
  if (rules_.is_fifo) {
    const auto group = groups_.find(message.letter.group);
    group->second.order.erase(message.number);
    if (group->second.order.empty()) groups_.erase(group);
  }
  messages_.erase(message.number);
}

void Queue::hide(Message& message, Instant until) {
  message.hidden = true;
  message.visible_at = until;
  hidden_.emplace(until, message.number);
  --visible_;
  if (rules_.is_fifo) ++groups_[message.letter.group].hidden;
}

void Queue::unhide(Message& message) {
  message.hidden = false;
  hidden_.erase({message.visible_at, message.number});
  ++visible_;
  if (message.receives == 0) --delayed_;
  if (rules_.is_fifo) --groups_[message.letter.group].hidden;
}

void Queue::show(Message& message) {
  unhide(message);
  if (!rules_.is_fifo) ready_.push_back(message.number);
}

bool Queue::release(const Now& now) {
  while (!hidden_.empty() && hidden_.begin()->first <= now.steady) {
    show(messages_.at(hidden_.begin()->second));
  }
  return visible_ > 0;
}

Instant Queue::due() const { return hidden_.empty() ? Instant::never() : hidden_.begin()->first; }

bool Queue::is_full() const { return hidden_.size() - delayed_ >= kInFlightMax; }

Depth Queue::depth() const { return {visible_, hidden_.size() - delayed_, delayed_}; }

// Of a standard queue; what was deleted or is hidden by now has only left its number.
std::vector<Message*> Queue::next(std::size_t max) {
  std::vector<Message*> found;
  for (; found.size() < max && !ready_.empty(); ready_.pop_front()) {
    const auto there = messages_.find(ready_.front());
    if (there != messages_.end() && !there->second.hidden) found.push_back(&there->second);
  }
  return found;
}

// As many of a group as there are; of none that has one in flight.
std::vector<Message*> Queue::next_in_order(std::size_t max) {
  std::vector<Message*> found;
  auto group = groups_.upper_bound(turn_);
  for (std::size_t looked = 0; looked < groups_.size() && found.size() < max; ++looked, ++group) {
    if (group == groups_.end()) group = groups_.begin();
    if (group->second.hidden > 0) continue;
    turn_ = group->first;
    for (const std::uint64_t number : group->second.order) {
      if (found.size() < max) found.push_back(&messages_.at(number));
    }
  }
  return found;
}

std::vector<const Message*> Queue::receive(const Take& take, const Now& now, const Bury& bury) {
  release(now);
  if (is_full()) return {};
  std::vector<const Message*> got;
  while (got.size() < take.max) {
    const std::size_t room = take.max - got.size();
    const auto some = rules_.is_fifo ? next_in_order(room) : next(room);
    if (some.empty()) break;
    for (Message* message : some) {
      if (now.wall - message->sent > rules_.retention) {
        erase(*message);
      } else if (rules_.receives_max > 0 && message->receives >= rules_.receives_max) {
        Message dead = *message;
        erase(*message);
        bury(std::move(dead));
      } else {
        if (++message->receives == 1) message->first_received = now.wall;
        hide(*message, now.steady + take.visibility);
        got.push_back(message);
      }
    }
  }
  return got;
}

Message* Queue::last_received(const std::string& receipt) {
  const Receipt read = read_receipt(receipt);
  const auto found = messages_.find(read.number);
  if (found == messages_.end() || found->second.receives != read.receives) return nullptr;
  return &found->second;
}

void Queue::remove(const std::string& receipt, const Now& now) {
  Message* const message = last_received(receipt);
  if (message == nullptr) return;
  if (rules_.is_fifo && (!message->hidden || message->visible_at <= now.steady)) {
    throw Fault{"InvalidParameterValue", "The receipt handle has expired"};
  }
  erase(*message);
}

void Queue::hide(const std::string& receipt, Duration visibility, const Now& now) {
  Message* const message = last_received(receipt);
  if (message == nullptr || !message->hidden || message->visible_at <= now.steady) {
    throw Fault{"MessageNotInflight", "It is not in flight"};
  }
  show(*message);
  if (visibility > Duration{}) hide(*message, now.steady + visibility);
}

}  // namespace sluice::tiny_sqs
