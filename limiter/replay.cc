#include "limiter/replay.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "lib/base/check.h"
#include "lib/wire/identity.h"
#include "limiter/memory_store.h"
#include "limiter/turns.h"

namespace sluice::limiter {

namespace {

constexpr StoreTime kStart{1'760'000'000'000'000};
constexpr std::uint64_t kLife = 1;
constexpr Duration kLookAgain = seconds(1);  // what the store cannot date is asked again then

struct Lane;

struct Line {
  std::string name;
  Lane* lane = nullptr;
  std::deque<std::size_t> waiting;  // places in the trace
  Standing standing;
  bool due = false;
  Duration ask_at;   // refused until then
  std::string kept;  // what refused its head last
  std::uint64_t longest = 0;
};

// One upstream.
struct Lane {
  const Upstream* upstream = nullptr;
  std::map<std::string, Line> lines;
  Turns<Line> due;
  Duration blocked_until;                             // a limit of the whole upstream
  std::set<std::pair<Duration, std::string>> asleep;  // refused until then
};

struct Event {
  enum class Kind : std::uint8_t { kAnswer, kArrival, kLook };  // in this order at one time
  Duration at;
  Kind kind = Kind::kArrival;
  std::uint64_t number = 0;
  auto operator<=>(const Event&) const = default;
};

class Replay {
 public:
  Replay(const ReplayConfig& config, const std::vector<Arrival>& arrivals)
      : config_(config), arrivals_(arrivals), store_(store_config(config)) {
    for (const Upstream& upstream : config_.upstreams) lanes_[upstream.name].upstream = &upstream;
    departed_.resize(arrivals.size());
  }
  Replayed run();

 private:
  struct Answer {
    Lane* lane = nullptr;
    Line* line = nullptr;
    wire::Outcome outcome;
  };
  static StoreConfig store_config(const ReplayConfig& config) {
    StoreConfig store;
    store.upstreams = config.upstreams;
    return store;
  }
  [[nodiscard]] Caller caller(const Lane& lane) const {
    const StoreTime now = kStart + now_;
    const Upstream& upstream = *lane.upstream;
    return {kLife, {now, now}, now + seconds(1), limits_version(upstream.name, upstream.limits)};
  }
  [[nodiscard]] std::string identity_of(std::size_t place) const {
    const Arrival& arrival = arrivals_[place];
    return wire::identity_of("trace", arrival.upstream + ":" + arrival.key, std::to_string(place),
                             0);
  }
  void arrive(std::size_t place);
  void answer(std::uint64_t number);
  void enter(Line& line);
  void look(Lane& lane);
  bool ask(Line& line);
  void went(Line& line, const GrantAnswer& granted);
  void refused(Line& line, const GrantAnswer& answer);
  void summarise(std::uint64_t longest);
  void look_at(Duration at) { events_.insert({at, Event::Kind::kLook, 0}); }
  [[nodiscard]] GrantAsk ask_of(std::size_t place) const;
  [[nodiscard]] bool is_shared(const Lane& lane, const std::string& limit) const;

  const ReplayConfig& config_;
  const std::vector<Arrival>& arrivals_;
  MemoryStore store_;
  std::map<std::string, Lane> lanes_;
  std::multiset<Event> events_;
  std::map<std::uint64_t, Answer> answers_;
  std::uint64_t last_answer_ = 0;
  Duration now_;
  std::uint64_t waiting_ = 0;
  std::vector<Line*> grown_;  // at this time
  std::vector<std::optional<Duration>> departed_;
  Replayed result_;
};

GrantAsk Replay::ask_of(std::size_t place) const {
  const Arrival& arrival = arrivals_[place];
  GrantAsk ask;
  ask.line.source = "trace";
  ask.line.upstream = arrival.upstream;
  ask.line.key = arrival.upstream + ":" + arrival.key;
  ask.line.id = std::to_string(place);
  ask.line.identity = identity_of(place);
  ask.line.content_hash = std::string(32, '0');
  ask.first_seen = kStart + arrival.at;
  ask.cost = arrival.cost;
  ask.dispatcher_life = kLife;
  return ask;
}

bool Replay::is_shared(const Lane& lane, const std::string& limit) const {
  const auto& limits = lane.upstream->limits;
  return std::any_of(limits.begin(), limits.end(), [&](const Limit& one) {
    return one.scope == LimitScope::kUpstream && one.name == limit;
  });
}

void Replay::arrive(std::size_t place) {
  const Arrival& arrival = arrivals_[place];
  Lane& lane = lanes_.at(arrival.upstream);
  Line& line = lane.lines[arrival.key];
  line.name = arrival.upstream + ":" + arrival.key;
  line.lane = &lane;
  line.waiting.push_back(place);
  ++waiting_;
  grown_.push_back(&line);
  enter(line);
}

void Replay::enter(Line& line) {
  if (line.due || line.waiting.empty() || line.ask_at > now_) return;
  line.due = true;
  line.lane->due.enter(line, line.standing, arrivals_[line.waiting.front()].cost, 1);
}

// Asks for all whose turn it is, until a limit of the whole upstream is full.
void Replay::look(Lane& lane) {
  while (!lane.asleep.empty() && lane.asleep.begin()->first <= now_) {
    enter(lane.lines.at(lane.asleep.begin()->second));
    lane.asleep.erase(lane.asleep.begin());
  }
  while (!lane.due.empty() && lane.blocked_until <= now_) {
    Line& line = lane.due.front();
    lane.due.pop_front();
    line.due = false;
    if (ask(line)) enter(line);
  }
}

// False: it is not to be asked for again before its time.
bool Replay::ask(Line& line) {
  const auto reply =
      store_.perform({1, Grant{caller(*line.lane), {ask_of(line.waiting.front())}}}, kStart + now_);
  const auto* grant = std::get_if<GrantReply>(&reply.answer);
  CHECK(grant != nullptr && grant->answers.size() == 1);
  const GrantAnswer& answer = grant->answers.front();
  line.ask_at = {};
  if (answer.granted == Granted::kYes) {
    went(line, answer);
  } else if (answer.granted == Granted::kSettled) {
    ++result_.dead;
    line.waiting.pop_front();
    --waiting_;
  } else {
    refused(line, answer);
    return false;
  }
  return true;
}

void Replay::went(Line& line, const GrantAnswer& granted) {
  const std::size_t place = line.waiting.front();
  const Arrival& arrival = arrivals_[place];
  line.waiting.pop_front();
  --waiting_;
  line.lane->due.charge(line.standing, arrival.cost);
  departed_[place] = now_;
  const Duration wait = now_ - arrival.at;
  if (wait.us > 0) {
    const std::string& why = line.kept.empty() ? "turns" : line.kept;
    Replayed::Kept& kept = result_.limits[line.lane->upstream->name + ": " + why];
    ++kept.messages;
    kept.total = kept.total + wait;
    kept.max = std::max(kept.max, wait);
  }
  if (line.waiting.empty()) line.kept.clear();
  Answer answer{line.lane, &line, {}};
  answer.outcome.attempt = {identity_of(place), granted.serial};
  answer.outcome.upstream = line.lane->upstream->name;
  answer.outcome.key = line.name;
  answer.outcome.ended = wire::Ended::kDelivered;
  answer.outcome.status = 200;
  answer.outcome.latency = config_.latency;
  answers_.emplace(++last_answer_, std::move(answer));
  events_.insert({now_ + config_.latency, Event::Kind::kAnswer, last_answer_});
}

void Replay::refused(Line& line, const GrantAnswer& answer) {
  Lane& lane = *line.lane;
  // Once a limit has kept it, the answers that it waits for are no more than its last moments.
  if (!answer.limit.empty()) line.kept = answer.limit;
  if (line.kept.empty()) line.kept = "in flight";
  const Duration until = answer.until - kStart;
  // What attempts keep opens when one ends; their leases' ends are only the latest.
  const bool dated = answer.until.us != 0 && answer.why != wire::Wait::kInFlight;
  const Duration again = dated ? std::max(until, now_ + microseconds(1)) : now_ + kLookAgain;
  if (is_shared(lane, answer.limit)) {
    Turns<Line>::keep(line.standing);
    lane.blocked_until = again;
    line.due = true;
    lane.due.enter(line, line.standing, 1, 1);
  } else {
    line.ask_at = again;
    lane.asleep.emplace(again, line.name.substr(lane.upstream->name.size() + 1));
  }
  look_at(again);
}

void Replay::answer(std::uint64_t number) {
  auto done = answers_.extract(number);
  Answer& answer = done.mapped();
  answer.outcome.started_at = kStart + now_ - config_.latency;
  answer.outcome.answered_at = kStart + now_;
  const std::string identity = answer.outcome.attempt.identity;
  const std::string upstream = answer.outcome.upstream;
  Completion completion;
  completion.outcome = answer.outcome;
  const auto reply =
      store_.perform({1, Complete{caller(*answer.lane), {completion}}}, kStart + now_);
  const auto* complete = std::get_if<CompleteReply>(&reply.answer);
  CHECK(complete != nullptr && complete->answers.size() == 1);
  Emptied emptied{upstream, {}};
  for (const wire::Record& line : complete->answers.front().outbox) {
    emptied.lines.push_back(Emptied::Line::of(line));
  }
  static_cast<void>(store_.perform({1, emptied}, kStart + now_));
  static_cast<void>(store_.perform({1, Forget{upstream, {identity}}}, kStart + now_));
  // Open attempts decide when a limit opens: now that one has ended everyone may ask anew.
  Lane& lane = *answer.lane;
  lane.blocked_until = {};
  if (answer.line->ask_at.us != 0) answer.line->ask_at = now_;
  enter(*answer.line);
}

Waits waits_of(std::vector<Duration>& waits) {
  Waits of;
  of.messages = waits.size();
  std::sort(waits.begin(), waits.end());
  const auto at = [&](std::size_t percent) {
    return waits.empty() ? Duration{} : waits[(waits.size() * percent + 99) / 100 - 1];
  };
  of.p50 = at(50), of.p95 = at(95), of.p99 = at(99), of.max = at(100);
  for (const Duration wait : waits) {
    of.total = of.total + wait;
    of.waited += wait.us > 0 ? 1 : 0;
  }
  return of;
}

Replayed Replay::run() {
  for (std::size_t i = 0; i < arrivals_.size(); ++i) {
    events_.insert({arrivals_[i].at, Event::Kind::kArrival, i});
  }
  std::uint64_t longest = 0;
  while (!events_.empty()) {
    now_ = events_.begin()->at;
    while (!events_.empty() && events_.begin()->at == now_) {
      const Event event = *events_.begin();
      events_.erase(events_.begin());
      if (event.kind == Event::Kind::kArrival) arrive(event.number);
      if (event.kind == Event::Kind::kAnswer) answer(event.number);
    }
    for (auto& [name, lane] : lanes_) look(lane);
    for (Line* line : std::exchange(grown_, {})) {
      line->longest = std::max<std::uint64_t>(line->longest, line->waiting.size());
    }
    longest = std::max(longest, waiting_);
  }
  summarise(longest);
  return std::move(result_);
}

void Replay::summarise(std::uint64_t longest) {
  std::map<std::string, std::vector<Duration>> by_key;
  std::vector<Duration> all;
  for (std::size_t i = 0; i < arrivals_.size(); ++i) {
    if (!departed_[i]) continue;
    const Duration wait = *departed_[i] - arrivals_[i].at;
    by_key[arrivals_[i].upstream + ":" + arrivals_[i].key].push_back(wait);
    all.push_back(wait);
  }
  result_.all = waits_of(all);
  for (auto& [key, waits] : by_key) result_.keys[key] = waits_of(waits);
  result_.all.longest_queue = longest;
  for (std::size_t i = 0; i < arrivals_.size(); ++i) {
    if (!departed_[i]) continue;
    for (Waits* of :
         {&result_.all, &result_.keys[arrivals_[i].upstream + ":" + arrivals_[i].key]}) {
      of->last = std::max(of->last, *departed_[i]);
      of->units += arrivals_[i].cost;
    }
  }
  for (const auto& [name, lane] : lanes_) {
    for (const auto& [key, line] : lane.lines) {
      if (const auto at = result_.keys.find(line.name); at != result_.keys.end()) {
        at->second.longest_queue = line.longest;
      }
    }
  }
}

}  // namespace

Replayed replay(const ReplayConfig& config, const std::vector<Arrival>& arrivals) {
  return Replay(config, arrivals).run();
}

}  // namespace sluice::limiter
