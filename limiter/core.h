// The limiter's state machine: decides which message may go when, and owns a message's life between
// its offer and its settlement (README.md has the states and who moves them).
//
// What must stay true:
//   - nothing leaves without a grant of the store, and each grant leaves at most once;
//   - Settled is said only after every line of that message is in the trail (P5);
//   - lines are caches: a message that is let go here is still a row or a queue copy there;
//   - every state has a trigger or a time at which it is looked at again; a lost answer is asked
//     for again, with the same effect.
//
// accept() and complete() only note what has changed and answer what needs no plan. Decisions are
// made in tick(), for everything that has arrived together: one Grant per upstream and turn.
// deadline() is in the past while something waits for a tick.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "lib/base/outbox.h"
#include "lib/base/prng.h"
#include "lib/base/store_clock.h"
#include "lib/wire/peer.h"
#include "limiter/calls.h"
#include "limiter/closure_news.h"
#include "limiter/config.h"
#include "limiter/limits_out.h"
#include "limiter/peers.h"
#include "limiter/shard.h"
#include "limiter/store.h"
#include "limiter/timers.h"
#include "limiter/trail_out.h"

namespace sluice::limiter {

// Why a message waits, and until when; until 0: nobody can know.
struct Explanation {
  State state = State::kWaiting;
  wire::Wait why = wire::Wait::kNone;
  StoreTime until;
  std::uint64_t position = 0;  // messages of its key before it
  std::string limit;
};

// For a person who asks about a key or a message of it; times 0: nobody can know.
struct Explained {
  std::string upstream;
  std::string key;
  std::string id;       // of the message asked for, or the key's next; empty: none is in the line
  Explanation message;  // why that one waits
  std::uint32_t attempts = 0;
  StoreTime ready_at;        // it is not to go before
  std::uint64_t order = 0;   // its place in the line; of a key without messages: the line's end
  std::uint64_t before = 0;  // those of its key that go before it, attempts included
  std::vector<std::string> ahead;  // their ids, the first ones
  std::uint64_t in_line = 0;
  std::uint64_t under_way = 0;
  bool more = false;                            // rows beyond the line
  wire::Wait key_why = wire::Wait::kNone;       // what closes the key
  wire::Wait upstream_why = wire::Wait::kNone;  // what stops the whole upstream
  std::vector<std::string> awaited;             // kClosure: stores of ingests that must announce
  wire::Wait forecast_why = wire::Wait::kNone;  // what decides when it goes
  std::string limit;                            // ... which limit
  StoreTime departs_at;
  StoreTime now;                // at the latest, when that was foretold
  std::uint32_t remaining = 0;  // of the key, at once
  bool one_at_a_time = false;   // after a warning, until an attempt succeeds
  struct Tight {                // a limit that is held tighter than its settings say
    std::string limit;
    std::uint32_t n = 0;  // of ...
    std::uint32_t of = 0;
    StoreTime until;  // then it is less tight; 0: nobody can know
  };
  std::vector<Tight> tight;
};
inline constexpr std::size_t kAheadNamed = 10;

struct Counts {
  std::uint64_t offered = 0;
  std::uint64_t granted = 0;
  std::uint64_t refused = 0;
  std::uint64_t dispatched = 0;
  std::uint64_t parked = 0;                // Park said: copies parked, rows let go
  std::array<std::uint64_t, 5> settled{};  // by Settlement
  std::array<std::uint64_t, 7> ended{};    // attempts, by Ended
  std::uint64_t orphans = 0;               // outcomes of other lives' attempts
  std::uint64_t wants = 0;
  std::uint64_t quotes = 0;
  std::uint64_t store_failed = 0;   // failed, or not answered in time
  std::uint64_t lines_refused = 0;  // the auditor took a line for invalid
  std::uint64_t conflicts = 0;      // one identity, two contents
  // What was said of upstreams that our settings do not have, by their names; not of all of them.
  std::map<std::string, std::uint64_t> unknown_upstreams;
  // Grants that a shadow limit would have refused, by upstream and limit.
  std::map<std::pair<std::string, std::string>, std::uint64_t> shadows;
};

class LimiterCore {
 public:
  using Work = std::variant<wire::FromPeer>;
  using Reply = std::variant<wire::PeerUp, wire::PeerDown, wire::PeerFacts, StoreReply>;
  using Effect = std::variant<wire::Send, wire::Announce, StoreAsk>;
  using Out = Outbox<Effect>;

