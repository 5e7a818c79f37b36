// The script's inside: what its parts share. Nobody else includes this.
#pragma once

#include <string>

#include "limiter/meter.h"
#include "limiter/script.h"

namespace sluice::limiter {

// One call on one shard, at one store time.
struct Scene {
  const StoreConfig& config;
  const Upstream& upstream;
  StoreShard& shard;
  StoreTime now = {};
  bool unsure = false;  // the caller's bounds and the clock do not agree, or it has none

  // The records, as if what is past its time were purged already: when a store really deletes it
  // must not be seen in any answer.
  [[nodiscard]] const MessageRecord* message(const std::string& identity);
  MessageRecord& edit_message(const std::string& identity);
  [[nodiscard]] const KeyRecord* key(const std::string& key);
  KeyRecord& edit_key(const std::string& key);

  // Longest time between a grant and the last moment that its dispatcher may be sending.
  [[nodiscard]] Duration lease() const;
  [[nodiscard]] Meter meter(const Limit& limit) const { return {limit, upstream.unknown_hold}; }
  // Whose record keeps this limit's log: the key's, or the upstream's (empty).
  [[nodiscard]] static const std::string& owner(const Limit& limit, const std::string& key);
  // The log as it is; empty when there is none.
  [[nodiscard]] const LimitLog& log(const Limit& limit, const std::string& key);
  LimitLog& edit_log(const Limit& limit, const std::string& key);
  // From when on the limit's logs miss nothing that its window may hold.
  [[nodiscard]] StoreTime covered_from(const Limit& limit);
  // To be called after every edit of a key's record.
  void refresh_idle(const std::string& key);

  // The attempt is over: its slots count from `at`, or are free (not started).
  void complete_slots(const MessageRecord& record, std::uint32_t serial, StoreTime at);
  void free_slots(const MessageRecord& record, std::uint32_t serial);
  // Why the message must not be tried again; empty: it may.
  [[nodiscard]] std::string exhausted(const MessageRecord& record) const;
  [[nodiscard]] StoreTime keep_until(const MessageRecord& record) const;

 private:
  void end_open(const MessageRecord& record, std::uint32_t serial);
};

GrantReply grant(Scene& scene, const Grant& call);
CompleteReply complete(Scene& scene, const Complete& call);

}  // namespace sluice::limiter
