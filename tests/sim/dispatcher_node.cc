#include "tests/sim/dispatcher_node.h"

#include <algorithm>

namespace sluice::sim {
namespace {

dispatcher::HttpEnd end_of(UpstreamFake::Answer::Kind kind) {
  switch (kind) {
    case UpstreamFake::Answer::Kind::kStatus:
      return dispatcher::HttpEnd::kAnswered;
    case UpstreamFake::Answer::Kind::kNoConnect:
      return dispatcher::HttpEnd::kNotConnected;
    case UpstreamFake::Answer::Kind::kNotStarted:
      return dispatcher::HttpEnd::kDenied;
    case UpstreamFake::Answer::Kind::kTimedOut:
    case UpstreamFake::Answer::Kind::kHungUp:
      return dispatcher::HttpEnd::kUnknown;
  }
  return dispatcher::HttpEnd::kUnknown;
}

}  // namespace

void DispatcherNode::act(dispatcher::StartHttp& start) {
  UpstreamFake& upstream = *upstreams_.at(start.upstream);
  const wire::Attempt attempt = start.attempt;
  const auto may_start = [this, attempt] {
    const auto longest = core()->may_start(attempt, clock());
    if (const auto at = open_.find(attempt); longest && at != open_.end())
      at->second.sent = clock();
    return longest;
  };
  // Room for as many as the settings say, each upstream for itself.
  const auto running = std::count_if(open_.begin(), open_.end(), [&](const auto& entry) {
    return entry.second.upstream == start.upstream;
  });
  if (running >= upstream.settings().in_flight)
    world().breaks("P8", name() + " has more attempts under way than in_flight");
  auto stop = upstream.send(
      *this, {who(), attempt, start.upstream, start.key, start.request, start.idempotency_key},
      may_start, [this, attempt](const UpstreamFake::Answer& answer) { ended(attempt, answer); });
  open_[attempt] = {start.upstream, start.key, std::move(stop), std::nullopt};
}

// A recall until a store time: closed for what is surely left of it.
void DispatcherNode::heard(const wire::Item& item) {
  const auto* recall = std::get_if<wire::Recall>(&item);
  if (!recall || recall->key.empty()) return;
  const Duration left = recall->until - world().store_now();
  witnesses_.tell(&Witness::warned, who(), recall->key, left);
}

void DispatcherNode::act(dispatcher::StopHttp& stop) {
  const auto at = open_.find(stop.attempt);
  if (at == open_.end()) return;
  at->second.stop();
  open_.erase(at);
}

void DispatcherNode::ended(const wire::Attempt& attempt, const UpstreamFake::Answer& answer) {
  const auto at = open_.find(attempt);
  if (at == open_.end()) return;
  dispatcher::HttpEnded end;
  end.attempt = attempt;
  end.end = end_of(answer.kind);
  end.status = static_cast<std::uint32_t>(answer.status);
  if (answer.told_to_wait) end.retry_after = std::to_string(answer.retry_after.us / 1'000'000);
  if (answer.abnormal) end.answer = "Abnormal usage";
  end.reason = end.end == dispatcher::HttpEnd::kUnknown ? "reset" : "";
  end.sent = at->second.sent;
  const std::string key = at->second.key;
  end.ended = clock();
  open_.erase(at);
  const bool warned = answer.status == 429 && answer.told_to_wait;
  if (warned && meets(wire::Role::kLimiter)) unsaid_.insert(key);
  reply(end);
}

}  // namespace sluice::sim
