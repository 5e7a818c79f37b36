// Deliveries: which alerts go to a sink next, and what its answer means.
#include <algorithm>
#include <utility>

#include "alerter/core.h"

namespace sluice::alerter {
namespace {

constexpr std::size_t kErrorMax = 256;          // bytes of a sink's error that are kept
constexpr Duration kRetryAfterMax = hours(24);  // a sink that says more is asked each day

}  // namespace

// After so many failures: base, twice that, four times, ... at most backoff_max; up to a quarter
// less by chance, so that not all come back at the same time.
Duration AlerterCore::backoff(std::uint32_t attempts) {
  Duration wait = config_.backoff_base;
  for (std::uint32_t n = 1; n < attempts && wait < config_.backoff_max; ++n) wait = wait * 2;
  wait = std::min(wait, config_.backoff_max);
  return wait - prng_.between(Duration{}, wait / 4);
}

// The oldest alert of those that were tried least: one that the sink cannot take holds up no other.
const AlerterCore::JobId* AlerterCore::next_job(const std::string& sink, Instant now) const {
  const JobId* next = nullptr;
  std::uint32_t least = 0;
  for (const auto& [id, job] : jobs_) {
    const auto waiting = job.sinks.find(sink);
    if (waiting == job.sinks.end() || waiting->second.marking || now < waiting->second.next) {
      continue;
    }
    if (next != nullptr && waiting->second.attempts >= least) continue;
    next = &id;
    least = waiting->second.attempts;
  }
  return next;
}

// All of its group that wait for this sink. What was refused goes alone: it may be one of them.
std::vector<AlerterCore::JobId> AlerterCore::group_with(const JobId& first,
                                                        const std::string& sink) const {
  const Job& leader = jobs_.at(first);
  std::vector<JobId> together = {first};
  if (leader.sinks.at(sink).refusals > 0) return together;
  for (const auto& [id, job] : jobs_) {
    if (together.size() >= config_.group_max) break;
    const auto waiting = job.sinks.find(sink);
    const bool waits = waiting != job.sinks.end() && !waiting->second.marking &&
                       waiting->second.refusals == 0 && job.group == leader.group;
    if (waits && id != first) together.push_back(id);
  }
  std::sort(together.begin(), together.end());
  return together;
}

void AlerterCore::deliver_next(const std::string& sink, Instant now, Out& out) {
  SinkState& state = sinks_.at(sink);
  if (state.in_flight || now < state.next) return;
  const JobId* first = next_job(sink, now);
  if (first == nullptr) return;
  Deliver deliver{++last_call_, sink, {}};
  std::vector<JobId> jobs = group_with(*first, sink);
  for (const JobId& id : jobs) deliver.alerts.push_back(jobs_.at(id).alert);
  state.in_flight = InFlight{last_call_, std::move(jobs), now + config_.deliver_timeout};
  out.push(std::move(deliver));
}

void AlerterCore::hear_sink(const Delivered& reply, Instant now, Out& out) {
  const auto found = std::find_if(sinks_.begin(), sinks_.end(), [&](const auto& entry) {
    return entry.second.in_flight && entry.second.in_flight->call_id == reply.call_id;
  });
  if (found == sinks_.end()) return;
  const std::string sink = found->first;
  SinkState& state = found->second;
  const InFlight sent = std::move(*state.in_flight);
  state.in_flight.reset();
  for (const JobId& id : sent.jobs) {
    SinkJob& job = jobs_.at(id).sinks.at(sink);
    ++job.attempts;
    job.marking = reply.ok;
    if (!reply.refused) continue;
    ++job.refusals;
    job.next = now + backoff(job.refusals);
  }
  if (reply.ok || reply.refused) {
    state.failures = 0;
  } else {
    const Duration told = std::min(reply.retry_after, kRetryAfterMax);
    state.next = now + std::max(backoff(++state.failures), told);
  }
  if (!reply.refused || !give_up({sink, sent, reply.error}, now, out)) {
    (reply.ok ? counts_.delivered : counts_.failed) += sent.jobs.size();
    StateMark mark;
    for (const JobId& id : sent.jobs) mark.alert_ids.push_back(id.second);
    mark.sink = sink;
    mark.fate = reply.ok ? Fate::kDelivered : Fate::kUndelivered;
    mark.attempts = 1;
    mark.error = reply.error.substr(0, kErrorMax);
    ask(std::move(mark), now, out).jobs = sent.jobs;
  }
  deliver_next(sink, now, out);
}

// What a sink refused so often it will never take: it goes to all the others, and a person is told.
// Where no other is left that could take it, it is tried for as long as it takes.
bool AlerterCore::give_up(const Refused& refused, Instant now, Out& out) {
  if (refused.sent.jobs.size() != 1) return false;
  const JobId& id = refused.sent.jobs[0];
  SinkJob& job = jobs_.at(id).sinks.at(refused.sink);
  if (job.refusals < config_.give_up_after) return false;
  std::vector<std::string>& given_up = jobs_.at(id).given_up;
  StateMark mark{{id.second}, refused.sink, Fate::kGivenUp, 1, refused.error.substr(0, kErrorMax),
                 {}};
  for (const Sink& sink : config_.sinks) {
    const bool gone = std::find(given_up.begin(), given_up.end(), sink.name) != given_up.end();
    if (sink.name != refused.sink && !gone) mark.instead.push_back(sink.name);
  }
  if (mark.instead.empty()) return false;
  given_up.push_back(refused.sink);
  job.marking = true;
  ++counts_.given_up;
  ask(std::move(mark), now, out).jobs = {id};
  out.push(Note{"an alert is given up: the sink refuses it (" + refused.error +
                    "); it goes to the other sinks",
                id.second, refused.sink});
  return true;
}

}  // namespace sluice::alerter
