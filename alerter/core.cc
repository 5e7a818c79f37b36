#include "alerter/core.h"

#include <algorithm>

#include "alerter/routing.h"
#include "alerter/silence.h"
#include "lib/base/mark.h"
#include "lib/stage/core.h"

namespace sluice::alerter {
namespace {

static_assert(Core<AlerterCore>);

const std::size_t kPuts = StateCall(StatePut{}).index();

std::vector<std::string> names_of(const std::vector<Sink>& sinks) {
  std::vector<std::string> names;
  for (const Sink& sink : sinks) names.push_back(sink.name);
  return names;
}

}  // namespace

AlerterCore::AlerterCore(Config config)
    : config_(std::move(config)), prng_(config_.seed), repeats_(config_.repeat_interval) {
  for (const Sink& sink : config_.sinks) sinks_[sink.name];
}

std::size_t AlerterCore::room() const {
  return config_.follow_max + 1 - std::min<std::size_t>(collected_.size(), config_.follow_max);
}

bool AlerterCore::idle() const {
  const auto is_mark = [](const auto& entry) {
    return std::holds_alternative<StateMark>(entry.second.call);
  };
  const auto is_delivering = [](const auto& entry) { return entry.second.in_flight.has_value(); };
  return std::none_of(sinks_.begin(), sinks_.end(), is_delivering) &&
         std::none_of(calls_.begin(), calls_.end(), is_mark);
}

std::size_t AlerterCore::effects_max() const {
  return 3 * config_.sinks.size() + config_.follow_max + 8;
}

bool AlerterCore::ready() const { return keeps() && auditor_.has_value(); }

wire::HeartbeatFacts AlerterCore::heartbeat(wire::PeerId, Instant) const { return {}; }

// When the first of all that can be waited for is due.
Instant AlerterCore::deadline() const {
  Instant first = Instant::never();
  const auto at = [&first](Instant when) { first = std::min(first, when); };
  for (const auto& [id, call] : calls_) at(call.ends);
  for (const auto& [name, sink] : sinks_) {
    if (sink.in_flight) at(sink.in_flight->ends);
  }
  if (!open_) {
    if (calls_.empty()) at(open_at_);
    return first;
  }
  if (auditor_ && follow_ != Follow::kPutting) at(follow_next_);
  if (!is_asking_due()) at(rescan_at_);
  if (config_.beats) at(beat_at_);
  for (const auto& [id, job] : jobs_) {
    for (const auto& [name, sink] : job.sinks) {
      const SinkState& state = sinks_.at(name);
      if (!sink.marking && !state.in_flight) at(std::max(sink.next, state.next));
    }
  }
  return first;
}

void AlerterCore::tick(Instant now, Out& out) {
  expire(now, out);
  if (!open_) {
    if (calls_.empty() && now >= open_at_) ask(StateOpen{names_of(config_.sinks)}, now, out);
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
  beat(now, out);
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
    failing_.insert(entry->second.call.index());
    Call late = std::move(entry->second);
    entry = calls_.erase(entry);
    state_failed(late, now);
    if (std::holds_alternative<StateMark>(late.call)) {
      MARK("alerter: a delivery is marked again");
      ask(late.call, now, out).jobs = late.jobs;
    }
  }
  std::vector<Delivered> silent;
  for (const auto& [name, sink] : sinks_) {
    if (!sink.in_flight || now < sink.in_flight->ends) continue;
    MARK("alerter: a sink does not answer");
    silent.push_back({sink.in_flight->call_id, false, "no answer in time"});
  }
  for (const Delivered& reply : silent) hear_sink(reply, now, out);
}

// ---- the auditor -----------------------------------------------------------------------------

void AlerterCore::accept(const Work& work, Instant now, Out& out) {
  if (const auto* from = std::get_if<wire::FromPeer>(&work)) hear_auditor(*from, now, out);
  if (const auto* wall = std::get_if<WallTime>(&work)) hear_time(wall->now, now, out);
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
  heard_at_ = now;
  silent_since_ = {};
  silent_in_.clear();
  // A put that failed is tried until one succeeds, even if there is nothing new to put.
  const bool to_put = !collected_.empty() || failing_.contains(kPuts);
  const bool outage_over = repeats_.is_known(kAuditorSilent);
  if (!to_put && !outage_over && cursor == cursor_) {
    follow_ = Follow::kIdle;
    follow_next_ = now + config_.follow_interval;
    return;
  }
  follow_ = Follow::kPutting;
  follow_next_ = end.more ? now : now + config_.follow_interval;
  StatePut put = put_of(std::move(collected_), cursor, out);
  if (outage_over) put.spoken.push_back({kAuditorSilent, {}, {}, wire::Severity::kInfo});
  ask(std::move(put), now, out);
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
    failing_.insert(asked->second.call.index());
    // As if it had not been answered, but sooner.
    asked->second.ends = std::min(asked->second.ends, now + config_.follow_interval);
    return;
  }
  Call call = std::move(asked->second);
  calls_.erase(asked);
  failing_.erase(call.call.index());
  if (const auto* opened = std::get_if<StateOpened>(&reply.answer)) {
    have_opened(*opened, now, out);
  } else if (const auto* put = std::get_if<StatePutDone>(&reply.answer)) {
    have_put(call, *put, now);
  } else if (const auto* due = std::get_if<StateDueFound>(&reply.answer)) {
    have_due(call, *due, now);
  } else if (std::holds_alternative<StateMarked>(reply.answer)) {
    have_marked(call, now);
  }
  tick(now, out);
}

void AlerterCore::have_opened(const StateOpened& opened, Instant now, Out& out) {
  open_ = true;
  cursor_ = opened.cursor;
  repeats_.load(opened.spoken);
  rescan_at_ = now;
  follow_next_ = now;
  heard_at_ = now;
  beat_at_ = now;
  if (opened.adopted == 0) return;
  out.push(Note{std::to_string(opened.adopted) +
                    " deliveries were for sinks that are no longer in the settings: their alerts "
                    "go to all sinks that have not had them",
                {},
                {}});
}

void AlerterCore::have_put(const Call& call, const StatePutDone& done, Instant now) {
  const auto* said = std::get_if<StatePut>(&call.call);
  if (said == nullptr) return;
  cursor_ = said->cursor;
  repeats_.remember(said->spoken);
  for (const wire::Alert& alert : said->alerts) {
    if (alert.kind == kAuditorSilent) silent_in_ = alert.period;
  }
  counts_.alerts_known +=
      static_cast<std::uint64_t>(std::count(done.created.begin(), done.created.end(), true));
  follow_ = Follow::kIdle;
  rescan_at_ = now;
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
      const auto [entry, added] = jobs_.try_emplace(id);
      Job& job = entry->second;
      if (added) {
        job.alert = undelivered.alert;
        job.given_up = undelivered.given_up;
        job.group = group_of(job.alert, config_.group_by);
      }
      // One that was tried before has waited for its group already.
      const Instant next = attempts > 0 ? now : now + config_.group_wait;
      job.sinks.try_emplace(name, SinkJob{attempts, 0, next, false});
    }
  }
}

void AlerterCore::have_marked(const Call& call, Instant now) {
  ++marks_done_;
  const auto* mark = std::get_if<StateMark>(&call.call);
  if (mark == nullptr || mark->fate == Fate::kUndelivered) return;
  for (const JobId& id : call.jobs) {
    const auto entry = jobs_.find(id);
    if (entry == jobs_.end()) continue;
    entry->second.sinks.erase(mark->sink);
    if (entry->second.sinks.empty()) jobs_.erase(entry);
  }
  if (!mark->instead.empty()) rescan_at_ = now;
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
