// Ingest's core: costs. Each goes to the auditor that its event id belongs to and is answered when
// it is durable there. The auditor books an event id once, so a producer may always ask again.
#include <algorithm>
#include <utility>

#include "ingest/core.h"
#include "ingest/rendezvous.h"
#include "lib/base/mark.h"

namespace sluice::ingest {

namespace {

constexpr Duration kRetry = seconds(1);

// Two contents of one event id are two bookings: the auditor says which of them is booked, and an
// answer is taken only for the content that it names.
std::string booking_of(const std::string& event_id, const std::string& content_hash) {
  return content_hash + event_id;
}

}  // namespace

void IngestCore::submit_cost(const SubmitCost& submitted, const Turn& turn) {
  const wire::Cost& cost = submitted.cost;
  if (auditors_.empty()) {
    MARK("ingest: a cost without an auditor");
    return respond(submitted.request_id, Unavailable{"no auditor is connected", kRetry}, turn);
  }
  if (room() == 0) {
    return respond(submitted.request_id, Unavailable{"too many requests at once", kRetry}, turn);
  }
  const std::string name = booking_of(cost.event_id, cost.content_hash);
  at(turn.now + config_.cost_wait, Due::kCost, submitted.request_id, name);
  const auto [open, fresh] = bookings_.try_emplace(name);
  Booking& booking = open->second;
  if (fresh) booking.cost = cost;
  booking.requests.push_back(submitted.request_id);
  // Who joins is answered with the first one. But an auditor without room answers nothing: what is
  // asked again and again is said again.
  const bool said = auditors_.contains(booking.sent_to) && turn.now < booking.sent_at + kRetry;
  if (fresh || !said) send_cost(booking, turn);
}

void IngestCore::send_costs_again(const Turn& turn) {
  for (auto& [name, booking] : bookings_) {
    if (auditors_.contains(booking.sent_to)) continue;
    MARK("ingest: a cost is said again to another auditor");
    send_cost(booking, turn);
  }
}

const wire::PeerUp* IngestCore::auditor_of(const std::string& name) const {
  const wire::PeerUp* best = nullptr;
  std::uint64_t best_score = 0;
  for (const auto& [peer, up] : auditors_) {
    const std::uint64_t score = rendezvous_score(up.instance, name);
    if (best == nullptr || score >= best_score) {
      best = &up;
      best_score = score;
    }
  }
  return best;
}

void IngestCore::send_cost(Booking& booking, const Turn& turn) {
  const wire::PeerUp* best = auditor_of(booking.cost.event_id);
  if (best == nullptr) return;
  booking.sent_to = best->peer;
  booking.sent_at = turn.now;
  turn.out.push(wire::Send{best->peer, booking.cost});
}

void IngestCore::recorded(const wire::Recorded& recorded, const Turn& turn) {
  const auto open = bookings_.extract(booking_of(recorded.event_id, recorded.content_hash));
  if (open.empty()) return;
  const bool refused = recorded.written == wire::Written::kRefused;
  for (const std::uint64_t request_id : open.mapped().requests) {
    ++(refused ? counts_.costs_refused : counts_.costs_booked);
    if (refused) {
      MARK("ingest: a cost is refused");
      respond(request_id, CostRefused{recorded.error}, turn);
    } else {
      respond(request_id, CostBooked{recorded.written == wire::Written::kBefore}, turn);
    }
  }
}

void IngestCore::cost_late(const std::string& booking, std::uint64_t request_id, const Turn& turn) {
  const auto open = bookings_.find(booking);
  if (open == bookings_.end()) return;
  std::vector<std::uint64_t>& requests = open->second.requests;
  const auto waiting = std::find(requests.begin(), requests.end(), request_id);
  if (waiting == requests.end()) return;
  requests.erase(waiting);
  if (requests.empty()) bookings_.erase(open);
  MARK("ingest: the auditor did not answer a cost in time");
  respond(request_id, Unavailable{"the auditor did not answer in time", kRetry}, turn);
}

}  // namespace sluice::ingest
