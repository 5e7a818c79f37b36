#include "dispatcher/shell.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "lib/aws/settings.h"
#include "lib/port/clock.h"
#include "lib/stage/upstreams.h"

namespace sluice::dispatcher {

namespace {

constexpr std::array<std::string_view, 7> kEnded = {
    "", "delivered", "refused", "failed", "throttled", "unknown", "not_started"};
constexpr std::array<std::string_view, 9> kNotStarted = {
    "", "", "too_late", "full", "recalled", "connect", "never_seen", "draining", "lane"};

constexpr std::uint64_t kDescriptorsOwn = 128;  // links, health, log, ...
constexpr std::size_t kKeysNamed = 100;         // of those without a credential ...
constexpr Duration kNamedFor = hours(1);        // ... until others may be named

double number_of(Breaker::State state) {
  switch (state) {
    case Breaker::State::kClosed:
      return 0;
    case Breaker::State::kHalfOpen:
      return 1;
    case Breaker::State::kOpen:
      return 2;
  }
  return 0;
}

HttpConfig http_config_of(const Settings& settings, const std::vector<Upstream>& upstreams) {
  return {upstreams, settings.stage.flag("allow_link_local"),
          static_cast<std::size_t>(settings.stage.whole("answer_max"))};
}

// One upstream's connections must not leave another without a descriptor.
Status check_descriptors(const std::vector<Upstream>& upstreams) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return Done{};
  std::uint64_t wanted = kDescriptorsOwn;
  for (const Upstream& upstream : upstreams) wanted += upstream.in_flight;
  if (wanted <= limit.rlim_max) return Done{};
  return Error{Trouble::kSettings, "in_flight of all upstreams needs " + std::to_string(wanted) +
                                       " file descriptors, this process may have " +
                                       std::to_string(limit.rlim_max) +
                                       ": lower in_flight, or raise the hard limit (ulimit -Hn)"};
}

Result<std::vector<aws::NamedSecret>> secrets_of(const Settings& settings) {
  auto tables = stage::upstream_tables(settings);
  if (!tables) return tables.error();
  std::vector<aws::NamedSecret> named;
  for (const SettingTable& table : *tables) {
    aws::name_secrets(table, {"credential", "credential_default"}, {"sign"}, named);
  }
  return named;
}

}  // namespace

stage::StageInfo Shell::info() {
  return {.name = "dispatcher",
          .what = "Makes the HTTP attempts and says how they ended.",
          .role = wire::Role::kDispatcher,
          .health_listen = "127.0.0.1:8083",
          .takes = {wire::Role::kLimiter},
          .rows = setting_rows(),
          .tables = {{"aws", aws::setting_rows()}},
          .many = true,
          .upstreams = true};
}

Status Shell::check(const Settings& settings) {
  auto upstreams = stage::read_upstreams(settings);
  if (!upstreams) return upstreams.error();
  for (const Upstream& upstream : *upstreams) {
    const Duration longest = upstream.connect_timeout + upstream.timeout;
    if (settings.stage.duration("stop_timeout") < longest) {
      return Error{Trouble::kSettings,
                   "stop_timeout is shorter than an attempt at upstream " + upstream.name +
                       " may take (connect_timeout + timeout = " + print_duration(longest) + ")"};
    }
  }
  if (auto enough = check_descriptors(*upstreams); !enough) return enough.error();
  port::Poller poller;
  auto http = Http::open(poller, http_config_of(settings, *upstreams), {});
  if (!http) return http.error();
  return Done{};
}

Shell::Shell(Config config, HttpConfig http_config)
    : config_(config), http_config_(std::move(http_config)), core_(std::move(config)) {}

Result<std::unique_ptr<Shell>> Shell::open(const stage::Room& room) {
  if (auto fine = check(room.settings); !fine) return fine.error();
  auto upstreams = stage::read_upstreams(room.settings);
  if (!upstreams) return upstreams.error();
  HttpConfig http_config = http_config_of(room.settings, *upstreams);
  Config config = config_from(room.settings.stage, std::move(*upstreams));
  return std::unique_ptr<Shell>(new Shell(std::move(config), std::move(http_config)));
}

Status Shell::start(stage::Stage<Core>& stage) {
  stage_ = &stage;
  auto named = secrets_of(stage.settings());
  if (!named) return named.error();
  auto secrets = aws::Secrets::open(stage.poller(), stage.log(), stage.settings(), *named);
  if (!secrets) return secrets.error();
  secrets_ = std::move(*secrets);
  auto http =
      Http::open(stage.poller(), http_config_,
                 {[this](const wire::Attempt& attempt) {
                    return core_.may_start(attempt, port::steady_now());
                  },
                  [this](HttpEnded ended) { this->ended(std::move(ended)); }, secrets_.get()});
  if (!http) return http.error();
  http_ = std::move(*http);
  stage.metrics().on_scrape([this] { refresh(); });
  return Done{};
}

void Shell::perform(Core::Effect effect) {
  if (auto* start = std::get_if<StartHttp>(&effect)) {
    running_[start->attempt] = {start->upstream, start->key};
    http_->start(std::move(*start));
  } else if (const auto* stop = std::get_if<StopHttp>(&effect)) {
    running_.erase(stop->attempt);
    http_->stop(stop->attempt);
  }
}