  LimiterCore(Config config, std::uint64_t seed);
  LimiterCore(const LimiterCore&) = delete;
  LimiterCore& operator=(const LimiterCore&) = delete;

  void accept(const Work& work, Instant now, Out& out);
  void complete(const Reply& reply, Instant now, Out& out);
  void tick(Instant now, Out& out);
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] Instant deadline() const;
  [[nodiscard]] bool idle() const;
  [[nodiscard]] std::size_t effects_max() const;

  // The settings were edited while it runs: edited() of config.h has made them fit. Everything
  // that was refused is asked for anew; what is under way goes on as it was granted.
  void edit(Config config);
  [[nodiscard]] const Config& config() const { return config_; }
  // Of the limits that are known here; 0: no such upstream.
  [[nodiscard]] std::uint64_t limits_version(const std::string& upstream) const;

  // No new grants from now on: its keys are others', ingests are told, and what waits is let go.
  // What is under way is finished. idle() tells when.
  void drain();

  // To an ingest: count and hash of its messages that are here, and its credit for queue copies.
  [[nodiscard]] wire::HeartbeatFacts heartbeat(wire::PeerId peer, Instant now) const;

  // The store has answered, and is not failing now.
  [[nodiscard]] bool store_up() const { return store_up_; }
  // So far is the store's clock ahead of this machine's wall clock: nothing is granted before they
  // agree, as nobody here has known store time yet.
  [[nodiscard]] std::optional<Duration> wall_apart() const { return wall_apart_; }
  // What shards add to their servers' clocks, which stepped, by upstream.
  [[nodiscard]] std::map<std::string, Duration> clock_offsets() const;
  [[nodiscard]] std::size_t dispatchers() const { return peers_.dispatchers().size(); }
  [[nodiscard]] std::size_t ingests() const { return peers_.ingests().size(); }
  [[nodiscard]] std::vector<wire::PeerUp> connected() const { return peers_.connected(); }
  // Stores of ingests without whose announcement something that was closed stays so.
  [[nodiscard]] std::set<std::string> awaited() const;
  // The shards that are closed; nothing while store time is not known.
  [[nodiscard]] std::optional<std::vector<Closure>> closures(Instant now) const;
  [[nodiscard]] bool auditor() const { return peers_.auditor().has_value(); }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t messages() const { return messages_.size(); }
  // Keys of which anything is here, and those whose rows are yet to be asked for (known_keys.h).
  [[nodiscard]] std::size_t keys() const { return keys_.size(); }
  [[nodiscard]] std::size_t known_keys() const;
  [[nodiscard]] std::size_t unrecorded() const { return trail_.size(); }
  [[nodiscard]] std::optional<Explanation> explain(const std::string& identity, Instant now) const;
  [[nodiscard]] std::optional<Explained> explain_id(const std::string& id, Instant now) const;
  [[nodiscard]] std::optional<Explained> explain_key(const std::string& key, Instant now);
  // Adds when it goes, from what the store was asked of its key (Peek).
  void foretell(Explained& explained, const KeyState& state, Instant now);
  [[nodiscard]] std::vector<std::string> upstreams() const;
  [[nodiscard]] wire::Backlog backlog(Instant now) const;
  // Waiting messages by reason; an index is a Wait's number.
  [[nodiscard]] std::array<std::size_t, 19> waiting(Instant now) const;
  // When the next of all that wait goes, and the last; 0: not known. The latter becomes known after
  // somebody has asked.
  struct Departures {
    StoreTime next;
    StoreTime last;
  };
  Departures departures(Instant now);

 private:
  // One call's arguments, for the functions below.
  struct Turn {
    Instant now;
    Out& out;
  };
  void send(wire::PeerId to, wire::Item item, const Turn& turn);

  // ---- core.cc: what has arrived, and what time brings
  static constexpr std::size_t kLinesPerTurn = 1'000;
  static constexpr std::size_t kTidyMost = 2'000;
  void know_upstreams();
  void plan_all(const Turn& turn);
  void fire_timers(const Turn& turn);
  void say_lines(const Turn& turn);
  void say_batches(Shard& shard, const Turn& turn);
  void tidy(Shard& shard, const Turn& turn);

