#include "tests/upstream/tally.h"

namespace sluice::upstream {

namespace {

bool accepted(Before state) { return state == Before::kDelivered || state == Before::kLost; }

}  // namespace

bool Tally::key_arrived(const Arrival& arrival) {
  KeyTally& key = keys_.try_emplace(arrival.key, rules_).first->second;
  ++key.arrivals;
  (void)key.pace.add(arrival.first_byte);
  const bool over = key.window.add(arrival.first_byte) > rules_.n;
  if (over) ++key.over;
  if (key.banned) ++key.after_ban;
  if (over && rules_.ban) key.banned = true;
  return key.banned;
}

Verdict Tally::name_arrived(const Arrival& arrival) {
  if (arrival.name.empty()) {
    ++nameless_;
    return {};
  }
  const auto [place, fresh] = names_.try_emplace(arrival.name);
  Named& named = place->second;
  if (fresh) {
    named.bytes_hash = arrival.bytes_hash;
    name_order_.push_back(arrival.name);
    if (name_order_.size() > rules_.names_max) {
      names_.erase(name_order_.front());
      name_order_.pop_front();
    }
  } else {
    ++repeats_[static_cast<std::size_t>(named.state)];
    if (named.bytes_hash != arrival.bytes_hash) ++altered_;
  }
  const Before before = named.state;
  if (!accepted(before)) named.state = Before::kRunning;
  return {false, before, ++named.arrivals};
}

Verdict Tally::arrived(const Arrival& arrival) {
  ++arrivals_;
  Verdict verdict = name_arrived(arrival);
  verdict.banned = key_arrived(arrival);
  return verdict;
}

void Tally::ended(const std::string& name, Before how) {
  const auto found = names_.find(name);
  if (found == names_.end()) {
    if (name.empty() && accepted(how)) ++delivered_;
    return;
  }
  Before& state = found->second.state;
  if (!accepted(state) && accepted(how)) ++delivered_;
  if (state != Before::kDelivered && (accepted(how) || !accepted(state))) state = how;
}

const KeyTally* Tally::find(const std::string& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &found->second;
}

}  // namespace sluice::upstream