void Shell::ended(HttpEnded ended) {
  const auto found = running_.extract(ended.attempt);
  const Running of = found ? found.mapped() : Running{};
  const std::string& upstream = of.upstream;
  note_credential(upstream, of.key, ended);
  stage::Metrics& metrics = stage_->metrics();
  if (ended.end == HttpEnd::kAnswered) {
    metrics
        .counter("sluice_answers_total", "Answers by HTTP status",
                 {{"upstream", upstream}, {"status", std::to_string(ended.status)}})
        .add();
    metrics
        .histogram("sluice_attempt_seconds", "From an attempt's first byte to its answer's last",
                   {{"upstream", upstream}})
        .observe(ended.ended - ended.sent.value_or(ended.ended));
  } else if (ended.end != HttpEnd::kDenied && ended.end != HttpEnd::kNoCredential) {
    stage_->log().warning("no answer", {{"upstream", upstream}, {"reason", ended.reason}});
  }
  stage_->complete(std::move(ended));
}

// Said once, until the key has one again.
void Shell::note_credential(const std::string& upstream, const std::string& key,
                            const HttpEnded& ended) {
  if (ended.end != HttpEnd::kNoCredential) {
    if (!without_credential_.empty()) without_credential_.erase(key);
    return;
  }
  stage_->metrics()
      .counter("sluice_no_credential_total", "Attempts whose key had no credential",
               {{"upstream", upstream}})
      .add();
  if (without_credential_.size() >= kKeysNamed) {
    if (stage_->now() < naming_since_ + kNamedFor) return;
    without_credential_.clear();
  }
  if (without_credential_.empty()) naming_since_ = stage_->now();
  if (!without_credential_.insert(key).second) return;
  stage_->log().warning("a key has no credential; its messages wait",
                        {{"upstream", upstream}, {"key", key}, {"reason", ended.reason}});
}

// What the core counts, as of now.
void Shell::refresh() {
  stage::Metrics& metrics = stage_->metrics();
  const Counts& counts = core_.counts();
  for (std::size_t i = 1; i < kEnded.size(); ++i) {
    metrics
        .counter("sluice_attempts_total", "Attempts by how they ended",
                 {{"ended", std::string(kEnded[i])}})
        .set(counts.ended[i]);
  }
  for (std::size_t i = 2; i < kNotStarted.size(); ++i) {
    metrics
        .counter("sluice_attempts_not_started_total", "Attempts that were not started, by reason",
                 {{"why", std::string(kNotStarted[i])}})
        .set(counts.not_started[i]);
  }
  const auto total = [&](std::string_view name, std::string_view help, std::uint64_t count) {
    metrics.counter(name, help).set(count);
  };
  total("sluice_outcomes_said_again_total", "Outcomes said more than once", counts.said_again);
  total("sluice_dispatch_duplicates_total", "Dispatches of a known attempt", counts.duplicates);
  total("sluice_penalties_total", "Answers that closed a key", counts.penalties);
  total("sluice_attempts_given_up_total", "Attempts whose end was lost", counts.given_up);
  total("sluice_clock_contradictions_total", "Round trips that cannot be true",
        counts.clock_doubted);
  metrics.gauge("sluice_table_attempts", "Attempts in the table")
      .set(static_cast<double>(core_.table_size()));
  metrics.gauge("sluice_keys_without_credential", "Keys without a credential that are named")
      .set(static_cast<double>(without_credential_.size()));
  metrics.gauge("sluice_limiters_connected", "Limiters connected")
      .set(static_cast<double>(core_.limiters()));
  for (const UpstreamView& view : core_.upstreams(stage_->now())) {
    const stage::Labels labels = {{"upstream", view.name}};
    metrics.gauge("sluice_attempts_in_flight", "Attempts under way", labels)
        .set(static_cast<double>(view.running));
    metrics.gauge("sluice_attempts_queued", "Attempts that wait for room in flight", labels)
        .set(static_cast<double>(view.queued));
    metrics.gauge("sluice_outcomes_unsettled", "Outcomes that no limiter has completed", labels)
        .set(static_cast<double>(view.unsettled));
    metrics.gauge("sluice_breaker_state", "0 closed, 1 half-open, 2 open", labels)
        .set(number_of(view.breaker));
  }
}

std::string Shell::not_ready() {
  if (core_.limiters() == 0) return "no limiter is connected";
  if (!core_.knows_time(stage_->now())) return "store time is not known yet";
  return http_->trouble();
}

bool Shell::health(const port::HttpRequest& request, const stage::Respond& respond) {
  const bool asked = request.path == "/readyz" && request.method == "GET";
  if (!asked || draining_ || without_credential_.empty() || !not_ready().empty()) {
    return false;
  }
  port::HttpResponse response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = "ready\n";
  for (const std::string& key : without_credential_) {
    std::string shown = key;
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c >= 0 && c < ' '; }, '?');
    response.body += "no credential for key " + shown + "\n";
  }
  respond(std::move(response));
  return true;
}

void Shell::drain() {
  draining_ = true;
  core_.drain(stage_->now(), stage_->out());
}

}  // namespace sluice::dispatcher
