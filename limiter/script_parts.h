// The script's inside: what its parts share. Nobody else includes this.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "limiter/meter.h"
#include "limiter/script.h"

namespace sluice::limiter {

// One call on one shard, at one store time.
struct Scene {
  const Upstream& upstream;  // as the caller's settings have it: only what they say reads it
  StoreShard& shard;
  const std::vector<Limit>& limits;  // that hold: the shard's, not those of the settings
  StoreTime time = {};               // what its clock says
  StoreTime now = {};
  StoreTime clock = {};  // what the caller is told that time is, whether it is believed or not
  StoreTime from = {};   // what lasts so long from now on: not too short, however late it is
  bool unsure = false;   // the caller's bounds and the clock do not agree, or it has none
  bool takes = false;    // the call says the limits that are to hold

  // The records, as if what is past its time were purged already: when a store really deletes it
  // must not be seen in any answer.
  [[nodiscard]] const MessageRecord* message(const std::string& identity);
  MessageRecord& edit_message(const std::string& identity);
  [[nodiscard]] const KeyRecord* key(const std::string& key);
  KeyRecord& edit_key(const std::string& key);

  [[nodiscard]] const Spans& spans() const { return shard.state().spans; }
  // Of one attempt: from its grant to its end, at most.
  [[nodiscard]] Duration answer_max() const { return spans().start_window + spans().timeout; }
  // When the key opens after the shard's closure; 0: it was never closed. Keys open one after the
  // other, spread over W.
  [[nodiscard]] StoreTime opens_at(const std::string& key);
  [[nodiscard]] Meter meter(const Limit& limit) const { return {limit, spans().unknown_hold}; }
  // Whose record keeps this limit's log: the key's, or the upstream's (empty).
  [[nodiscard]] static const std::string& owner(const Limit& limit, const std::string& key);
  // The log as it is; empty when there is none.
  [[nodiscard]] const LimitLog& log(const Limit& limit, const std::string& key);
  LimitLog& edit_log(const Limit& limit, const std::string& key);
  // What the shard knows of the limit; nullptr: it was never told of it.
  [[nodiscard]] const KnownLimit* known(const Limit& limit);
  void went_over(const Limit& limit);
  // The name of the limit's logs.
  [[nodiscard]] const std::string& log_name(const Limit& limit);
  // What holds the limit tighter for this key than the settings do.
  [[nodiscard]] Tightened tightened(const Limit& limit, const std::string& key);
  // Whose record keeps what the upstream's answers say is left.
  [[nodiscard]] const std::string& told_owner(const std::string& key) const;
  // How many attempts of the key may be under way.
  [[nodiscard]] std::uint32_t in_flight(const std::string& key);
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

// Full for as long as it is held, whatever N is or will be.
inline constexpr std::uint32_t kHeldFull = std::numeric_limits<std::uint32_t>::max();

// Another life than the shard's last: whatever this store says, it may have forgotten.
void meet_life(Scene& scene, const Moment& moment);
// Nothing is granted until whatever the store may have forgotten of what was granted before `since`
// has arrived, and W has passed.
void close(Scene& scene, ClosedBy why, StoreTime since);
inline void close(Scene& scene, ClosedBy why) { close(scene, why, scene.now); }
// Whether `call` says the limits that are to hold from now on.
bool takes_effect(const StoreConfig& config, const ShardRecord& state, const SetLimits& call);
// The limits that are to hold when the call has been answered: what an edit that takes effect says,
// or those of the shard (`edit` nullptr). `kept` is where they may be kept.
const std::vector<Limit>& ruling(const Upstream& upstream, const ShardRecord& state,
                                 const SetLimits* edit, std::vector<Limit>& kept);
std::uint64_t version_of(const Upstream& upstream, const SetLimits& call);
// The limiter's settings, which say more than limits.
void hear_settings(Scene& scene, const StoreConfig& config, const SetLimits& call);
// The scene's limits have guards that must cover what clocks may differ.
void fit_clock_error(Scene& scene);
// Keys' records are needed for so much longer than was thought when they were last looked at.
void keep_keys(Scene& scene, Duration longer, Duration horizon);
// The scene's limits hold from now on.
LimitsReply set_limits(Scene& scene, const SetLimits& call);
ShardLimits limits_of(const ShardRecord& state);
LimitsReply restore(Scene& scene, const Restore& call);
// The shard's own line of its limits, which took the place of version `before`; of its lines that
// nobody takes the last 64 stay.
void say_edit(Scene& scene, std::uint64_t before, std::string words);
inline constexpr std::size_t kByMax = 200;  // bytes of who says so
// The end's reason of what stands for sends made elsewhere.
inline constexpr const char* kConsumed = "consumed elsewhere";
// Its line, unless it is in the trail.
std::vector<wire::Record> consume(Scene& scene, const Consume& call);
// An answer said how many are left.
void tell(Scene& scene, const std::string& key, const wire::Outcome& outcome);

GrantReply grant(Scene& scene, const Grant& call);
CompleteReply complete(Scene& scene, const Complete& call);

}  // namespace sluice::limiter
