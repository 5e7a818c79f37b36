// P7, a person's pause holds: from when somebody was told that the limiters have heard it, until
// its end or another word of a person about the same key or upstream is in the store, nothing of it
// is granted or dispatched, and nothing starts, but what was dispatched before, within its time. (A
// pause that no limiter has heard holds once one comes and has learnt it: not watched.)
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/wire/words.h"
#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

using Target = std::pair<std::string, std::string>;  // upstream, key; empty: all of it

class Pauses : public Witness {
 public:
  Pauses(World& world, const Settings& settings) : world_(world) {
    if (world.faults.store_step_every > Duration{0}) {
      slack_ = slack_ + seconds(1);
      off_ = settings.limiter.clock_error_max;
    }
    if (world.faults.store_as_whole.leap_every > Duration{0}) slack_ = slack_ + minutes(10);
    for (const Upstream& one : settings.upstreams)
      start_within_ = std::max(start_within_, one.start_window);
    // It was allowed to start, and is stopped before the first byte.
    start_within_ = start_within_ + world.faults.dispatcher.freeze_max + seconds(1);
  }

  void person_says(const ingest::ControlKey& word) override {
    if (word.verb != wire::Verb::kPause && word.verb != wire::Verb::kResume) return;
    const bool closes = word.verb == wire::Verb::kPause;
    words_[word.request_id] = {{word.upstream, word.key}, closes, word.until, ++turns_, 0};
  }
  void person_hears(std::uint64_t request_id, bool heard) override {
    const auto at = words_.find(request_id);
    if (at == words_.end() || !heard) return;
    Word& word = at->second;
    word.heard = ++turns_;
    if (!word.closes) return;
    const auto last = written_.find(word.target);
    const bool another = last != written_.end() && last->second.turn > word.said &&
                         (!last->second.closes || last->second.until != word.until);
    if (!another) in_force_[word.target] = {word.until, word.said, world_.now(), false};
  }
  // From then on a pause is what parking has of it. A later word is there before any limiter hears
  // of it: who said it was told nothing, or to say it again.
  void store_forgot() override {
    for (auto& [target, pause] : in_force_) pause.forgotten = true;
  }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime now) override {
    const auto* hold = std::get_if<limiter::SetHold>(&call);
    const auto* done = std::get_if<limiter::Acknowledged>(&answer);
    if (hold != nullptr && (done == nullptr || done->later_word.us == 0)) writes(*hold);
    for_each_grant(call, answer, [&](const auto& identity, const auto& ask, const auto& grant) {
      const bool first = granted_.insert({identity, grant.serial}).second;
      if (first && pause_of(ask.line.upstream, ask.line.key, now + off_) != nullptr)
        world_.breaks("P7", "granted while a person's pause holds: " + ask.line.key);
    });
  }
  void dispatched(const std::string&, const wire::Dispatch& dispatch) override {
    const std::string upstream = dispatch.key.substr(0, dispatch.key.find(':'));
    if (pause_of(upstream, dispatch.key, world_.store_now() + slack_) != nullptr)
      world_.breaks("P7", "dispatched while a person's pause holds: " + dispatch.key);
  }
  void started(const StartedAttempt& start) override {
    const Pause* pause = pause_of(start.upstream, start.key, world_.store_now() + slack_);
    if (pause != nullptr && world_.now() > pause->since + start_within_ + slack_)
      world_.breaks("P7", "starts long after a person has paused it: " + start.key);
  }

 private:
  struct Word {
    Target target;
    bool closes = false;
    StoreTime until;
    std::uint64_t said = 0, heard = 0;  // when, in turns; 0: nobody was told that it was heard
  };
  struct Written {
    bool closes = false;
    StoreTime until;
    std::uint64_t turn = 0;
  };
  struct Pause {
    StoreTime until;  // 0: until somebody opens it
    std::uint64_t said = 0;
    Instant since;
    bool forgotten = false;  // by the store, since it was said
  };

  // What a person said later, or what nobody was told the end of, may end a pause; what was over
  // before the pause was said may not.
  void writes(const limiter::SetHold& hold) {
    const Target target{hold.upstream, hold.key};
    // A pause that is over opens what an earlier one, as far as the store knows, still closes.
    const bool over = hold.hold.until.us != 0 && hold.hold.until != wire::kOpened;
    const bool closes = hold.closed || over;
    const StoreTime until = closes ? hold.hold.until : StoreTime{};
    const auto pause = in_force_.find(target);
    const bool said = std::any_of(words_.begin(), words_.end(), [&](const auto& entry) {
      const Word& word = entry.second;
      const bool before =
          pause != in_force_.end() && word.heard != 0 && word.heard < pause->second.said;
      return word.target == target && word.closes == closes && !before &&
             (!word.closes || word.until == until);
    });
    if (!said) return;  // abnormal usage closes for longer than any person
    written_[target] = {closes, until, ++turns_};
    if (pause != in_force_.end() && (!closes || pause->second.until != until))
      in_force_.erase(pause);
  }
  // Something that lets it go sooner. Parking may have it, though nobody was told so.
  [[nodiscard]] bool said_since(const std::pair<const Target, Pause>& pause) const {
    return std::any_of(words_.begin(), words_.end(), [&](const auto& entry) {
      const Word& word = entry.second;
      const bool sooner = !word.closes || wire::lasts_longer(pause.second.until, word.until);
      return word.target == pause.first && word.said > pause.second.said && sooner;
    });
  }
  const Pause* pause_of(const std::string& upstream, const std::string& key, StoreTime now) {
    for (const Target& target : {Target{upstream, key}, Target{upstream, ""}}) {
      const auto at = in_force_.find(target);
      if (at == in_force_.end() || (at->second.forgotten && said_since(*at))) continue;
      if (at->second.until.us == 0 || now < at->second.until) return &at->second;
    }
    return nullptr;
  }

  World& world_;
  Duration slack_ = milliseconds(5);  // clocks drift, and the store's may step
  Duration off_;  // ... so far, and who has seen a pause end says that it is over
  Duration start_within_;
  std::uint64_t turns_ = 0;
  std::map<std::uint64_t, Word> words_;  // by request id
  std::map<Target, Written> written_;    // the last one, in the store
  std::map<Target, Pause> in_force_;
  std::set<wire::Attempt> granted_;
};

}  // namespace

std::unique_ptr<Witness> check_pauses(World& world, const Settings& settings) {
  return std::make_unique<Pauses>(world, settings);
}

}  // namespace sluice::sim
