// The store in memory, for the simulation and the tests: the script over plain maps. A copy is a
// snapshot; time and life are arguments, so failover, restart and FLUSHALL are assignments:
//
//   MemoryStore replica = store;                 // lags behind from here on
//   store = replica; store.become("life-2");     // promoted: closes on its next call
//   store.wipe("life-3");                        // FLUSHALL or restart without data: closes
//   (nothing)                                    // an embedded store's restart: forgets nothing
#pragma once

#include <map>
#include <string>

#include "limiter/script.h"

namespace sluice::limiter {

class MemoryShard final : public StoreShard {
 public:
  const ShardRecord& state() override { return state_; }
  ShardRecord& edit_state() override { return state_; }
  const MessageRecord* message(const std::string& identity) override;
  MessageRecord& edit_message(const std::string& identity) override;
  const KeyRecord* key(const std::string& key) override;
  KeyRecord& edit_key(const std::string& key) override;

  void purge(StoreTime now);
  [[nodiscard]] std::size_t messages() const { return messages_.size(); }
  [[nodiscard]] std::size_t keys() const { return keys_.size(); }

 private:
  ShardRecord state_;
  std::map<std::string, MessageRecord> messages_;
  std::map<std::string, KeyRecord> keys_;
};

class MemoryStore {
 public:
  explicit MemoryStore(StoreConfig config, std::string life = "first");

  // One call, atomically, when the store's clock says `clock`.
  [[nodiscard]] StoreReply perform(const StoreAsk& ask, StoreTime clock);

  void become(std::string life);
  void wipe(std::string life);
  // Other settings, by a restart or while it runs: each shard is told with its next call.
  void set_config(StoreConfig config, std::string by = "settings");
  // The calls that follow are those of a limiter with these settings; what each has told is kept.
  void speak_as(StoreConfig config) { config_ = std::move(config); }

  // For checkers: nullptr when it has no such shard.
  [[nodiscard]] MemoryShard* shard(const std::string& upstream);

 private:
  StoreConfig config_;
  std::string life_;
  bool fresh_ = true;
  std::uint64_t calls_ = 0;
  std::map<std::string, MemoryShard> shards_;
  std::string by_ = "settings";                                      // who said config_
  std::map<std::pair<std::string, std::string>, Telling> tellings_;  // by limiter and upstream
};

}  // namespace sluice::limiter
