// Whether this limiter may grant anything of a shard that was closed (design 4.4). A store that may
// have forgotten may have forgotten pauses of persons, which parking knows: so nothing is granted
// before each ingest store that is to be waited for has announced its rows and holds, and the
// pauses that are known have been said to the store again. Who has seen to that leaves a mark in
// the store that names the closure, so that limiters that come later, weeks perhaps, need not wait
// for anybody. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/instant.h"
#include "lib/wire/peer.h"

namespace sluice::limiter {

class Opening {
 public:
  enum class Stage : std::uint8_t {
    kUnheard,  // the store has not said yet whether it was ever closed
    kToLook,   // it was: is the mark there?
    kLooking,
    kAwaiting,  // announcements, or that another limiter has heard them all
    kSaying,    // the pauses that are known by then, to the store; of two the longer one
    kMarking,   // all is said: the mark is being written
    kOpen
  };

  // The shard's last closure, as the store says it; 0: there was none. True: it is a new one.
  bool heard(StoreTime closure) {
    if (stage_ != Stage::kUnheard && closure <= closure_) return false;
    stage_ = closure.us == 0 ? Stage::kOpen : Stage::kToLook;
    closure_ = closure;
    return closure.us != 0;
  }
  // To be asked now: is the mark there? Who waits for announcements asks again each second: they
  // may have come to another limiter alone.
  bool looks(Instant now) {
    if (now < look_at()) return false;
    stage_ = Stage::kLooking;
    look_again_ = now + kLookEvery;
    return true;
  }
  [[nodiscard]] Instant look_at() const {
    if (stage_ == Stage::kToLook) return Instant{};
    return stage_ == Stage::kAwaiting ? look_again_ : Instant::never();
  }
  void not_seen() {
    if (stage_ == Stage::kLooking) stage_ = Stage::kToLook;
  }
  void seen(const std::string& mark_there) {
    if (stage_ == Stage::kLooking) stage_ = mark_there == mark() ? Stage::kOpen : Stage::kAwaiting;
  }
  // On a connection that lasts: whatever changes is said on it. Of a store that has two, as after a
  // restart of its ingest that was not noticed yet, one that lasts is enough.
  void announced(const std::string& store, wire::PeerId on) { announced_[store].insert(on); }
  void gone(wire::PeerId connection) {
    for (auto& [store, on] : announced_) on.erase(connection);
    std::erase_if(announced_, [](const auto& entry) { return entry.second.empty(); });
  }
  // While that is what is awaited: those of `stores` that have not announced. Any one would do
  // where none is named.
  [[nodiscard]] std::vector<std::string> awaited(const std::vector<std::string>& stores) const {
    std::vector<std::string> missing;
    if (stage_ != Stage::kAwaiting && stage_ != Stage::kLooking) return missing;
    if (stores.empty() && announced_.empty()) missing.emplace_back("any");
    std::copy_if(stores.begin(), stores.end(), std::back_inserter(missing),
                 [&](const auto& one) { return !announced_.contains(one); });
    return missing;
  }
  // All of `stores` have announced (empty: any one has): now the pauses are to be said.
  bool all_announced(const std::vector<std::string>& stores) {
    const bool all = stores.empty()
                         ? !announced_.empty()
                         : std::all_of(stores.begin(), stores.end(),
                                       [&](const auto& one) { return announced_.contains(one); });
    if (stage_ != Stage::kAwaiting || !all) return false;
    stage_ = Stage::kSaying;
    return true;
  }
  [[nodiscard]] bool says() const { return stage_ == Stage::kSaying; }
  // They are said: the mark is to be written now.
  bool said() {
    if (stage_ != Stage::kSaying) return false;
    stage_ = Stage::kMarking;
    return true;
  }
  void marked(const std::string& mark_written) {
    if (stage_ == Stage::kMarking && mark_written == mark()) stage_ = Stage::kOpen;
  }

  [[nodiscard]] bool open() const { return stage_ == Stage::kOpen; }
  [[nodiscard]] bool unheard() const { return stage_ == Stage::kUnheard; }
  [[nodiscard]] StoreTime closure() const { return closure_; }
  [[nodiscard]] std::string mark() const { return "opened after " + std::to_string(closure_.us); }

 private:
  static constexpr Duration kLookEvery = seconds(1);

  Stage stage_ = Stage::kUnheard;
  StoreTime closure_;
  Instant look_again_;
  std::map<std::string, std::set<wire::PeerId>> announced_;
};

}  // namespace sluice::limiter
