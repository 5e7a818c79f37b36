#include "tests/sim/system.h"

#include <algorithm>
#include <utility>

#include "tests/sim/checks.h"

namespace sluice::sim {
namespace {

limiter::StoreConfig store_settings(const Settings& settings) {
  limiter::StoreConfig store;
  store.upstreams = settings.upstreams;
  store.store_overlap = settings.store_overlap;
  return store;
}

}  // namespace

System::System(World& world, Settings settings)
    : world_(world),
      settings_(std::move(settings)),
      network_(world),
      queue_(world, witnesses_),
      trail_(world, witnesses_),
      ledger_(world),
      store_(world, witnesses_, store_settings(settings_)),
      producer_(world, witnesses_, settings_, queue_),
      people_(world, settings_, [this](const ingest::ControlKey& control) { say(control); }),
      editors_(
          world, settings_, [this](const ingest::AskLimits& limits) { ask(limits); },
          [this](const auto& upstreams) { edit(upstreams); }) {
  for (const Upstream& upstream : settings_.upstreams) {
    upstreams_[upstream.name] = std::make_unique<UpstreamFake>(world, witnesses_, upstream);
    if (settings_.stated_day) upstreams_[upstream.name]->answer_steadily(settings_.answer_max);
  }
  producer_.others_hear([this](const ingest::Respond& answer) {
    const auto* taken = std::get_if<ingest::ControlTaken>(&answer.answer);
    if (taken) witnesses_.tell(&Witness::person_hears, answer.request_id, taken->heard);
    people_.hears(answer);
    if (answer.request_id <= Editors::kRequests) return;
    witnesses_.tell(&Witness::limits_answered, answer);
    editors_.hears(answer);
  });
  auditor_ = std::make_unique<AuditorNode>(world, network_, settings_.auditor, trail_, ledger_,
                                           settings_.costs_elsewhere);
  alerter_ =
      std::make_unique<AlerterNode>(world, network_, witnesses_, settings_.alerter, alert_state_);
  alerter_->dials(wire::Role::kAuditor, *auditor_);
  store_.give_more(settings_.store_gives_more);
  store_.sabotage_edits(settings_.edit_bugs);
  store_.sabotage(settings_.store_bugs);
  if (settings_.edits_forget) store_.forget_by_edits();
  if (settings_.warnings_pass) store_.forget_warnings();
  if (settings_.pauses_pass) store_.forget_pauses();
  if (settings_.store_crowds) store_.count_none_under_way();
  if (settings_.lives_pass) store_.compare_no_lives();
  if (settings_.store_evicts) store_.evict_logs();
  add_limiters();
  add_dispatchers();
  add_ingests();
  add_witnesses();
  store_.tells([this] { store_forgot(); });
}

void System::store_forgot() {
  for (const auto& limiter : limiters_)
    if (world_.prng.chance(world_.faults.store_as_whole.with_limiter)) limiter->crash();
}

void System::add_limiters() {
  for (int i = 1; i <= settings_.limiters; ++i) {
    limiter::Config config = settings_.limiter;
    config.shares_store = settings_.limiters > 1;
    for (int n = 1; n <= settings_.ingests; ++n)
      config.ingest_stores.push_back("ingest-" + std::to_string(n));
    limiters_.push_back(std::make_unique<LimiterNode>(
        world_, network_, witnesses_, "limiter-" + std::to_string(i), config, store_));
    limiters_.back()->dials(wire::Role::kAuditor, *auditor_);
    if (settings_.limiters > 1) limiters_.back()->share_store();
  }
}

// A person speaks at any front door.
void System::say(const ingest::ControlKey& control) {
  witnesses_.tell(&Witness::person_says, control);
  const auto by = world_.prng.below(ingests_.size());
  ingests_[by]->work(control);
}

void System::ask(const ingest::AskLimits& limits) {
  witnesses_.tell(&Witness::limits_asked, limits);
  ingests_[world_.prng.below(ingests_.size())]->work(limits);
}

// All limiters have the same file, and read it one after the other (SIGHUP).
void System::edit(const std::vector<Upstream>& upstreams) {
  const std::uint64_t version = ++edits_;
  const auto later = [&](auto& node) {
    const Duration late = world_.prng.between(Duration{0}, world_.faults.people.edit_late);
    world_.agenda.after(late, [this, &node, upstreams, version] {
      if (version == edits_) node.edit(upstreams);
    });
  };
  for (const auto& limiter : limiters_) later(*limiter);
  later(*auditor_);
}

void System::add_dispatchers() {
  std::map<std::string, UpstreamFake*> upstreams;
  for (const auto& [name, upstream] : upstreams_) upstreams[name] = upstream.get();
  for (int i = 1; i <= settings_.dispatchers; ++i) {
    dispatchers_.push_back(std::make_unique<DispatcherNode>(world_, network_, witnesses_,
                                                            "dispatcher-" + std::to_string(i),
                                                            settings_.dispatcher, upstreams));
    for (const auto& limiter : limiters_)
      limiter->dials(wire::Role::kDispatcher, *dispatchers_.back());
  }
}

void System::add_ingests() {
  for (int i = 1; i <= settings_.ingests; ++i) {
    ingest::Config config = settings_.ingest;
    config.store = "ingest-" + std::to_string(i);
    parkings_.push_back(std::make_unique<ParkingFake>(world_, witnesses_, config.store));
    parkings_.back()->tear(settings_.parking_tears);
    parkings_.back()->go_by_sent_time(settings_.rows_by_sent_time);
    ingests_.push_back(std::make_unique<IngestNode>(world_, network_, config, *parkings_.back(),
                                                    queue_, producer_));
    if (i == 1) ingests_.back()->read_in_order();
    for (const auto& limiter : limiters_) {
      const bool reached = !settings_.cut_off || i > 1 || limiter == limiters_.front();
      if (reached) ingests_.back()->dials(wire::Role::kLimiter, *limiter);
    }
    ingests_.back()->dials(wire::Role::kAuditor, *auditor_);
    producer_.knows(*ingests_.back());
  }
}

void System::add_witnesses() {
  witnesses_.add(check_p1(world_));
  witnesses_.add(check_p2(world_));
  witnesses_.add(check_p3(world_));
  witnesses_.add(check_p4(world_, settings_));
  witnesses_.add(check_p5(world_));
  if (auto p6 = check_p6(world_, settings_)) witnesses_.add(std::move(p6));
  if (auto turns = check_turns(world_, settings_)) witnesses_.add(std::move(turns));
  witnesses_.add(check_p7(world_));
  witnesses_.add(check_pauses(world_, settings_));
  witnesses_.add(check_reopening(world_, settings_));
  witnesses_.add(check_p9(world_, settings_));
  // (Whose store gives more goes by other limits than were said, and P1 is to see that.)
  if (settings_.store_gives_more == 0) witnesses_.add(check_limits(world_));
  if (auto stated = check_stated(world_, settings_)) witnesses_.add(std::move(stated));
  witnesses_.add(check_order(world_, settings_));
  witnesses_.add(check_in_order(world_));
  witnesses_.add(check_costs(world_, ledger_));
  witnesses_.add(check_alerts(world_, settings_, ledger_));
}

std::vector<Process*> System::processes() const {
  std::vector<Process*> all;
  for (const auto& limiter : limiters_) all.push_back(limiter.get());
  all.insert(all.end(), {auditor_.get(), alerter_.get()});
  for (const auto& ingest : ingests_) all.push_back(ingest.get());
  for (const auto& dispatcher : dispatchers_) all.push_back(dispatcher.get());
  return all;
}

void System::begin() {
  for (Process* process : processes()) {
    world_.agenda.after(world_.prng.between(Duration{0}, seconds(1)), [process] {
      process->boot();
      process->suffer();
    });
  }
  world_.agenda.after(seconds(1), [this] { producer_.begin(); });
  network_.suffer();
  store_.suffer();
  people_.begin();
  editors_.begin();
  for (const auto& [name, upstream] : upstreams_) upstream->suffer();
}

void System::heal() {
  world_.heal();
  world_.healed_at = world_.now();
  network_.heal();
}

std::size_t System::rows() const {
  std::size_t rows = 0;
  for (const auto& parking : parkings_) rows += parking->rows();
  return rows;
}

// Of what persons said each parking knows the last word.
bool System::agreed() const {
  const auto words = parkings_.front()->words();
  return std::all_of(parkings_.begin(), parkings_.end(),
                     [&](const auto& parking) { return parking->words() == words; });
}

bool System::quiet() const {
  if (!agreed()) return false;
  if (!producer_.done() || !people_.done() || !editors_.done() || rows() > 0 || queue_.size() > 0)
    return false;
  for (const auto& limiter : limiters_) {
    const auto* core = limiter->core();
    if (!core || core->messages() > 0 || core->unrecorded() > 0) return false;
  }
  return alert_state_.undelivered() == 0 && alert_state_.cursor() >= ledger_.last_alert();
}

// The reasons of the limiters, by their numbers on the wire.
std::string System::why_they_wait() const {
  std::string said;
  for (const auto& limiter : limiters_) {
    said += ", " + limiter->name();
    const auto* core = limiter->core();
    if (!core) {
      said += ": down";
      continue;
    }
    said += ": " + std::to_string(core->messages()) + " messages, " +
            std::to_string(core->unrecorded()) + " unrecorded";
    const auto reasons = core->waiting(limiter->clock());
    for (std::size_t why = 0; why < reasons.size(); ++why)
      if (reasons[why] > 0)
        said += ", " + std::to_string(reasons[why]) + " wait for " + std::to_string(why);
  }
  return said;
}

std::string System::what_is_open() const {
  return std::string(producer_.done() ? "" : "producer waits; ") +
         (people_.done() ? "" : "people were not heard; ") +
         (agreed() ? "" : "not every parking has the last words; ") +
         (editors_.done() ? "" : "the first limits are not known to hold; ") +
         std::to_string(rows()) + " rows, " + std::to_string(queue_.size()) + " queue copies" +
         why_they_wait() + ", " + std::to_string(alert_state_.undelivered()) + " alerts, cursor " +
         std::to_string(alert_state_.cursor()) + " of " + std::to_string(ledger_.last_alert());
}

std::uint64_t System::arrivals() const {
  std::uint64_t sum = 0;
  for (const auto& [name, upstream] : upstreams_) sum += upstream->arrivals();
  return sum;
}

std::uint64_t System::crashes() const {
  std::uint64_t sum = 0;
  for (const Process* process : processes()) sum += process->crashes();
  return sum;
}

}  // namespace sluice::sim
