#include "limiter/shell.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "lib/aws/settings.h"
#include "lib/base/calendar.h"
#include "lib/port/random.h"
#include "lib/wire/closure_words.h"
#include "limiter/limit_trouble.h"
#include "limiter/redis_options.h"
#include "limiter/shell_explain.h"
#include "limiter/shell_store.h"

namespace sluice::limiter {

namespace {

constexpr Duration kNameEvery = seconds(1);
constexpr Duration kLookEvery = seconds(10);
constexpr Duration kAwaitedLong = minutes(1);
constexpr Duration kFailedAgain = seconds(60);     // the same failure is said again
constexpr Duration kExplainPatience = seconds(2);  // then it is explained without a forecast
constexpr std::uint64_t kOwnCalls = 1ULL << 63U;   // the shell's calls are above, the core's below

constexpr std::array<std::string_view, 5> kSettlements = {"", "delivered", "dead", "expired",
                                                          "cancelled"};
constexpr std::array<std::string_view, 7> kEnds = {"",          "delivered", "refused",    "failed",
                                                   "throttled", "unknown",   "not_started"};

std::size_t index_of(ClosedBy why) { return static_cast<std::size_t>(why); }

// Of [limiter], those that a limiter that runs takes.
std::vector<std::string> taken_rows() {
  std::vector<std::string> taken;
  for (const SettingRow& row : setting_rows()) {
    const bool of_store = row.name == "store" || row.name == "store_topology" ||
                          row.name == "store_max" || row.name == "fresh";
    if (!of_store && !row.name.starts_with("redis")) taken.emplace_back(row.name);
  }
  return taken;
}

}  // namespace

stage::StageInfo Shell::info() {
  stage::StageInfo info;
  info.name = "limiter";
  info.what = "Decides which message may go when.";
  info.role = wire::Role::kLimiter;
  info.health_listen = "127.0.0.1:8082";
  info.takes = {wire::Role::kIngest};
  info.dials = {wire::Role::kDispatcher, wire::Role::kAuditor};
  info.rows = setting_rows();
  info.tables = {{"aws", aws::setting_rows()}};
  info.many = true;  // on Redis; the embedded store locks its own directory
  info.verbs = {"explain KEY|ID [--json]", "simulate --trace FILE --limits FILE",
                "restore [--lift] [--spare N] [--nothing-before] [--by NAME] [--keys]"};
  info.upstreams = true;
  return info;
}

Status Shell::check(const Settings& settings) {
  const auto config = config_of(settings);
  if (!config) return config.error();
  if (on_redis(settings)) {
    if (const auto options = read_redis_options(settings); !options) return options.error();
  }
  for (const Upstream& upstream : config->upstreams) {
    for (const Limit& limit : upstream.limits) {
      const auto trouble = trouble_of({&limit, 1}, config->guard_min);
      if (!trouble) continue;
      return Error{Trouble::kSettings, "[[limit]] " + limit.name + " of upstream " + upstream.name +
                                           ": " + trouble->why};
    }
  }
  return Done{};
}

Result<std::unique_ptr<Shell>> Shell::open(const stage::Room& room) {
  if (auto checked = check(room.settings); !checked) return checked.error();
  auto config = config_of(room.settings);
  if (!config) return config.error();
  config->life = room.life;
  auto store = open_store(room, store_config(room.settings, *config), Speaks::kLimits);
  if (!store) return store.error();
  return std::make_unique<Shell>(std::move(*config), std::move(*store), port::random_id());
}

Shell::Shell(Config config, std::unique_ptr<StorePort> store, std::uint64_t seed)
    : core_(std::move(config), seed), store_(std::move(store)), last_own_(kOwnCalls) {}

Status Shell::start(stage::Stage<Core>& stage) {
  stage_ = &stage;
  store_->start({[this](const StoreReply& reply) { answered(reply); },
                 [this](Error error) { stage_->give_up(std::move(error)); }});
  stage.metrics().on_scrape([this] { count(); });
  stage.poller().after(kNameEvery, [this] { name_unknown(); });
  stage.poller().after(kLookEvery, [this] { look_at_peers(); });
  stage.poller().after(kNameEvery, [this] { look_at_clocks(); });
  return Done{};
}

void Shell::perform(Core::Effect effect) {
  if (auto* ask = std::get_if<StoreAsk>(&effect)) asks_.push_back(std::move(*ask));
}

void Shell::end_turn() {
  if (!asks_.empty()) store_->perform(asks_);
}

void Shell::answered(const StoreReply& reply) {
  if (reply.call_id > kOwnCalls) return explained(reply.call_id, &reply);
  const bool was_up = core_.store_up();
  stage_->complete(reply);
  const auto* failed = std::get_if<StoreFailed>(&reply.answer);
  if (failed != nullptr && was_up) {
    say_failed(failed->what);
  } else if (failed == nullptr && !was_up && away_said_) {
    stage_->log().info("the store answers");
    away_said_ = false;
  }
}

// One call that fails among others that do not would fill the log.
void Shell::say_failed(const std::string& why) {
  const Instant now = stage_->now();
  if (why == failed_why_ && now - failed_said_ < kFailedAgain) return;
  failed_why_ = why;
  failed_said_ = now;
  away_said_ = true;
  stage_->log().error("the store failed: nothing is granted until it answers", {{"why", why}});
}

void Shell::name_unknown() {
  stage_->poller().after(kNameEvery, [this] { name_unknown(); });
  say_closures();
  for (const auto& [name, said] : core_.counts().unknown_upstreams) {
    if (!named_.insert(name).second) continue;
    stage_->log().error(
        "messages wait for an upstream that no [[upstream]] names: they neither go nor expire "
        "until it is there again",
        {{"upstream", name}});
  }
}

// A closure ends by itself. Until then nothing goes, and /readyz has nothing to say against it.
void Shell::look_at_closures() {
  const auto waiting = core_.waiting(stage_->now());
  const std::size_t closed = waiting[static_cast<std::size_t>(wire::Wait::kClosure)];
  if ((closed > 0) == std::exchange(closed_said_, closed > 0)) return;
  if (closed == 0) return stage_->log().info("no message waits any more for the store to open");
  stage_->log().warning(
      "messages wait, as the store is new or may have forgotten what was sent: it opens by itself, "
      "and sluice-limiter explain KEY says when",
      {{"messages", std::to_string(closed)}});
}

void Shell::say_closures() {
  const auto closed = core_.closures(stage_->now());
  if (!closed) return;
  for (const Closure& one : closure_news_.look(*closed)) {
    stage_->log().warning("an upstream is closed: nothing of it is granted before then",
                          {{"upstream", one.upstream},
                           {"why", std::string(wire::kClosureWords.at(index_of(one.why)))},
                           {"until", timestamp_of(one.until)}});
  }
}

// What only a person can mend: clocks that are apart.
void Shell::look_at_clocks() {
  stage_->poller().after(kNameEvery, [this] { look_at_clocks(); });
  const auto apart = core_.wall_apart();
  if (apart && !std::exchange(apart_said_, true)) {
    stage_->log().error(
        "the clocks of the store's server and of this machine are apart: nothing is granted before "
        "they agree",
        {{"store_ahead_ms", std::to_string(apart->us / 1'000)}});
  } else if (!apart && std::exchange(apart_said_, false)) {
    stage_->log().info("the clocks of the store's server and of this machine agree");
  }
}

// What only a person can mend: two that have one name, and a store of an ingest that does not come.
void Shell::look_at_peers() {
  stage_->poller().after(kLookEvery, [this] { look_at_peers(); });
  look_at_closures();
  for (const std::string& name : namesakes_.look(core_.connected())) {
    stage_->log().error("two processes that live have the same instance: give each its own",
                        {{"who", name}});
  }
  const auto awaited = core_.awaited();
  if (awaited.empty()) {
    awaited_since_.reset();
    awaited_said_ = false;
    return;
  }
  if (!awaited_since_) awaited_since_ = stage_->now();
  if (stage_->now() - *awaited_since_ < kAwaitedLong || std::exchange(awaited_said_, true)) return;
  stage_->log().error(
      "after a closure nothing is granted before these stores of ingests have announced: start "
      "them, or take out of ingest_stores (SIGHUP) what is gone for good",
      {{"awaited", joined({awaited.begin(), awaited.end()})}});
}

std::string Shell::not_ready() {
  if (std::string why = store_->trouble(); !why.empty()) return why;
  if (!core_.store_up()) return "the store has not answered";
  if (core_.wall_apart()) return "the store's clock and this machine's are apart";
  if (core_.dispatchers() == 0) return "no dispatcher is connected";
  if (!core_.auditor()) return "no auditor is connected";
  if (awaited_said_) {
    const auto awaited = core_.awaited();
    return "after a closure these stores of ingests have not announced: " +
           joined({awaited.begin(), awaited.end()});
  }
  return "";
}

Result<std::vector<std::string>> Shell::reload(const Settings& settings) {
  auto config = config_of(settings);
  if (!config) return config.error();
  config->upstreams = edited(core_.config().upstreams, std::move(config->upstreams));
  store_->set_config(store_config(settings, *config), "SIGHUP");
  core_.edit(std::move(*config));
  std::vector<std::string> taken = taken_rows();
  taken.insert(taken.end(), {"[[upstream]]", "[[limit]]"});
  return taken;
}

bool Shell::health(const port::HttpRequest& request, const stage::Respond& respond) {
  if (request.path != "/v1/explain") return false;
  if (request.method != "GET") {
    respond(port::problem(405, "Method Not Allowed", "only GET here"));
  } else if (!request.from_here) {
    respond(port::problem(403, "Forbidden", "it names keys and ids: ask from this machine"));
  } else {
    explain(request, respond);
  }
  return true;
}

void Shell::explain(const port::HttpRequest& request, const stage::Respond& respond) {
  const auto key = request.parameter("key");
  const auto id = request.parameter("id");
  if (key.has_value() == id.has_value()) {
    return respond(port::problem(400, "Bad Request", "either key= or id= is needed"));
  }
  const Instant now = stage_->now();
  auto explained = key ? core_.explain_key(*key, now) : core_.explain_id(*id, now);
  if (!explained) {
    return respond(port::problem(
        404, "Not Found",
        key ? "nothing of this key waits here or is under way"
            : "no message of this id is in a line or under way: it has ended, is beyond its "
              "line's head, or never was; GET /v1/messages/ID at the front door knows which"));
  }
  const std::uint64_t call_id = ++last_own_;
  std::vector<StoreAsk> asks = {{call_id, Peek{explained->upstream, {explained->key}}}};
  const auto patience = stage_->poller().after(
      kExplainPatience, [this, call_id] { this->explained(call_id, nullptr); });
  asked_.emplace(
      call_id, Asked{std::move(*explained), request.parameter("as") == "text", respond, patience});
  store_->perform(asks);
}

// `answer` nullptr: the store has not answered in time.
void Shell::explained(std::uint64_t call_id, const StoreReply* reply) {
  auto found = asked_.extract(call_id);
  if (found.empty()) return;
  Asked& asked = found.mapped();
  stage_->poller().cancel(asked.patience);
  const auto* peek = reply == nullptr ? nullptr : std::get_if<PeekReply>(&reply->answer);
  const bool same =
      reply != nullptr && reply->limits_version == core_.limits_version(asked.explained.upstream);
  if (peek != nullptr && same && !peek->keys.empty()) {
    core_.foretell(asked.explained, peek->keys.front(), stage_->now());
  }
  port::HttpResponse response;
  response.body = asked.as_text ? sentences_of(asked.explained) : json_of(asked.explained);
  if (asked.as_text) response.content_type = "text/plain; charset=utf-8";
  asked.respond(std::move(response));
}

void Shell::count_closures() {
  stage::Metrics& metrics = stage_->metrics();
  std::map<std::string, Duration> left;
  for (const Upstream& upstream : core_.config().upstreams) left[upstream.name] = {};
  const auto closed = core_.closures(stage_->now());
  for (const Closure& one : closed.value_or(std::vector<Closure>{})) left[one.upstream] = one.left;
  for (const auto& [name, span] : left) {
    if (!closed) break;
    metrics
        .gauge("sluice_limiter_closed_seconds",
               "How long the upstream stays closed; 0: it is open.", {{"upstream", name}})
        .set(static_cast<double>(span.us) / 1e6);
  }
  for (const auto& [of, times] : closure_news_.counts()) {
    metrics
        .counter("sluice_limiter_closures_total", "Closures that this limiter has seen, by why.",
                 {{"upstream", of.first},
                  {"why", std::string(wire::kClosureWords.at(index_of(of.second)))}})
        .set(times);
  }
}

void Shell::count() {
  count_closures();
  stage::Metrics& metrics = stage_->metrics();
  const Counts& counts = core_.counts();
  const auto total = [&](std::string_view name, std::string_view help, std::uint64_t n,
                         stage::Labels labels = {}) {
    metrics.counter(name, help, std::move(labels)).set(n);
  };
  total("sluice_limiter_offers_total", "Offers of messages.", counts.offered);
  total("sluice_limiter_grants_total", "Grants of the store.", counts.granted);
  total("sluice_limiter_refusals_total", "Questions to which the store said: not now.",
        counts.refused);
  total("sluice_limiter_dispatches_total", "Attempts handed to a dispatcher.", counts.dispatched);
  total("sluice_limiter_parked_total", "Messages that left the line unsent.", counts.parked);
  total("sluice_limiter_wants_total", "Questions for the head of a key's rows.", counts.wants);
  total("sluice_limiter_quotes_total", "Questions when a message would go.", counts.quotes);
  total("sluice_limiter_orphans_total", "Outcomes of other lives' attempts.", counts.orphans);
  total("sluice_limiter_store_failed_total", "Calls that failed or were not answered in time.",
        counts.store_failed);
  total("sluice_limiter_lines_refused_total", "Lines that the auditor took for invalid.",
        counts.lines_refused);
  total("sluice_limiter_conflicts_total", "Offers of a known identity with other bytes.",
        counts.conflicts);
  for (const auto& [name, said] : counts.unknown_upstreams) {
    total("sluice_limiter_unknown_upstream_total",
          "Messages and rows of an upstream that no [[upstream]] names: they wait.", said,
          {{"upstream", name}});
  }
  for (const auto& [name, refused] : counts.shadows) {
    total("sluice_limiter_shadow_refusals_total", "Grants that a shadow limit would have refused.",
          refused, {{"upstream", name.first}, {"limit", name.second}});
  }
  for (std::size_t i = 1; i < kSettlements.size(); ++i) {
    total("sluice_limiter_settled_total", "Messages that ended, by how.", counts.settled[i],
          {{"settlement", std::string(kSettlements[i])}});
  }
  for (std::size_t i = 1; i < kEnds.size(); ++i) {
    total("sluice_limiter_attempts_total", "Attempts that ended, by how.", counts.ended[i],
          {{"ended", std::string(kEnds[i])}});
  }
  const auto waiting = core_.waiting(stage_->now());
  for (std::size_t i = 1; i < kWaits.size(); ++i) {
    metrics
        .gauge("sluice_limiter_waiting", "Messages in lines, by why they wait.",
               {{"why", std::string(kWaits[i])}})
        .set(static_cast<double>(waiting[i]));
  }
  for (const auto& [upstream, offset] : core_.clock_offsets()) {
    metrics
        .gauge("sluice_limiter_clock_offset_seconds",
               "How far store time is ahead of the clock of the store's server, which stepped.",
               {{"upstream", upstream}})
        .set(static_cast<double>(offset.us) / 1e6);
  }
  const auto departs = core_.departures(stage_->now());
  metrics.gauge("sluice_limiter_departure_next_seconds", "When the next message goes; 0: unknown.")
      .set(static_cast<double>(departs.next.us) / 1e6);
  metrics
      .gauge("sluice_limiter_departure_last_seconds",
             "When the last of those that wait goes; 0: unknown.")
      .set(static_cast<double>(departs.last.us) / 1e6);
  metrics.gauge("sluice_limiter_messages", "Messages in memory.")
      .set(static_cast<double>(core_.messages()));
  metrics.gauge("sluice_limiter_keys", "Keys with anything in memory.")
      .set(static_cast<double>(core_.keys()));
  metrics.gauge("sluice_limiter_keys_known", "Keys whose rows are yet to be asked for.")
      .set(static_cast<double>(core_.known_keys()));
  metrics.gauge("sluice_limiter_unrecorded", "Lines that wait for the auditor.")
      .set(static_cast<double>(core_.unrecorded()));
}

}  // namespace sluice::limiter
