// A stage that is small enough to be known right: takes copies from a queue, sends each by HTTP
// until it was delivered, and only then deletes it. Proves the simulated world itself.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <variant>

#include "dispatcher/core.h"
#include "ingest/queue.h"
#include "lib/base/outbox.h"
#include "lib/stage/core.h"
#include "lib/wire/peer.h"

namespace sluice::sim {

struct ToyDone {
  wire::Attempt attempt;
  bool delivered = false;
};

class ToyCore {
 public:
  using Work = std::variant<ingest::QueueCopy>;
  using Reply = std::variant<ToyDone>;
  using Effect = std::variant<dispatcher::StartHttp, ingest::DeleteCopy>;

  void accept(const Work& work, Instant, Outbox<Effect>& out) {
    const auto& copy = std::get<ingest::QueueCopy>(work);
    Held& held = held_[copy.message.identity];
    const bool known = !held.receipt.empty();
    held.receipt = copy.receipt;
    if (!known) send(copy, ++held.serial, out);
  }
  void complete(const Reply& reply, Instant, Outbox<Effect>& out) {
    const auto& done = std::get<ToyDone>(reply);
    const auto at = held_.find(done.attempt.identity);
    if (at == held_.end()) return;
    // What failed comes again from the queue, when its visibility ends.
    if (done.delivered) out.push(ingest::DeleteCopy{at->second.receipt});
    held_.erase(at);
  }
  void tick(Instant, Outbox<Effect>&) {}
  [[nodiscard]] std::size_t room() const { return held_.size() < kHeldMax ? 1 : 0; }
  [[nodiscard]] Instant deadline() const { return Instant::never(); }
  [[nodiscard]] bool idle() const { return held_.empty(); }
  [[nodiscard]] std::size_t effects_max() const { return 1; }

 private:
  static constexpr std::size_t kHeldMax = 20;
  struct Held {
    std::string receipt;
    std::uint32_t serial = 0;
  };
  // The traceparent says which copy it was, for saboteurs.
  static void send(const ingest::QueueCopy& copy, std::uint32_t serial, Outbox<Effect>& out) {
    const wire::Offer& message = copy.message;
    out.push(dispatcher::StartHttp{{message.identity, serial},
                                   message.upstream,
                                   message.key,
                                   message.request,
                                   message.id,
                                   copy.receipt,
                                   {}});
  }
  std::map<std::string, Held> held_;
};
static_assert(Core<ToyCore>);

}  // namespace sluice::sim
