// A random life around one store, or around two that must say the same: limiters that die and come
// back, messages, dispatchers whose requests arrive whenever the assumptions of design 2.1 allow,
// replies that get lost, restarts, files that are put back, a store's clock that steps. Arrivals
// are counted in every window.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/prng.h"
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {

struct TraceFaults {
  std::uint32_t restarts = 3'000;  // these are per million steps
  std::uint32_t put_back = 500;
  std::uint32_t new_life = 5'000;
  std::uint32_t lost_reply = 30'000;
  std::uint32_t steps = 0;  // of the store's clock, by 300 s
};

StoreConfig trace_config(std::uint64_t seed);

class StoreTrace {
 public:
  StoreTrace(std::vector<StoreRig*> rigs, StoreConfig config, std::uint64_t seed,
             TraceFaults faults = {});
  void step();
  // Units that arrived in the fullest closed window of `limit`, over what it allows; 0: never over.
  [[nodiscard]] std::uint64_t over() const;
  [[nodiscard]] std::size_t arrivals() const { return arrivals_.size(); }
  [[nodiscard]] std::size_t settled() const { return settled_; }
  // Where two stores first said different things; empty: nowhere.
  [[nodiscard]] const std::string& difference() const { return difference_; }

 private:
  struct Message {
    GrantAsk ask;
    std::uint32_t dispatched = 0;  // the last serial that left
  };
  struct Arrival {
    StoreTime at;
    std::string key;
  };
  struct Ending {
    Completion completion;
  };

  StoreReply say(Call call);
  StoreReply say_to_all(Call call);
  [[nodiscard]] StoreTime store_now() const { return now_ + ahead_; }
  void step_clock();
  void ask_some();
  void take_answer(Message& message, const GrantAnswer& answer);
  void dispatch(const Message& message, const GrantAnswer& answer);
  void end_due();
  void complete(Completion completion);
  void trouble();
  void settle(std::string identity, const std::vector<wire::Record>& outbox);
  void look_around();
  Message& new_message(std::size_t at);
  [[nodiscard]] Caller caller();
  StoreTime between(StoreTime low, StoreTime high);
  [[nodiscard]] std::uint64_t over(const Limit& limit, const std::string& key) const;

  std::vector<StoreRig*> rigs_;
  StoreConfig config_;
  Prng prng_;
  TraceFaults faults_;
  StoreTime now_ = kStart;
  Duration ahead_;  // store time, as far as the limiter knows
  Duration skew_;   // the store's clock
  std::uint64_t life_ = 1;
  std::uint64_t calls_ = 0;
  int made_ = 0;
  std::vector<Message> messages_;
  std::multimap<StoreTime, Completion> endings_;
  std::vector<Completion> told_;  // some are told again
  std::vector<Arrival> arrivals_;
  std::size_t settled_ = 0;
  std::string difference_;
};

}  // namespace sluice::limiter
