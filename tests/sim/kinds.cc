#include "tests/sim/kinds.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "tests/sim/kinds_harmless.h"
#include "tests/sim/system.h"

namespace sluice::sim {
namespace {

template <class Effect>
using IsIt = std::function<bool(const Effect&)>;

template <class Wanted, class Effect>
bool says(const Effect& effect) {
  const auto* send = std::get_if<wire::Send>(&effect);
  return send && std::holds_alternative<Wanted>(send->item);
}
template <class Ask, class Wanted, class Effect>
bool calls(const Effect& effect) {
  const auto* ask = std::get_if<Ask>(&effect);
  return ask && std::holds_alternative<Wanted>(ask->call);
}
template <class Wanted, class Effect>
bool does(const Effect& effect) {
  return std::holds_alternative<Wanted>(effect);
}

// The nodes of a stage, whatever they are kept in.
auto nodes_of(System& system, const ingest::IngestCore*) -> std::vector<IngestNode*> {
  std::vector<IngestNode*> nodes;
  for (auto& one : system.ingests()) nodes.push_back(one.get());
  return nodes;
}
auto nodes_of(System& system, const dispatcher::DispatcherCore*) -> std::vector<DispatcherNode*> {
  std::vector<DispatcherNode*> nodes;
  for (auto& one : system.dispatchers()) nodes.push_back(one.get());
  return nodes;
}
auto nodes_of(System& system, const limiter::LimiterCore*) -> std::vector<LimiterNode*> {
  std::vector<LimiterNode*> nodes;
  for (auto& one : system.limiters()) nodes.push_back(one.get());
  return nodes;
}
auto nodes_of(System& system, const auditor::AuditorCore*) -> std::vector<AuditorNode*> {
  return {&system.auditor()};
}
auto nodes_of(System& system, const alerter::AlerterCore*) -> std::vector<AlerterNode*> {
  return {&system.alerter()};
}

// Of a stage's effects: is it of this kind?
template <class C>
std::vector<bool (*)(const typename C::Effect&)>& listed() {
  static std::vector<bool (*)(const typename C::Effect&)> all;
  return all;
}

template <class C>
void note_unlisted_of(System& system, const char* stage, std::set<std::string>& unlisted) {
  for (auto* node : nodes_of(system, static_cast<const C*>(nullptr)))
    node->sabotage([&unlisted, stage](auto&, auto&& effect, auto& instead) {
      const auto& known = listed<C>();
      if (std::none_of(known.begin(), known.end(), [&](auto is_it) { return is_it(effect); })) {
        const auto* send = std::get_if<wire::Send>(&effect);
        unlisted.insert(std::string(stage) + ": " +
                        (send ? std::string(wire::name_of(send->item))
                              : "effect " + std::to_string(effect.index())));
      }
      instead.push_back(std::move(effect));
    });
}

template <class C>
class Kinds {
 public:
  using Effect = typename C::Effect;
  Kinds(std::string stage, std::vector<Saboteur>& all) : stage_(std::move(stage)), all_(all) {}

  Kinds& kind(std::string_view name, bool (*is_it)(const Effect&)) {
    listed<C>().push_back(is_it);
    add(" drops ", name, is_it, 0);
    add(" doubles ", name, is_it, 2);
    return *this;
  }

 private:
  void add(const char* verb, std::string_view name, bool (*is_it)(const Effect&), int times) {
    Saboteur one;
    one.name = stage_ + verb + std::string(name);
    one.harmless = why_harmless(one.name);
    one.any_day = true;
    one.system = [is_it, times](System& system) {
      for (auto* node : nodes_of(system, static_cast<const C*>(nullptr)))
        node->sabotage([is_it, times](auto&, auto&& effect, auto& instead) {
          const int wanted = is_it(effect) ? times : 1;
          for (int i = 0; i < wanted; ++i) instead.push_back(effect);
        });
    };
    all_.push_back(std::move(one));
  }