  // ---- store_side.cc: calls of the store, and its clock
  void say(Call call, const Turn& turn);
  void say_calls_again(const Turn& turn);
  void put_off(Call call, const Turn& turn);
  void ask_clock(const Turn& turn);
  void clock_unanswered(const AskClock& call);
  [[nodiscard]] Caller clock_caller(const Shard& shard, Instant now) const;
  void hear_clock(const Call& call, const StoreReply& reply, const Turn& turn);
  void learn_time(Shard& shard, const StoreReply& reply, bool told, const Turn& turn);
  void learn_first(Shard& shard, const StoreReply& reply, bool told, const Turn& turn);
  void go_by(Shard& shard, const RoundTrip& trip);
  void time_is_known(const Turn& turn);
  void compare_clock(Shard& shard, const StoreReply& reply, bool told) const;
  void answered(const StoreReply& reply, const Turn& turn);
  void acknowledged(const std::string& upstream, const Acknowledged& done);
  void answer_to(const Call& call, const Answer& answer, const Turn& turn);
  void learn(const std::string& upstream, Duration latency);
  [[nodiscard]] std::optional<StoreBounds> bounds(Instant now) const;
  [[nodiscard]] Instant when(StoreTime at, Instant now) const;
  [[nodiscard]] std::optional<Caller> caller(Instant now) const;

  // ---- peer_side.cc: who comes and goes
  void peer_up(const wire::PeerUp& up, const Turn& turn);
  void peer_down(wire::PeerId peer, const Turn& turn);
  void peer_facts(const wire::PeerFacts& facts, const Turn& turn);
  void ask_about_all(wire::PeerId dispatcher, std::uint64_t life, const Turn& turn);
  [[nodiscard]] bool lasts(StoreTime penalty, Instant now) const;
  void say_penalties(wire::PeerId ingest, const Turn& turn);
  void recall_what_is_closed(wire::PeerId dispatcher, const Turn& turn);

  // ---- offers.cc: messages come into a line and leave it
  void item(wire::PeerId peer, const wire::Offer& offer, const Turn& turn);
  void offered_again(Message& message, wire::PeerId peer, const wire::Offer& offer,
                     const Turn& turn);
  [[nodiscard]] std::optional<wire::Wait> unwelcome(const Key& key, const wire::Offer& offer,
                                                    Instant now) const;
  void turn_away(wire::PeerId peer, const wire::Offer& offer, wire::Wait why, const Turn& turn);
  Message& add(Key& key, wire::PeerId peer, const wire::Offer& offer);
  void into_line(Message& message, const Turn& turn);
  void overflow(Key& key, const Turn& turn);
  void let_go(Message& message, wire::Wait why, StoreTime due, const Turn& turn);
  void cut(Key& key, std::string_view store, std::int64_t order, Instant now);
  void park_copies(Key& key, wire::Wait why, const Turn& turn);
  void out_of_turn(Message& message);
  void take_out(Message& message);
  void put_back(Message& message, const Turn& turn);
  void forget(Message& message);
  void hold_for(Message& message, wire::PeerId peer, wire::Origin origin);
  void unhold(Message& message, wire::PeerId peer);
  void unhold_all(Message& message);
  [[nodiscard]] std::size_t line_max(const Key& key) const;
  [[nodiscard]] bool tight() const;
  [[nodiscard]] bool no_room() const;
  [[nodiscard]] bool is_far(const Refusal& refusal, const StoreBounds& known) const;

  // ---- wants.cc: which keys have rows, and asking for their heads
  void item(wire::PeerId peer, const wire::Parked& parked, const Turn& turn);
  void item(wire::PeerId peer, const wire::Announced& announced, const Turn& turn);
  void item(wire::PeerId peer, const wire::Rows& rows, const Turn& turn);
  void let_go_beyond(Key& key, const std::string& store, const Turn& turn);
  void item(wire::PeerId peer, const wire::Forgotten& forgotten, const Turn& turn);
  void forgotten_by_ingest(const std::string& identity);
  void say_wants(Key& key, const Turn& turn);
  void say_queued_wants(const Turn& turn);
  [[nodiscard]] bool may_ask(const IngestPeer& ingest) const;
  [[nodiscard]] Rows::View view(const Key& key) const;
  [[nodiscard]] static bool is_here(const Key& key, std::int64_t order);

