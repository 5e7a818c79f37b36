#include "alerter/core.h"

#include <algorithm>

#include "lib/base/mark.h"
#include "lib/stage/core.h"

namespace sluice::alerter {
namespace {

constexpr std::size_t kErrorMax = 256;  // bytes of a sink's error that are kept

static_assert(Core<AlerterCore>);

// After so many attempts: base, twice that, four times, ... at most `most`.
Duration backoff(std::uint32_t attempts, Duration base, Duration most) {
  Duration wait = base;
  for (std::uint32_t n = 1; n < attempts && wait < most; ++n) wait = wait * 2;
  return std::min(wait, most);
}

}  // namespace

AlerterCore::AlerterCore(Config config) : config_(std::move(config)) {}

std::size_t AlerterCore::room() const {
  return config_.follow_max + 1 - std::min<std::size_t>(collected_.size(), config_.follow_max);
}

bool AlerterCore::idle() const {
  const auto is_mark = [](const auto& entry) {
    return std::holds_alternative<StateMark>(entry.second.call);
  };
  return in_flight_.empty() && std::none_of(calls_.begin(), calls_.end(), is_mark);
}

std::size_t AlerterCore::effects_max() const { return 3 * config_.sinks.size() + 8; }

bool AlerterCore::ready() const { return open_ && auditor_.has_value(); }

wire::HeartbeatFacts AlerterCore::heartbeat(wire::PeerId, Instant) const { return {}; }

std::vector<std::string> AlerterCore::sink_names() const {
  std::vector<std::string> names;
  for (const Sink& sink : config_.sinks) names.push_back(sink.name);
  return names;
}

// When the first of all that can be waited for is due.
Instant AlerterCore::deadline() const {
  Instant first = Instant::never();
  const auto at = [&first](Instant when) { first = std::min(first, when); };
  for (const auto& [id, call] : calls_) at(call.ends);
  for (const auto& [sink, running] : in_flight_) at(running.ends);
  if (!open_) {
    if (calls_.empty()) at(open_at_);
    return first;
  }
  if (auditor_ && follow_ != Follow::kPutting) at(follow_next_);
  if (!is_asking_due()) at(rescan_at_);
  for (const auto& [id, job] : jobs_) {
    for (const auto& [name, sink] : job.sinks) {
      if (!sink.marking && !in_flight_.contains(name)) at(sink.next);
    }
  }
  return first;
}

void AlerterCore::tick(Instant now, Out& out) {
  expire(now, out);
  if (!open_) {
    if (calls_.empty() && now >= open_at_) ask(StateOpen{}, now, out);
    return;
  }
  if (auditor_ && follow_ != Follow::kPutting && now >= follow_next_) follow(now, out);
  if (now >= rescan_at_ && !is_asking_due()) {
    rescan_at_ = now + config_.rescan_interval;
    for (const Sink& sink : config_.sinks) {
      if (jobs_of(sink.name) >= config_.jobs_max) continue;
      ask(StateDue{{sink.name}, config_.jobs_max}, now, out).marks_done = marks_done_;
    }
  }
  for (const Sink& sink : config_.sinks) deliver_next(sink.name, now, out);
}

// What was not answered in time. A delivery may have succeeded: it is said again under its id.
void AlerterCore::expire(Instant now, Out& out) {
  for (auto entry = calls_.begin(); entry != calls_.end();) {
    if (now < entry->second.ends) {
      ++entry;
      continue;
    }
    MARK("alerter: its state did not answer in time");
    Call late = std::move(entry->second);
    entry = calls_.erase(entry);
    state_failed(late, now);
    if (std::holds_alternative<StateMark>(late.call)) {
      MARK("alerter: a delivery is marked again");
      ask(late.call, now, out).job = late.job;
    }
  }
  std::vector<Delivered> silent;
  for (const auto& [sink, running] : in_flight_) {
    if (now < running.ends) continue;
    MARK("alerter: a sink does not answer");
    silent.push_back({running.call_id, false, "no answer in time"});
  }
  for (const Delivered& reply : silent) hear_sink(reply, now, out);
}

// ---- the auditor -----------------------------------------------------------------------------

void AlerterCore::accept(const Work& work, Instant now, Out& out) {
  hear_auditor(std::get<wire::FromPeer>(work), now, out);
}

void AlerterCore::hear_auditor(const wire::FromPeer& from, Instant now, Out& out) {
  if (from.peer != auditor_ || follow_ != Follow::kAsked) return;
  if (const auto* alert = std::get_if<wire::Alert>(&from.item)) {
    if (alert->cursor > cursor_ && collected_.size() < config_.follow_max) {
      collected_.push_back(*alert);
    }
  } else if (const auto* end = std::get_if<wire::Followed>(&from.item)) {
    followed(*end, now, out);
  }
}

void AlerterCore::follow(Instant now, Out& out) {
  collected_.clear();
  follow_ = Follow::kAsked;
  follow_next_ = now + config_.follow_timeout;
  out.push(wire::Send{*auditor_, wire::Follow{cursor_, config_.follow_max}});
}

// A trail that ends before our cursor is another trail: it is followed from its beginning. What was
// known by id stays known, and is not delivered again.
void AlerterCore::followed(const wire::Followed& end, Instant now, Out& out) {
  const std::uint64_t cursor = end.cursor < cursor_ ? 0 : end.cursor;
  if (collected_.empty() && cursor == cursor_) {
    follow_ = Follow::kIdle;
    follow_next_ = now + config_.follow_interval;
    return;
  }
  follow_ = Follow::kPutting;
  follow_next_ = end.more ? now : now + config_.follow_interval;
  ask(StatePut{std::move(collected_), sink_names(), cursor}, now, out);
  collected_.clear();
}

// ---- replies ---------------------------------------------------------------------------------

void AlerterCore::complete(const Reply& reply, Instant now, Out& out) {
  if (const auto* up = std::get_if<wire::PeerUp>(&reply)) {
    if (up->role != wire::Role::kAuditor) return;
    auditor_ = up->peer;
    collected_.clear();
    if (follow_ == Follow::kAsked) follow_ = Follow::kIdle;
    follow_next_ = now;
  } else if (const auto* down = std::get_if<wire::PeerDown>(&reply)) {
    if (auditor_ != down->peer) return;
    auditor_.reset();
    collected_.clear();
    if (follow_ == Follow::kAsked) {
      MARK("alerter: the auditor goes while it is asked");
      follow_ = Follow::kIdle;
    }
  } else if (const auto* state = std::get_if<StateReply>(&reply)) {
    hear_state(*state, now, out);
  } else if (const auto* sink = std::get_if<Delivered>(&reply)) {
    hear_sink(*sink, now, out);
  }
}

void AlerterCore::hear_state(const StateReply& reply, Instant now, Out& out) {
  const auto asked = calls_.find(reply.call_id);
  if (asked == calls_.end()) return;
  if (std::holds_alternative<StateFailed>(reply.answer)) {
    MARK("alerter: its state failed");
    // As if it had not been answered, but sooner.
    asked->second.ends = std::min(asked->second.ends, now + config_.follow_interval);
    return;
  }
  Call call = std::move(asked->second);
  calls_.erase(asked);
  if (const auto* opened = std::get_if<StateOpened>(&reply.answer)) {
    open_ = true;
    cursor_ = opened->cursor;
    rescan_at_ = now;
    follow_next_ = now;
  } else if (const auto* put = std::get_if<StatePutDone>(&reply.answer)) {
    const auto* said = std::get_if<StatePut>(&call.call);
    if (said != nullptr) cursor_ = said->cursor;
    counts_.alerts_known +=
        static_cast<std::uint64_t>(std::count(put->created.begin(), put->created.end(), true));
    follow_ = Follow::kIdle;
    rescan_at_ = now;
  } else if (const auto* due = std::get_if<StateDueFound>(&reply.answer)) {
    have_due(call, *due, now);
  } else if (std::holds_alternative<StateMarked>(reply.answer)) {
    have_marked(call);
  }
  tick(now, out);
}

void AlerterCore::state_failed(Call& call, Instant now) {
  if (std::holds_alternative<StateOpen>(call.call)) open_at_ = now + config_.follow_interval;
  if (std::holds_alternative<StateDue>(call.call)) rescan_at_ = now + config_.follow_interval;
  if (std::holds_alternative<StatePut>(call.call)) {
    // Whether it was applied is not known: what the cursor in memory says is asked again.
    follow_ = Follow::kIdle;
    follow_next_ = now + config_.follow_interval;
  }
}

// An answer that is older than a mark may name what has been delivered since: asked again.
void AlerterCore::have_due(const Call& call, const StateDueFound& found, Instant now) {
  if (call.marks_done != marks_done_) {
    MARK("alerter: what is due was read before a delivery was marked");
    rescan_at_ = now;
    return;
  }
  for (const Undelivered& undelivered : found.due) {
    const JobId id{undelivered.alert.cursor, undelivered.alert.alert_id};
    for (const auto& [name, attempts] : undelivered.sinks) {
      if (jobs_of(name) >= config_.jobs_max) continue;
      Job& job = jobs_[id];
      job.alert = undelivered.alert;
      job.sinks.try_emplace(name, SinkJob{attempts, now, false});
    }
  }
}

void AlerterCore::have_marked(const Call& call) {
  ++marks_done_;
  const auto* mark = std::get_if<StateMark>(&call.call);
  const auto entry = jobs_.find(call.job);
  if (mark == nullptr || !mark->delivered || entry == jobs_.end()) return;
  entry->second.sinks.erase(mark->sink);
  if (entry->second.sinks.empty()) jobs_.erase(entry);
}

// ---- sinks -----------------------------------------------------------------------------------

// The oldest alert that this sink may be given now; one at a time.
void AlerterCore::deliver_next(const std::string& sink, Instant now, Out& out) {
  if (in_flight_.contains(sink)) return;
  for (const auto& [id, job] : jobs_) {
    const auto waiting = job.sinks.find(sink);
    if (waiting == job.sinks.end() || waiting->second.marking || now < waiting->second.next) {
      continue;
    }
    in_flight_[sink] = {++last_call_, id, now + config_.deliver_timeout};
    out.push(Deliver{last_call_, sink, job.alert});
    return;
  }
}

void AlerterCore::hear_sink(const Delivered& reply, Instant now, Out& out) {
  const auto running = std::find_if(in_flight_.begin(), in_flight_.end(), [&](const auto& entry) {
    return entry.second.call_id == reply.call_id;
  });
  if (running == in_flight_.end()) return;
  const std::string sink = running->first;
  const JobId id = running->second.job;
  in_flight_.erase(running);
  const auto job = jobs_.find(id);
  if (job != jobs_.end() && job->second.sinks.contains(sink)) {
    SinkJob& state = job->second.sinks[sink];
    ++state.attempts;
    state.marking = reply.ok;
    state.next = now + backoff(state.attempts, config_.backoff_base, config_.backoff_max);
    ++(reply.ok ? counts_.delivered : counts_.failed);
    mark(id, {{}, sink, reply.ok, 0, reply.error.substr(0, kErrorMax)}, now, out);
  }
  deliver_next(sink, now, out);
}

void AlerterCore::mark(const JobId& id, StateMark mark, Instant now, Out& out) {
  mark.alert_id = id.second;
  mark.attempts = jobs_.at(id).sinks.at(mark.sink).attempts;
  ask(std::move(mark), now, out).job = id;
}

AlerterCore::Call& AlerterCore::ask(StateCall call, Instant now, Out& out) {
  const std::uint64_t id = ++last_call_;
  out.push(StateAsk{id, call});
  Call& asked = calls_[id];
  asked.call = std::move(call);
  asked.ends = now + config_.state_timeout;
  return asked;
}

// Each sink has room of its own, so that one that refuses everything holds up no other.
std::size_t AlerterCore::jobs_of(const std::string& sink) const {
  return static_cast<std::size_t>(std::count_if(jobs_.begin(), jobs_.end(), [&](const auto& job) {
    return job.second.sinks.contains(sink);
  }));
}

bool AlerterCore::is_asking_due() const {
  return std::any_of(calls_.begin(), calls_.end(), [](const auto& entry) {
    return std::holds_alternative<StateDue>(entry.second.call);
  });
}

}  // namespace sluice::alerter