  std::string stage_;
  std::vector<Saboteur>& all_;
};

void add_ingest(std::vector<Saboteur>& all) {
  using E = ingest::IngestCore::Effect;
  using Ask = ingest::ParkingCall;
  Kinds<ingest::IngestCore>("ingest", all)
      .kind("Offer", says<wire::Offer, E>)
      .kind("Moved", says<wire::Moved, E>)
      .kind("Parked", says<wire::Parked, E>)
      .kind("Announced", says<wire::Announced, E>)
      .kind("Rows", says<wire::Rows, E>)
      .kind("Forgotten", says<wire::Forgotten, E>)
      .kind("Quote", says<wire::Quote, E>)
      .kind("Control", says<wire::Control, E>)
      .kind("Cost", says<wire::Cost, E>)
      .kind("Backlog", says<wire::Backlog, E>)
      .kind("Put", calls<Ask, ingest::Put, E>)
      .kind("ReadHead", calls<Ask, ingest::ReadHead, E>)
      .kind("ReadRow", calls<Ask, ingest::ReadRow, E>)
      .kind("SettleRow", calls<Ask, ingest::SettleRow, E>)
      .kind("Reorder", calls<Ask, ingest::Reorder, E>)
      .kind("LookupId", calls<Ask, ingest::LookupId, E>)
      .kind("MarkCancelled", calls<Ask, ingest::MarkCancelled, E>)
      .kind("ListKeys", calls<Ask, ingest::ListKeys, E>)
      .kind("ListEnding", calls<Ask, ingest::ListEnding, E>)
      .kind("SetHolds", calls<Ask, ingest::SetHolds, E>)
      .kind("ForgetNames", calls<Ask, ingest::ForgetNames, E>)
      .kind("DeleteCopy", calls<ingest::QueueCall, ingest::DeleteCopy, E>)
      .kind("SetVisibility", calls<ingest::QueueCall, ingest::SetVisibility, E>)
      .kind("DeadLetter", calls<ingest::QueueCall, ingest::DeadLetter, E>)
      .kind("BuryRow", calls<ingest::QueueCall, ingest::BuryRow, E>)
      .kind("SendPosted", calls<ingest::QueueCall, ingest::SendPosted, E>)
      .kind("Respond", does<ingest::Respond, E>);
}

void add_limiter(std::vector<Saboteur>& all) {
  using E = limiter::LimiterCore::Effect;
  using Ask = limiter::StoreAsk;
  Kinds<limiter::LimiterCore>("limiter", all)
      .kind("Settled", says<wire::Settled, E>)
      .kind("Park", says<wire::Park, E>)
      .kind("Want", says<wire::Want, E>)
      .kind("Quoted", says<wire::Quoted, E>)
      .kind("Controlled", says<wire::Controlled, E>)
      .kind("Moved", says<wire::Moved, E>)
      .kind("Word", says<wire::Word, E>)
      .kind("Dispatch", says<wire::Dispatch, E>)
      .kind("Recall", says<wire::Recall, E>)
      .kind("Asked", says<wire::Asked, E>)
      .kind("Completed", says<wire::Completed, E>)
      .kind("Record", says<wire::Record, E>)
      .kind("Backlog", says<wire::Backlog, E>)
      .kind("Announce", does<wire::Announce, E>)
      .kind("Grant", calls<Ask, limiter::Grant, E>)
      .kind("Complete", calls<Ask, limiter::Complete, E>)
      .kind("Emptied", calls<Ask, limiter::Emptied, E>)
      .kind("Forget", calls<Ask, limiter::Forget, E>)
      .kind("SetHold", calls<Ask, limiter::SetHold, E>)
      .kind("Consume", calls<Ask, limiter::Consume, E>)
      .kind("Peek", calls<Ask, limiter::Peek, E>)
      .kind("AskLimits", calls<Ask, limiter::AskLimits, E>)
      .kind("SetLimits", calls<Ask, limiter::SetLimits, E>)
      .kind("AskClock", calls<Ask, limiter::AskClock, E>);
}

void add_others(std::vector<Saboteur>& all) {
  using D = dispatcher::DispatcherCore::Effect;
  Kinds<dispatcher::DispatcherCore>("dispatcher", all)
      .kind("Outcome", says<wire::Outcome, D>)
      .kind("Penalty", says<wire::Penalty, D>)
      .kind("Announce", does<wire::Announce, D>)
      .kind("StartHttp", does<dispatcher::StartHttp, D>)
      .kind("StopHttp", does<dispatcher::StopHttp, D>);
  using A = auditor::AuditorCore::Effect;
  Kinds<auditor::AuditorCore>("auditor", all)
      .kind("Recorded", says<wire::Recorded, A>)
      .kind("Alert", says<wire::Alert, A>)
      .kind("Followed", says<wire::Followed, A>)
      .kind("TrailOpen", calls<auditor::TrailAsk, auditor::TrailOpen, A>)
      .kind("TrailRead", calls<auditor::TrailAsk, auditor::TrailRead, A>)
      .kind("TrailAppend", calls<auditor::TrailAsk, auditor::TrailAppend, A>)
      .kind("LedgerOpen", calls<auditor::LedgerAsk, auditor::LedgerOpen, A>)
      .kind("LedgerLook", calls<auditor::LedgerAsk, auditor::LedgerLook, A>)
      .kind("LedgerBook", calls<auditor::LedgerAsk, auditor::LedgerBook, A>)
      .kind("LedgerFollow", calls<auditor::LedgerAsk, auditor::LedgerFollow, A>);
  using L = alerter::AlerterCore::Effect;
  Kinds<alerter::AlerterCore>("alerter", all)
      .kind("Follow", says<wire::Follow, L>)
      .kind("StateOpen", calls<alerter::StateAsk, alerter::StateOpen, L>)
      .kind("StatePut", calls<alerter::StateAsk, alerter::StatePut, L>)
      .kind("StateDue", calls<alerter::StateAsk, alerter::StateDue, L>)
      .kind("StateMark", calls<alerter::StateAsk, alerter::StateMark, L>)
      .kind("Deliver", does<alerter::Deliver, L>);
}

}  // namespace

const std::vector<Saboteur>& kinds() {
  static const std::vector<Saboteur> all = [] {
    std::vector<Saboteur> made;
    add_ingest(made);
    add_limiter(made);
    add_others(made);
    return made;
  }();
  return all;
}

Saboteur note_unlisted(std::set<std::string>& unlisted) {
  Saboteur one;
  one.name = "nothing";
  one.any_day = true;
  kinds();  // fills the lists
  one.system = [&unlisted](System& system) {
    note_unlisted_of<ingest::IngestCore>(system, "ingest", unlisted);
    note_unlisted_of<limiter::LimiterCore>(system, "limiter", unlisted);
    note_unlisted_of<dispatcher::DispatcherCore>(system, "dispatcher", unlisted);
    note_unlisted_of<auditor::AuditorCore>(system, "auditor", unlisted);
    note_unlisted_of<alerter::AlerterCore>(system, "alerter", unlisted);
  };
  return one;
}

}  // namespace sluice::sim