  // ---- hearing.cc: what persons said last, and penalties that last
  Holds& holds_of(Shard& shard, const std::string& key);
  void hear_holds(Shard& shard, wire::PeerId peer, const wire::Parked& parked, const Turn& turn);
  void hear_penalty(Shard& shard, const std::string& key, StoreTime until, const Turn& turn);
  void hear_word(Shard& shard, const std::string& key, const wire::Hold& word, const Turn& turn);
  void tell_unnamed(Shard& shard, wire::PeerId peer, const std::string& store, const Turn& turn);
  void tell_others(const wire::Word& word, wire::PeerId not_this, const Turn& turn);
  [[nodiscard]] StoreTime said_now(const Shard& shard, const std::string& key, Instant now) const;
  void close_by_word(Shard& shard, const std::string& key, const wire::Hold& word,
                     const Turn& turn);
  void look_anew(Shard& shard, const std::string& key);
  void say_opening_again(Shard& shard, const std::string& key, const Turn& turn);

  // ---- moves.cc: keys of other limiters
  void item(wire::PeerId peer, const wire::Moved& moved, const Turn& turn);
  void withdraw(Message& message, wire::PeerId peer, const std::string& store);
  void let_all_go();
  void say_moved(const Turn& turn);

  // ---- grants.cc: may they go?
  void plan(Key& key, const Turn& turn);
  Instant turn_of(Key& key, const std::optional<Refusal>& refusal, Instant now);
  [[nodiscard]] std::optional<Refusal> closed(const Key& key, StoreTime low) const;
  [[nodiscard]] static std::uint32_t open_attempts(const Key& key);
  [[nodiscard]] std::uint32_t in_flight(const Key& key) const;
  [[nodiscard]] bool is_busy(const Key& key) const;
  [[nodiscard]] std::optional<Refusal> gate(const Key& key, Instant now) const;
  [[nodiscard]] wire::Wait shard_gate(const Shard& shard, Instant now) const;
  [[nodiscard]] std::size_t unrecorded_room() const;
  void grant_all(const Turn& turn);
  void grant(Shard& shard, const Turn& turn);
  void ask_out_of_turn(Shard& shard, Grant& call);
  void ask_in_turn(Shard& shard, Grant& call, const Turn& turn);
  [[nodiscard]] static bool has_shared(const Shard& shard);
  [[nodiscard]] GrantAsk make_ask(const Message& message, const Caller& caller,
                                  std::uint64_t dispatcher_life) const;
  void ask_for(Message& message, std::uint64_t dispatcher_life, Grant& call);

  // ---- answers.cc: what the store answered, and what leaves because of it
  void granted(const Grant& call, const GrantReply& reply, const Turn& turn);
  void granted_one(Message& message, const GrantAnswer& answer, const Turn& turn);
  void yes(Message& message, const GrantAnswer& answer, const Turn& turn);
  void fly(Message& message, const GrantAnswer& answer, bool ours);
  void wait(Message& message, const GrantAnswer& answer, const Turn& turn);
  void underway(Message& message, const GrantAnswer& answer, const Turn& turn);
  void dispatch(Message& message, const GrantAnswer& answer, wire::PeerId to, const Turn& turn);
  void refused(Key& key, const GrantAnswer& answer, const Turn& turn);
  void refused_all(Key& key, const GrantAnswer& answer, const Turn& turn);
  void share(Shard& shard, StoreTime before, Instant now);
  void learn_batch(Shard& shard, const GrantReply& reply);
  [[nodiscard]] static bool is_shared(const Shard& shard, const std::string& limit);
  void give_back(Message& message, wire::NotStarted why, const Turn& turn);
  void release(Message& message);

