#include "alerter/shell.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "alerter/settings.h"
#include "lib/port/clock.h"

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
          .tables = {{"sink", sink_rows()}}};
}

Status Shell::check(const Settings& settings) {
  auto config = read_config(settings, ".");
  if (!config) return config.error();
  return Done{};
}

Result<std::unique_ptr<Shell>> Shell::open(const stage::Room& room) {
  auto config = read_config(room.settings, room.data_dir);
  if (!config) return config.error();
  auto state = SqliteState::open(room.data_dir + "/alerts.db");
  if (!state) return state.error();
  return std::unique_ptr<Shell>(new Shell(room, std::move(*config), std::move(*state)));
}

Shell::Shell(const stage::Room& room, Config config, std::unique_ptr<SqliteState> state)
    : config_(std::move(config)),
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
  stage.metrics().on_scrape([this] { show_counts(stage_->metrics()); });
  upkeep();
  return Done{};
}

std::string Shell::not_ready() { return core_.ready() ? "" : "no auditor is connected"; }

// ---- effects -----------------------------------------------------------------------------------

void Shell::perform(AlerterCore::Effect effect) {
  if (const auto* state = std::get_if<StateAsk>(&effect)) {
    perform(*state);
  } else if (const auto* deliver = std::get_if<Deliver>(&effect)) {
    perform(*deliver);
  }
}

void Shell::perform(const StateAsk& ask) {
  StateAnswer answer = state_->answer(ask.call);
  if (const auto* failed = std::get_if<StateFailed>(&answer)) {
    log_.error("state call failed", {{"why", failed->what}});
  }
  stage_->complete(StateReply{ask.call_id, std::move(answer)});
}

void Shell::perform(const Deliver& ask) {
  const auto sink = std::find_if(config_.sinks.begin(), config_.sinks.end(),
                                 [&](const Sink& one) { return one.name == ask.sink; });
  CHECK(sink != config_.sinks.end());
  switch (sink->kind) {
    case SinkKind::kStandardOutput:
      return delivered(ask.call_id, ask.sink, standard_output_.deliver(ask.alert));
    case SinkKind::kFile:
      return delivered(ask.call_id, ask.sink, files_.at(ask.sink).deliver(ask.alert));
    case SinkKind::kWebhook:
      return post(*http_, *sink, ask.alert,
                  [this, id = ask.call_id, name = ask.sink](const Status& how) {
                    delivered(id, name, how);
                  });
  }
}

void Shell::delivered(std::uint64_t call_id, const std::string& sink, const Status& how) {
  if (!how.ok()) {
    log_.warning("alert not delivered, will be tried again",
                 {{"sink", sink}, {"why", how.error().what}});
  }
  stage_->complete(Delivered{call_id, how.ok(), how.ok() ? "" : how.error().what});
}

// ---- upkeep and figures ------------------------------------------------------------------------

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
  metrics.gauge("sluice_alerts_undelivered", "Alerts in memory that have not reached all sinks.")
      .set(static_cast<double>(core_.undelivered()));
}

}  // namespace sluice::alerter
