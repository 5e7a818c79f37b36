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

}  // namespace

void IngestCore::submit_cost(const SubmitCost& submitted, const Turn& turn) {
  const wire::Cost& cost = submitted.cost;
  const auto open = bookings_.find(cost.event_id);
  if (open != bookings_.end() && open->second.cost.content_hash != cost.content_hash) {
    MARK("ingest: a cost with other fields while one is being booked");
    // An answer names the event id only: two versions of it are never under way together.
    return respond(submitted.request_id,
                   Unavailable{"the same event_id is being booked with other fields", kRetry},
                   turn);
  }
  if (auditors_.empty()) {
    MARK("ingest: a cost without an auditor");
    return respond(submitted.request_id, Unavailable{"no auditor is connected", kRetry}, turn);
  }
  if (room() == 0) {
    return respond(submitted.request_id, Unavailable{"too many requests at once", kRetry}, turn);
  }
  at(turn.now + config_.cost_wait, Due::kCost, submitted.request_id, cost.event_id);
  if (open == bookings_.end()) {
    Booking& fresh = bookings_[cost.event_id];
    fresh.cost = cost;
    fresh.requests.push_back(submitted.request_id);
    ++open_bookings_;
    return send_cost(fresh, turn);
  }
  if (open->second.requests.empty()) ++open_bookings_;
  open->second.requests.push_back(submitted.request_id);
  // On a connection that lasts the first one's answer will come; a second one would be taken for
  // that of another version.
  if (!auditors_.contains(open->second.sent_to)) send_cost(open->second, turn);
}

void IngestCore::send_costs_again(const Turn& turn) {
  for (auto& [event_id, booking] : bookings_) {
    if (!booking.requests.empty() && !auditors_.contains(booking.sent_to)) {
      MARK("ingest: a cost is said again to another auditor");
      send_cost(booking, turn);
    }
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
  booking.forget_at = turn.now + config_.cost_wait * 2;
  turn.out.push(wire::Send{best->peer, booking.cost});
}

void IngestCore::recorded(const wire::Recorded& recorded, const Turn& turn) {
  const auto open = bookings_.extract(recorded.event_id);
  if (open.empty()) return;
  const bool refused = recorded.written == wire::Written::kRefused;
  if (!open.mapped().requests.empty()) --open_bookings_;
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

// The booking itself stays for as long again: a late answer must not be taken for that of another
// version of the same event.
void IngestCore::cost_late(const std::string& event_id, std::uint64_t request_id,
                           const Turn& turn) {
  const auto open = bookings_.find(event_id);
  if (open == bookings_.end()) return;
  Booking& booking = open->second;
  const auto waiting = std::find(booking.requests.begin(), booking.requests.end(), request_id);
  if (waiting != booking.requests.end()) {
    booking.requests.erase(waiting);
    if (booking.requests.empty()) --open_bookings_;
    MARK("ingest: the auditor did not answer a cost in time");
    respond(request_id, Unavailable{"the auditor did not answer in time", kRetry}, turn);
  }
  if (!booking.requests.empty()) return;
  if (booking.forget_at > turn.now) return at(booking.forget_at, Due::kCost, request_id, event_id);
  bookings_.erase(open);
}

}  // namespace sluice::ingest
