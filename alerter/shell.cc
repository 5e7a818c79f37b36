#include "alerter/shell.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "alerter/settings.h"
#include "alerter/uses.h"
#include "alerter/webhook.h"
#include "lib/aws/settings.h"
#include "lib/port/clock.h"
#include "lib/port/secrets.h"

namespace sluice::alerter {
namespace {

constexpr Duration kKeep = hours(24 * 365);  // delivered alerts, so that none is delivered again
constexpr Duration kUpkeepInterval = hours(1);

}  // namespace

stage::StageInfo Shell::info() {
  return {.name = "alerter",
          .what = "Follows the trail's alerts and delivers each to every sink.",
          .role = wire::Role::kAlerter,
          .health_listen = "127.0.0.1:8085",
          .dials = {wire::Role::kAuditor},
          .rows = setting_rows(),
          .tables = {{"sink", sink_rows()}, {"aws", aws::setting_rows()}}};
}

Status Shell::check(const Settings& settings) {
  auto config = read_config(settings, ".");
  if (!config) return config.error();
  return Done{};
}

Result<std::unique_ptr<Shell>> Shell::open(const stage::Room& room) {
  auto config = read_config(room.settings, room.data_dir);
  if (!config) return config.error();
  config->seed = room.life;
  auto state = SqliteState::open(room.data_dir + "/alerts.db");
  if (!state) return state.error();
  std::unique_ptr<Shell> shell(new Shell(room, std::move(*config), std::move(*state)));
  if (auto topics = shell->open_topics(room); !topics) return topics.error();
  if (auto table = shell->open_table(room); !table) return table.error();
  return shell;
}

Status Shell::open_table(const stage::Room& room) {
  const std::string& name = room.settings.stage.text("alerts_table");
  if (auto noted = state_->note_changes(!name.empty()); !noted) return noted;
  if (name.empty()) return Done{};
  auto settings = aws::read_settings(room.settings);
  if (!settings) return settings.error();
  auto session = aws::Session::open(room.poller, *settings, kUses);
  if (!session) return session.error();
  table_aws_ = std::move(*session);
  table_ = std::make_unique<AlertTable>(
      name, *state_, AlertTable::World{table_aws_->client(), table_aws_->world(), log_});
  return Done{};
}

// A topic is called in its own region.
Status Shell::open_topics(const stage::Room& room) {
  for (const Sink& sink : config_.sinks) {
    if (sink.kind != SinkKind::kSns) continue;
    auto settings = aws::read_settings(room.settings);
    if (!settings) return settings.error();
    const std::string region = region_of_topic(sink.topic);
    if (aws_ != nullptr && aws_->region() != region) {
      return Error{Trouble::kSettings, "[[sink]] topic: all topics must be in one region: " +
                                           aws_->region() + " and " + region};
    }
    if (aws_ != nullptr) continue;
    settings->region = region;
    auto session = aws::Session::open(room.poller, *settings, kUses);
    if (!session) return session.error();
    aws_ = std::move(*session);
  }
  return Done{};
}

Shell::Shell(const stage::Room& room, Config config, std::unique_ptr<SqliteState> state)
    : config_(std::move(config)),
      beat_url_(room.settings.stage.text("heartbeat_url")),
      core_(config_),
      state_(std::move(state)),
      standard_output_(STDOUT_FILENO),
      http_(std::make_unique<port::HttpClient>(room.poller)),
      log_(room.log) {
  for (const Sink& sink : config_.sinks) {
    if (sink.kind == SinkKind::kFile) files_.emplace(sink.name, FileSink(sink.path));
  }
}

Status Shell::start(stage::Stage<AlerterCore>& stage) {
  stage_ = &stage;
  const auto named = secrets_of(stage.settings());
  if (!named) return named.error();
  auto secrets = aws::Secrets::open(stage.poller(), log_, stage.settings(), *named);
  if (!secrets) return secrets.error();
  secrets_ = std::move(*secrets);
  stage.metrics().on_scrape([this] { show_counts(stage_->metrics()); });
  upkeep();
  tell_time();
  return Done{};
}

std::string Shell::not_ready() {
  if (core_.ready()) return "";
  if (!core_.keeps()) return trouble_.empty() ? "its state is being opened" : trouble_;
  return "no auditor is connected";
}

// ---- effects -----------------------------------------------------------------------------------

void Shell::perform(AlerterCore::Effect effect) {
  if (const auto* state = std::get_if<StateAsk>(&effect)) {
    perform(*state);
  } else if (const auto* deliver = std::get_if<Deliver>(&effect)) {
    perform(*deliver);
  } else if (std::holds_alternative<Beat>(effect)) {
    beat();
  } else if (const auto* note = std::get_if<Note>(&effect)) {
    log_.error(note->what, {{"alert", note->alert_id}, {"sink", note->sink}});
  }
}

void Shell::perform(const StateAsk& ask) {
  StateAnswer answer = state_->answer(ask.call);
  if (const auto* failed = std::get_if<StateFailed>(&answer)) {
    log_.error("state call failed", {{"why", failed->what}});
    trouble_ = failed->what;
  }
  stage_->complete(StateReply{ask.call_id, std::move(answer)});
}

// A file and a stream have a line for each alert; what they took before is not repeated by the
// file.
void Shell::perform(const Deliver& ask) {
  const auto sink = std::find_if(config_.sinks.begin(), config_.sinks.end(),
                                 [&](const Sink& one) { return one.name == ask.sink; });
  CHECK(sink != config_.sinks.end());
  if (sink->kind == SinkKind::kWebhook) return post(*sink, ask);
  if (sink->kind == SinkKind::kSns) {
    return publish(aws_->client(), *sink, ask.alerts,
                   [this, ask](const Delivered& how) { delivered(ask, how); });
  }
  Status how = Done{};
  for (const wire::Alert& alert : ask.alerts) {
    how = sink->kind == SinkKind::kFile ? files_.at(ask.sink).deliver(alert)
                                        : standard_output_.deliver(alert);
    if (!how.ok()) break;
  }
  delivered(ask, {0, how.ok(), how.ok() ? "" : how.error().what});
}

// Sinks stay where they are.
void Shell::post(const Sink& sink, const Deliver& ask) {
  for (const std::string& reference : references_of(sink)) {
    if (!secrets_->is_being_read(reference)) continue;
    return secrets_->when_read(reference, [this, &sink, ask] { post(sink, ask); });
  }
  auto call = webhook_call(sink, ask.alerts, port::wall_now(),
                           [this](const std::string& one) { return secrets_->read(one); });
  if (!call) return delivered(ask, {0, false, call.error().what});
  http_->send(std::move(*call), [this, &sink, ask](const port::HttpAnswer& answer) {
    const Delivered how = judged(answer);
    if (how.unwelcome) {
      for (const std::string& reference : references_of(sink)) secrets_->refused(reference);
    }
    delivered(ask, how);
  });
}

void Shell::delivered(const Deliver& ask, Delivered how) {
  if (how.unwelcome) {
    log_.error("no alert is delivered to a sink: look at its url and secrets in the settings",
               {{"sink", ask.sink}, {"alerts", ask.alerts.size()}, {"why", how.error}});
  } else if (!how.ok) {
    log_.warning("alert not delivered", {{"sink", ask.sink},
                                         {"alert", ask.alerts.front().alert_id},
                                         {"alerts", ask.alerts.size()},
                                         {"why", how.error}});
  }
  how.call_id = ask.call_id;
  stage_->complete(how);
}

void Shell::beat() {
  port::HttpCall call;
  auto url = url_of(beat_url_, [this](const std::string& one) { return secrets_->read(one); });
  if (!url) return log_.warning("no heartbeat", {{"why", url.error().what}});
  call.url = std::move(*url);
  call.headers = {{"User-Agent", "sluice-alerter"}};
  http_->send(std::move(call), [this](const port::HttpAnswer& answer) {
    const Delivered how = judged(answer);
    if (how.unwelcome) secrets_->refused(beat_url_);
    if (!how.ok) log_.warning("no heartbeat", {{"why", how.error}});
  });
}

// ---- upkeep and figures ------------------------------------------------------------------------

void Shell::tell_time() {
  stage_->accept(WallTime{port::wall_now()});
  if (table_ != nullptr) table_->look();
  stage_->poller().after(seconds(1), [this] { tell_time(); });
}

void Shell::upkeep() {
  if (auto done = state_->sweep(port::wall_now() - kKeep); !done) {
    log_.warning("the state could not be swept", {{"why", done.error().what}});
  }
  stage_->poller().after(kUpkeepInterval, [this] { upkeep(); });
}

void Shell::show_counts(stage::Metrics& metrics) {
  const Counts& counts = core_.counts();
  constexpr std::string_view kName = "sluice_deliveries_total";
  constexpr std::string_view kHelp = "Deliveries of alerts to sinks.";
  metrics.counter("sluice_alerts_total", "Alerts that were new here.").set(counts.alerts_known);
  metrics.counter(kName, kHelp, {{"result", "delivered"}}).set(counts.delivered);
  metrics.counter(kName, kHelp, {{"result", "failed"}}).set(counts.failed);
  metrics.counter(kName, kHelp, {{"result", "given_up"}}).set(counts.given_up);
  metrics.counter("sluice_alerts_quiet_total", "Alerts still firing, said lately: not delivered.")
      .set(counts.quiet);
  metrics.counter("sluice_alerts_unrouted_total", "Alerts that no sink takes.")
      .set(counts.unrouted);
  metrics.counter("sluice_heartbeats_total", "Heartbeats sent.").set(counts.beats);
  if (table_ != nullptr) {
    constexpr std::string_view kTable = "sluice_alerts_recorded_total";
    constexpr std::string_view kTableHelp = "Items of alerts, written to their table.";
    metrics.counter(kTable, kTableHelp, {{"result", "written"}}).set(table_->written());
    metrics.counter(kTable, kTableHelp, {{"result", "failed"}}).set(table_->failed());
  }
  metrics.gauge("sluice_alerts_undelivered", "Alerts in memory that have not reached all sinks.")
      .set(static_cast<double>(core_.undelivered()));
}

}  // namespace sluice::alerter