  // ---- outcomes.cc: how attempts ended, and how messages end
  void item(wire::PeerId peer, const wire::Outcome& outcome, const Turn& turn);
  void item(wire::PeerId peer, const wire::Penalty& penalty, const Turn& turn);
  void item(wire::PeerId peer, const wire::Recorded& recorded, const Turn& turn);
  void complete_attempt(const wire::Outcome& outcome, std::optional<wire::PeerId> from,
                        const Turn& turn);
  void warned(const wire::Outcome& outcome, const Turn& turn);
  void close_by_warnings(const Turn& turn);
  void recall(const wire::Recall& recall, const Turn& turn);
  void completed(const Complete& call, const CompleteReply& reply, const Turn& turn);
  void completed_one(const Completion& completion, const CompleteAnswer& answer, const Turn& turn);
  void forgive(Key& key);
  void look_at_attempt(Message& message, const Turn& turn);
  void land(Message& message, Instant now);
  void freed(Key& key, Instant now) const;
  void ended_one(Shard& shard, Key* key, Instant now);
  void slot_is_free(Shard& shard, Key* key, Instant now);
  void ask_anew(Key& key, Instant now);
  void limit_opens(Shard& shard, Instant now);
  void retry(Message& message, StoreTime due, const Turn& turn);
  void finish(Message& message, const End& end, const Turn& turn);
  void tell_if_recorded(Message& message, const Turn& turn);
  void take_outbox(const std::vector<wire::Record>& outbox);
  void close_key(Shard& shard, const std::string& key, StoreTime until, const Turn& turn);
  void stop_abnormal(Shard& shard, const std::string& key, const Turn& turn);
  void stop_behind(const Message& message, const Turn& turn);
  void stop_key(Shard& shard, const std::string& key, const wire::Hold& word, const Turn& turn);

  // ---- quotes.cc: when would it go, and why not now?
  void item(wire::PeerId peer, const wire::Quote& quote, const Turn& turn);
  [[nodiscard]] wire::Wait what_stops(const Shard& shard, Instant now) const;
  [[nodiscard]] static bool is_unknowable(wire::Wait why);
  [[nodiscard]] std::uint64_t in_logs(const Key& key) const;
  [[nodiscard]] std::uint64_t ahead_of(const Key& key, const Asker& asker) const;
  void forget_peek(const Peek& peek, const Turn& turn);
  void peek_after_limits(const Peek& peek, const Turn& turn);
  void peek_for_askers(Shard& shard);
  void explain_quoted(const Message* message, Instant now, wire::Quoted& quoted) const;
  [[nodiscard]] std::variant<Forecast, wire::Wait> foresee(const Key& key, const KeyState& state,
                                                           const StoreBounds& known) const;
  void peeked(const Peek& call, const PeekReply& reply, const Turn& turn);
  void answer_quote(Key& key, const Asker& asker, const Turn& turn);
  void say_cost_max(const wire::Quote& quote, wire::Quoted& quoted);
  void answer_unknown(const Asker& asker, wire::Wait why, const Turn& turn);
  void answer_askers(Key& key, wire::Wait why, const Turn& turn);

  // ---- explain.cc: why does it wait, and since when for us?
  void explain_head(const Key& key, Instant now, Explanation& explained) const;
  [[nodiscard]] Explained explain_message(const Key& key, const Message* message,
                                          Instant now) const;
  [[nodiscard]] bool is_for_us(const Shard& shard, Instant now) const;
  [[nodiscard]] static bool is_ours(wire::Wait why);
  [[nodiscard]] static StoreTime could_go_at(const Message& message,
                                             const std::optional<StoreBounds>& known);
  void say_backlog(const Turn& turn);

  // ---- departures.cc
  static void look_for_longest(Shard& shard);
  void learn_departure(Key& key);
  [[nodiscard]] std::optional<StoreTime> opens_at(const Key& key, const StoreBounds& known) const;

  // ---- controls.cc: what people want
  void item(wire::PeerId peer, const wire::Control& control, const Turn& turn);
  [[nodiscard]] StoreTime recall_end(const Shard& shard, const Refusal& hold, Instant now) const;
  void reopen(Shard& shard, const std::string& name, Instant now);
  void open_again(Key& key);
  void set_hold(const wire::Control& control, wire::PeerId peer, const Turn& turn);
  void say_stale(wire::PeerId peer, std::uint64_t id, const wire::Hold& later, const Turn& turn);
  [[nodiscard]] bool trail_full() const;
  bool is_off_record(const wire::Control& control, wire::PeerId peer, const Turn& turn);
  void control_limits(const wire::Control& control, wire::PeerId peer, const Turn& turn);
  void limits_unheard(std::uint64_t asker, const Turn& turn);
  void hear_version(const std::string& upstream, std::uint64_t version, const Turn& turn);
  void hear_limits(const Call& call, const LimitsReply& reply, const Turn& turn);
  void adopt(const std::string& upstream, const ShardLimits& limits, const Turn& turn);
  void say_limits(const Turn& turn);
  void rethink(Shard& shard);
  void give_up_controls(const Turn& turn);
  void hold_written(const SetHold& call, const Acknowledged& done, const Turn& turn);
  void controlled(wire::PeerId peer, std::uint64_t id, const std::string& error, const Turn& turn);
  void cancel(wire::PeerId peer, const wire::Control& control, const Turn& turn);
  void consume(const wire::Control& control, wire::PeerId peer, const Turn& turn);
  void consumed(const Consume& call, const Turn& turn);
  [[nodiscard]] std::string random_id();
  void record_hold(const SetHold& hold, const char* reason, Instant now);

