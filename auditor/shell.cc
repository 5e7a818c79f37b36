#include "auditor/shell.h"

#include <cstdlib>
#include <utility>

#include "auditor/settings.h"
#include "auditor/uses.h"
#include "lib/aws/settings.h"
#include "lib/digest/digest.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"

namespace sluice::auditor {
namespace {

constexpr int kWorldFailed = 75;
constexpr std::size_t kTokenBytes = 16;
constexpr Duration kSweepEvery = seconds(1);
constexpr Duration kSweepAgain = milliseconds(100);  // while there is more

// How long a call took, in that histogram.
class Stopwatch {
 public:
  explicit Stopwatch(stage::Histogram* into) : into_(into), since_(port::steady_now()) {}
  ~Stopwatch() {
    if (into_ != nullptr) into_->observe(port::steady_now() - since_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  stage::Histogram* into_;
  Instant since_;
};

}  // namespace

std::string trail_directory(const std::string& data_dir) { return data_dir + "/trail"; }
std::string ledger_path(const std::string& data_dir) { return data_dir + "/ledger.db"; }

stage::StageInfo Shell::info() {
  return {.name = "auditor",
          .what = "Writes the trail, watches the limits from outside, books costs, raises alerts.",
          .role = wire::Role::kAuditor,
          .health_listen = "127.0.0.1:8084",
          .takes = {wire::Role::kIngest, wire::Role::kLimiter, wire::Role::kAlerter},
          .rows = setting_rows(),
          .tables = {{"budget", budget_rows()}, {"aws", aws::setting_rows()}},
          .verbs = {"verify [DIR] [--s3]", "show [--key KEY] [--id ID] [--since TIME]", "key NAME",
                    "costs [--month YYYY-MM]", "erase KEY"},
          .upstreams = true};
}

Status Shell::check(const Settings& settings) {
  auto config = read_config(settings);
  if (!config) return config.error();
  auto copies = read_copies(settings);
  if (!copies) return copies.error();
  return Done{};
}

Result<std::unique_ptr<Shell>> Shell::open(const stage::Room& room) {
  auto config = read_config(room.settings);
  if (!config) return config.error();
  auto ledger = SqliteLedger::open(ledger_path(room.data_dir), read_retention(room.settings));
  if (!ledger) return ledger.error();
  std::unique_ptr<Shell> shell(new Shell(room, std::move(*config), std::move(*ledger)));
  if (auto opened = shell->open_aws(room); !opened) return opened.error();
  return shell;
}

Status Shell::open_aws(const stage::Room& room) {
  auto copies = read_copies(room.settings);
  if (!copies) return copies.error();
  CostTable table = read_cost_table(room.settings);
  if (copies->bucket.empty() && table.name.empty()) return Done{};
  auto settings = aws::read_settings(room.settings);
  if (!settings) return settings.error();
  auto session = aws::Session::open(room.poller, *settings, kUses);
  if (!session) return session.error();
  aws_ = std::move(*session);
  if (!copies->bucket.empty()) {
    copies_ =
        std::make_unique<S3Copies>(std::move(*copies), trail_directory(data_dir_),
                                   S3Copies::World{aws_->client(), aws_->world(), log_, room.life});
  }
  if (table.name.empty()) return Done{};
  costs_ = std::make_unique<DynamoCosts>(
      std::move(table),
      DynamoCosts::World{aws_->client(), aws_->world(),
                         [] { return to_hex(port::random_bytes(kTokenBytes)); }, room.life});
  split_ = std::make_unique<SplitLedger>(
      [this](const LedgerCall& call) { return ledger_->answer(call); }, *costs_, log_);
  return Done{};
}

Shell::Shell(const stage::Room& room, Config config, std::unique_ptr<SqliteLedger> ledger)
    : core_(std::move(config)),
      data_dir_(room.data_dir),
      trail_(trail_directory(room.data_dir)),
      ledger_(std::move(ledger)),
      log_(room.log),
      append_seconds_(room.metrics.histogram("sluice_trail_append_seconds",
                                             "Write and fsync of a batch of lines.")),
      book_seconds_(
          room.metrics.histogram("sluice_ledger_book_seconds", "One transaction of the ledger.")) {}

Status Shell::start(stage::Stage<AuditorCore>& stage) {
  stage_ = &stage;
  stage.metrics().on_scrape([this] { show_counts(stage_->metrics()); });
  stage.poller().after(seconds(1), [this] { upkeep(); });
  stage.poller().after(kSweepEvery, [this] { sweep(); });
  return Done{};
}

std::string Shell::not_ready() {
  if (core_.ready()) return "";
  return trouble_.empty() ? "trail and ledger are being opened" : trouble_;
}

Result<std::vector<std::string>> Shell::reload(const Settings& settings) {
  auto config = read_config(settings);
  if (!config) return config.error();
  core_.edit(config->upstreams);
  core_.edit(config->budgets);
  return std::vector<std::string>{"[[upstream]]", "[[limit]]", "[[budget]]"};
}

// ---- effects -----------------------------------------------------------------------------------

void Shell::perform(AuditorCore::Effect effect) {
  if (const auto* trail = std::get_if<TrailAsk>(&effect)) {
    perform(*trail);
  } else if (const auto* ledger = std::get_if<LedgerAsk>(&effect)) {
    perform(*ledger);
  } else if (const auto* halt = std::get_if<Halt>(&effect)) {
    end_process(halt->what + "; the trail is " + trail_directory(data_dir_) + ", its ledger " +
                ledger_path(data_dir_) +
                ": `sluice-auditor verify` says more; restore both, or move the whole directory "
                "away and begin anew");
  }
}

void Shell::perform(const TrailAsk& ask) {
  const bool appends = std::holds_alternative<TrailAppend>(ask.call);
  auto answer = [&] {
    const Stopwatch watch(appends ? &append_seconds_ : nullptr);
    return trail_.answer(ask.call);
  }();
  if (!answer) end_process(answer.error().what);
  if (const auto* failed = std::get_if<TrailFailed>(&*answer)) {
    log_.warning("trail call refused", {{"why", failed->what}});
    trouble_ = failed->what;
  } else if (const auto* opened = std::get_if<TrailOpened>(&*answer)) {
    log_.info("trail opened", {{"lines", opened->tail.line},
                               {"segments", opened->tail.segment},
                               {"torn_bytes", opened->cut_bytes}});
  }
  stage_->complete(TrailReply{ask.call_id, std::move(*answer)});
}

void Shell::perform(const LedgerAsk& ask) {
  const Instant since = port::steady_now();
  const bool books = std::holds_alternative<LedgerBook>(ask.call);
  const auto done = [this, since, books](LedgerReply reply) {
    if (books) book_seconds_.observe(port::steady_now() - since);
    answered(std::move(reply));
  };
  if (split_ != nullptr) return split_->perform(ask, done);
  done({ask.call_id, ledger_->answer(ask.call)});
}

void Shell::answered(LedgerReply reply) {
  if (const auto* failed = std::get_if<LedgerFailed>(&reply.answer)) {
    log_.error("ledger call failed", {{"why", failed->what}});
    trouble_ = failed->what;
  } else if (std::holds_alternative<LedgerBooked>(reply.answer)) {
    trouble_.clear();
  }
  stage_->complete(reply);
}

// What was not acknowledged is said again to our next life. Nothing may be written after this, so
// nothing of the loop is run any more.
void Shell::end_process(const std::string& what) {
  log_.error("the trail cannot be continued", {{"why", what}});
  log_.flush();
  std::_Exit(kWorldFailed);
}

// ---- upkeep and figures ------------------------------------------------------------------------

void Shell::upkeep() {
  ledger_->checkpoint_if_due(core_.idle());
  if (copies_ != nullptr && core_.ready()) copy();
  stage_->poller().after(seconds(1), [this] { upkeep(); });
}

void Shell::copy() {
  copies_->look(core_.tail().segment);
  const auto since = copies_->oldest();
  if (since) core_.uncopied(copies_->missing(), *since, port::wall_now(), stage_->now());
}

// Busy or not: what comes in under a load that never pauses must go as well. Not while the ledger
// fails, which would only hold up the loop.
void Shell::sweep() {
  bool again = false;
  if (core_.ready()) {
    const auto more = ledger_->sweep(port::wall_now());
    if (!more) log_.warning("the ledger could not be swept", {{"why", more.error().what}});
    again = more.ok() && *more;
  }
  stage_->poller().after(again ? kSweepAgain : kSweepEvery, [this] { sweep(); });
}

void Shell::show_counts(stage::Metrics& metrics) {
  const Counts& counts = core_.counts();
  constexpr std::string_view kRecords = "sluice_records_total";
  constexpr std::string_view kCosts = "sluice_costs_total";
  constexpr std::string_view kViolations = "sluice_violations_total";
  constexpr std::string_view kRecordsHelp = "Records received.";
  constexpr std::string_view kCostsHelp = "Costs received.";
  constexpr std::string_view kViolationsHelp = "Outcomes that were part of N+1 in one window.";
  metrics.counter(kRecords, kRecordsHelp, {{"what", "written"}}).set(counts.records_written);
  metrics.counter(kRecords, kRecordsHelp, {{"what", "known"}}).set(counts.records_known);
  metrics.counter(kCosts, kCostsHelp, {{"what", "booked"}}).set(counts.costs_booked);
  metrics.counter(kCosts, kCostsHelp, {{"what", "known"}}).set(counts.costs_known);
  metrics.counter(kCosts, kCostsHelp, {{"what", "refused"}}).set(counts.costs_refused);
  metrics.counter(kViolations, kViolationsHelp, {{"certainty", "certain"}})
      .set(counts.violations_certain);
  metrics.counter(kViolations, kViolationsHelp, {{"certainty", "possible"}})
      .set(counts.violations_possible);
  metrics
      .counter("sluice_unwatched_attempts_total", "Attempts under limits that were not known here.")
      .set(counts.unwatched);
  metrics.counter("sluice_alerts_raised_total", "Alerts that were new.").set(counts.alerts_raised);
  metrics.counter("sluice_overflowed_total", "Records and costs beyond pending_max, not taken.")
      .set(counts.overflowed);
  metrics.counter("sluice_reopened_total", "Times that trail and ledger were opened again.")
      .set(counts.reopened);
  metrics.gauge("sluice_trail_lines", "Number of the trail's last line.")
      .set(static_cast<double>(core_.tail().line));
  show_figures(metrics);
  if (copies_ != nullptr) show_copies(metrics);
  if (split_ != nullptr) {
    metrics.gauge("sluice_costs_away", "1: costs cannot be booked in DynamoDB.")
        .set(split_->trouble().empty() ? 0 : 1);
  }
  metrics.gauge("sluice_room", "Records and costs that would be taken now.")
      .set(static_cast<double>(core_.room()));
}

void Shell::show_figures(stage::Metrics& metrics) {
  const Figures& figures = core_.figures();
  const auto in_seconds = [](Duration span) { return static_cast<double>(span.us) / 1e6; };
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    metrics.gauge(name, help).set(value);
  };
  const auto number = [](std::uint64_t n) { return static_cast<double>(n); };
  const DeadShare& dead = figures.dead();
  gauge("sluice_ended_messages", "Messages that ended in figures_window, without cancelled ones.",
        number(dead.all()));
  gauge("sluice_dead_messages", "Of them, how many are dead.", number(dead.dead()));
  constexpr std::string_view kDelay = "sluice_start_delay_seconds";
  constexpr std::string_view kDelayHelp = "From could go to start, in figures_window.";
  const Delays& delays = figures.delays();
  metrics.gauge(kDelay, kDelayHelp, {{"quantile", "0.5"}})
      .set(in_seconds(delays.quantile(500'000)));
  metrics.gauge(kDelay, kDelayHelp, {{"quantile", "0.99"}})
      .set(in_seconds(delays.quantile(990'000)));
  gauge("sluice_held_seconds", "How long a message that could go has waited for Sluice itself.",
        in_seconds(figures.held(stage_->now())));
  gauge("sluice_waiting_messages", "Messages that wait, as ingests say.",
        number(figures.backlogs().waiting()));
  gauge("sluice_dead_letters", "Dead letters that nobody has replayed or purged.",
        number(figures.backlogs().dead()));
  gauge("sluice_watch_attempts", "Attempts that the watch remembers.",
        number(core_.watch().attempts()));
  metrics
      .counter("sluice_watch_let_go_total", "Keys let go of before their time, for want of room.")
      .set(core_.watch().let_go());
}

void Shell::show_copies(stage::Metrics& metrics) {
  const S3Copies::Counts& counts = copies_->counts();
  constexpr std::string_view kName = "sluice_trail_copies_total";
  constexpr std::string_view kHelp = "Segments of the trail in S3, by how they came to be there.";
  metrics.counter(kName, kHelp, {{"result", "put"}}).set(counts.put);
  metrics.counter(kName, kHelp, {{"result", "found"}}).set(counts.found);
  metrics.counter(kName, kHelp, {{"result", "failed"}}).set(counts.failed);
  const auto since = copies_->oldest();
  const Duration age = since ? port::wall_now() - *since : Duration{};
  metrics.gauge("sluice_trail_uncopied_segments", "Sealed segments that have no copy in S3.")
      .set(static_cast<double>(copies_->missing()));
  metrics.gauge("sluice_trail_uncopied_seconds", "For how long the oldest of them has none.")
      .set(static_cast<double>(age.us) / 1e6);
}

}  // namespace sluice::auditor
