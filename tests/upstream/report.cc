#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/upstream/tally.h"

namespace sluice::upstream {

namespace {

nlohmann::json of_key(const KeyTally& key) {
  return {{"arrivals", key.arrivals},
          {"fullest_window", key.window.fullest()},
          {"fullest_burst", key.pace.fullest()},
          {"over", key.over},
          {"banned", key.banned},
          {"after_ban", key.after_ban}};
}

}  // namespace

std::string Tally::report(bool with_keys) const {
  nlohmann::json out;
  std::size_t fullest = 0;
  std::size_t burst = 0;
  std::uint64_t bans = 0;
  std::uint64_t over = 0;
  nlohmann::json keys = nlohmann::json::object();
  for (const auto& [name, key] : keys_) {
    fullest = std::max(fullest, key.window.fullest());
    burst = std::max(burst, key.pace.fullest());
    bans += key.banned ? 1 : 0;
    over += key.over;
    if (with_keys) keys[name] = of_key(key);
  }
  const auto repeats = [this](Before before) { return repeats_[static_cast<std::size_t>(before)]; };
  out["n"] = rules_.n;
  out["window_ms"] = rules_.window / 1'000'000;
  out["arrivals"] = arrivals_;
  out["delivered"] = delivered_;
  out["key_count"] = keys_.size();
  out["fullest_window"] = fullest;
  out["fullest_burst"] = burst;
  out["over"] = over;
  out["bans"] = bans;
  out["duplicates"] = {
      {"total", repeats_[1] + repeats_[2] + repeats_[3] + repeats_[4] + repeats_[5]},
      {"after_delivered", repeats(Before::kDelivered)},
      {"after_lost", repeats(Before::kLost)},
      {"after_refused", repeats(Before::kRefused)},
      {"after_nothing", repeats(Before::kNothing)},
      {"while_running", repeats(Before::kRunning)}};
  out["altered"] = altered_;
  out["without_idempotency_key"] = nameless_;
  out["incomplete"] = incomplete_;
  out["bad"] = bad_;
  out["connections"] = connections_;
  out["expect_continue"] = expects_;
  nlohmann::json answers = nlohmann::json::object();
  for (const auto& [status, count] : answers_) answers[std::to_string(status)] = count;
  out["answers"] = std::move(answers);
  if (with_keys) out["keys"] = std::move(keys);
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace sluice::upstream