  // ---- opens.cc: after a closure
  void look_at_opening(Shard& shard, const Turn& turn);
  static bool is_mark(const Peek& peek);
  void mark_peeked(Shard& shard, const KeyState* state);
  void hear_closure(const std::string& upstream, const Acknowledged& done);
  void say_words_again(Shard& shard, const Turn& turn);

  // Everything else that a peer may say is not for a limiter.
  template <class Other>
  void item(wire::PeerId, const Other&, const Turn&) {}

  void unknown_upstream(const std::string& name);
  Shard* shard_of(std::string_view upstream);
  Key& key_of(Shard& shard, const std::string& name);
  Key* find_key(Shard& shard, const std::string& name);  // that is here
  Key* find_or_recall(Shard& shard, const std::string& name);
  void touch(Key& key);
  void foresee_anew(Key& key);
  void touch_all(Shard& shard);
  void forget_if_empty(Key& key, Instant now);
  static void remember(const Key& key, StoreTime low);
  static void recall_known(Key& key, const std::string& store, const Known& known);
  Message* find(std::string_view identity);
  [[nodiscard]] const Message* find(std::string_view identity) const;

  struct Completing {
    std::vector<wire::PeerId> tell;  // dispatchers that said this outcome
  };
  struct Controlling {
    wire::PeerId peer;
    std::uint64_t control_id = 0;
    Instant until;
    StoreTime said_at;  // the word that is to be written
  };

  Config config_;
  Prng prng_;
  Counts counts_;
  StoreClock clock_;
  StoreClock wall_;  // store time by this machine's wall clock, until it is known
  std::optional<Duration> wall_apart_;
  Instant clock_due_;     // when the clock is to be measured
  std::string clock_of_;  // the shard whose time this is
  Instant clock_heard_;   // when the question left whose answer was heard last
  Instant backlog_due_;
  bool store_up_ = false;
  bool draining_ = false;
  bool moved_said_ = false;  // since it drains
  std::size_t bytes_ = 0;
  std::size_t underway_ = 0;  // messages with an open attempt
  std::size_t asked_ = 0;     // asks that the store has not answered: each may bring a line
  std::uint64_t last_key_ = 0;
  std::uint64_t last_message_ = 0;
  std::uint64_t last_want_ = 0;

  Peers peers_;
  Calls calls_;
  TrailOut trail_;
  LimitsOut limits_out_;
  std::size_t first_shard_ = 0;                       // whose turn it is to be asked for first
  std::map<std::string, Shard, std::less<>> shards_;  // by upstream
  std::list<Key*> keys_;                              // in the order in which they came
  ByName<Message> messages_;
  std::vector<Key*> dirty_;
  bool look_at_known_ = false;  // one may be asked for
  Timers<Numbered<Key>> key_timers_;
  Timers<Numbered<Message>> attempt_timers_;                      // ask what became of its attempt
  std::map<std::uint64_t, std::set<Numbered<Message>>> flights_;  // by dispatcher life
  std::map<wire::Attempt, Completing> completing_;
  // Told while nobody knew store time, by upstream and key: they close once it is known.
  struct Warning {
    Instant until;
    bool abnormal = false;
  };
  std::map<std::pair<std::string, std::string>, Warning> warnings_;
  std::map<std::pair<std::string, std::string>, std::vector<Controlling>> controlling_;
  std::map<std::string, Controlling> consuming_;  // by Consume::id
  std::uint64_t last_asker_ = 0;
  std::map<std::uint64_t, Controlling> limits_asked_;  // by AskLimits::asker and SetLimits::asker
  // Settled was said, Forgotten was not heard: such rows are still counted by their ingest.
  struct Told {
    Instant at;
    std::string identity;
  };
  std::deque<Told> told_;
  struct ToldOf {
    Key* key = nullptr;  // stays while it is told of
    std::string store;
  };
  std::unordered_map<std::string, ToldOf> told_key_;  // by identity
};

}  // namespace sluice::limiter
