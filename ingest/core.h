// Ingest's state machine: the life of a message from its reception to its last trace (README.md).
//
// What must stay true (design 4.2, found necessary by simulation):
//   1. keys with rows are announced after each commit, on every welcome of a limiter and regularly;
//   2. a queue copy is deleted only after this ingest's own put answered created or same, or after
//      Settled; a row goes only by settlement;
//   3. a Want is answered by a consistent read made for that Want;
//   4. what goes in order is put before it is offered, of its group one after the other;
//   5. a 202 is said only after row and name were committed; or the name was, and the queue has
//      said that it has the message (core_door.cc).
// Everything that waits for an answer has a deadline; no lost answer wedges anything.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "ingest/belief.h"
#include "ingest/config.h"
#include "ingest/front_door.h"
#include "ingest/parking.h"
#include "ingest/queue.h"
#include "lib/base/outbox.h"
#include "lib/base/store_clock.h"
#include "lib/wire/peer.h"

namespace sluice::ingest {

// SIGTERM: nothing new is taken, queue copies are given back.
struct Drain {};
// Another process has added rows to this parking store (import, replay): of these keys.
struct ParkingChanged {
  std::vector<KeyFacts> keys;
};
// What is in this parking store, each 10 s: for the auditor, whom outcomes alone cannot tell.
struct ParkingSize {
  std::uint64_t waiting = 0;
  std::uint64_t dead = 0;
  StoreTime at;  // by this machine's clock
};

struct Counts {
  std::uint64_t accepted = 0;
  std::uint64_t repeated = 0;
  std::uint64_t refused_wait = 0;      // 429
  std::uint64_t refused_conflict = 0;  // 422
  std::uint64_t unavailable = 0;       // 503
  std::uint64_t offered = 0;
  std::uint64_t settled = 0;
  std::uint64_t dead = 0;
  std::uint64_t costs_booked = 0;
  std::uint64_t costs_refused = 0;
  std::uint64_t reannounced = 0;  // because a heartbeat differed
};

inline constexpr std::size_t kAgainMax = 64;  // reads of heads that are offered again

class IngestCore {
 public:
  using Work = std::variant<wire::FromPeer, Submit, Lookup, Cancel, SubmitCost, ListMessages,
                            LookKey, ListKeyPage, ControlKey, AskLimits, QueueCopy, Drain>;
  using Reply = std::variant<wire::PeerUp, wire::PeerDown, wire::PeerFacts, ParkingReply, ListReply,
                             QueueReply, ParkingChanged, ParkingSize>;
  using Effect = std::variant<wire::Send, ParkingCall, ListCall, QueueCall, Respond>;
  using Out = Outbox<Effect>;

  explicit IngestCore(Config config);
  // The settings were edited while it runs.
  void edit(std::vector<Upstream> upstreams) { config_.upstreams = std::move(upstreams); }

  void accept(const Work& work, Instant now, Out& out);
  void complete(const Reply& reply, Instant now, Out& out);
  void tick(Instant now, Out& out);
  [[nodiscard]] std::size_t room() const;
  // For copies of queues that are offered as they come.
  [[nodiscard]] std::size_t queue_room() const;
  // For messages of the front door.
  [[nodiscard]] std::size_t door_room() const;
  [[nodiscard]] Instant deadline() const;
  [[nodiscard]] bool idle() const;
  [[nodiscard]] std::size_t effects_max() const;

  [[nodiscard]] wire::HeartbeatFacts heartbeat(wire::PeerId peer, Instant now) const;
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t limiters() const { return limiters_.size(); }
  [[nodiscard]] std::vector<wire::PeerUp> connected() const;
  [[nodiscard]] std::size_t auditors() const { return auditors_.size(); }
  [[nodiscard]] std::size_t copies() const { return copies_.size(); }

 private:
  struct Turn {
    Instant now;
    Out& out;
  };

  // ---- timers: what to do when an answer did not come, and what is done regularly
  enum class Due : std::uint8_t {
    kCall,
    kQuote,
    kSettle,
    kAnnounce,
    kAnnouncePage,
    kSweep,
    kForget,
    kCost,
    kRenew,
    kCredit,
    kQueueCall,
    kList,
    kControl,
    kTold,
    kStop
  };
  struct Timer {
    Instant at;
    Due due = Due::kCall;
    std::uint64_t id = 0;
    std::string name;
    friend auto operator<=>(const Timer&, const Timer&) = default;
  };
  void at(Instant when, Due due, std::uint64_t id, std::string name = {});
  void fire(const Timer& timer, const Turn& turn);

  // ---- parking calls under way, each with what its answer is for
  struct ForSubmit {
    std::uint64_t request_id;
  };
  struct ForWant {
    wire::PeerId peer;
    std::uint64_t want_id;
    std::string key;
    std::uint32_t count;      // rows asked for
    std::uint32_t given = 0;  // by the pages before
    RowPlace after = {};
  };
  struct ForSettle {
    std::string identity;
  };
  struct ForDead {
    std::string identity;
  };
  struct ForCopy {
    std::string identity;
  };
  struct ForLookup {
    std::uint64_t request_id;
    Scope scope;
  };
  struct ForCancel {
    std::uint64_t request_id;
    std::string id;  // of the message that is to be marked once it is known to be in scope
    Scope scope;
  };
  struct ForKey {
    std::uint64_t request_id;
  };
  struct ForKeyPage {
    ListKeyPage ask;
  };
  struct ForControl {
    std::uint64_t request_id;
  };
  struct ForTold {
    std::string item;
  };
  struct ForAnnounce {
    wire::PeerId peer;
  };
  struct ForName : ForCopy {};
  struct ForPosted {};
  struct ForSweep {};
  struct ForForget {};
  struct ForNobody {};
  using Purpose = std::variant<ForSubmit, ForWant, ForSettle, ForDead, ForCopy, ForLookup,
                               ForCancel, ForKey, ForKeyPage, ForControl, ForTold, ForAnnounce,
                               ForName, ForPosted, ForSweep, ForForget, ForNobody>;
  struct OpenCall {
    Purpose purpose;
    Instant deadline;
  };
  void park(Call call, Purpose purpose, const Turn& turn);
  void answered(const ParkingReply& reply, const Turn& turn);
  void answer_to(const Purpose& purpose, const ParkingAnswer& answer, const Turn& turn);

  // ---- peers
  struct Announcing {
    bool running = false;
    bool again = false;
    std::string after;
    std::uint64_t keys = 0;
    Instant next_at;
  };
  struct Limiter {
    wire::PeerUp up;
    Belief belief;
    Announcing announcing;
    std::optional<std::uint32_t> offers_max;  // its credit for unasked offers, when it said one
    std::size_t copies = 0;                   // queue copies offered to it
    std::deque<std::string> line = {};        // those that await its credit, as they came
    // After a difference: keys whose heads are offered again, and how many rows it held of each.
    std::map<std::string, std::uint32_t> again;
    bool leaves = false;  // it has said Moved: no key is its own any more
  };
  void peer_up(const wire::PeerUp& up, const Turn& turn);
  void peer_down(wire::PeerId peer, const Turn& turn);
  void peer_facts(const wire::PeerFacts& facts, const Turn& turn);
  void from_peer(const wire::FromPeer& from, const Turn& turn);
  void send_offer(Limiter& to, wire::Offer offer, const Turn& turn);
  void say_everything_again(Limiter& to, const Turn& turn);
  void offer_more_again(Limiter& to, const Turn& turn);
  void offer_out_of_turn(const wire::Offer& row, const Turn& turn);

  // ---- whose keys are whose
  Limiter* owner(const std::string& key);
  Limiter* limiter(wire::PeerId peer);
  void limiter_up(const wire::PeerUp& up, const Turn& turn);
  void limiter_down(wire::PeerId peer, const Turn& turn);
  void leaves(wire::PeerId peer, const Turn& turn);
  void inherit(const Turn& turn);
  void move_keys(const Turn& turn);
  void withdraw(Limiter& from, const std::string& key, const Turn& turn);

  // ---- announcements (rule 1)
  void announce_key(const KeyFacts& key, const Turn& turn);
  void say_parked(Limiter& to, const KeyFacts& key, const Turn& turn);
  void announce_holds(Limiter& to, KeyFacts key, const Turn& turn);
  void announce_all(Limiter& to, const Turn& turn);
  void announce_page(Limiter& to, const Turn& turn);
  void announced_page(wire::PeerId peer, const ParkingAnswer& answer, const Turn& turn);

  // ---- rows
  void want(wire::PeerId peer, const wire::Want& want, const Turn& turn);
  void not_its_own(Limiter& to, std::uint64_t want_id, const std::string& key, const Turn& turn);
  void read_head(ForWant purpose, const Turn& turn);
  void head(ForWant purpose, const ParkingAnswer& answer, const Turn& turn);
  void parked_row(wire::PeerId peer, const wire::Park& park, const Turn& turn);
  void sweep(const Turn& turn);
  void swept(const ParkingAnswer& answer, const Turn& turn);
  void forget_names(const Turn& turn);
  void names_forgotten(const ParkingAnswer& answer, const Turn& turn);

  // ---- settlements
  enum class Grave : std::uint8_t {
    kOpen,
    kQueues,  // its dead letter is in the queue's
    kOwn,     // it is to be made with the end of its row
  };
  struct Settling {
    wire::Settled settled;
    wire::PeerId peer;
    Grave grave = Grave::kOpen;  // of a dead one
    Duration again = {};         // after which it is buried again
    bool waits = false;          // for that
  };
  void settled(wire::PeerId peer, const wire::Settled& settled, const Turn& turn);
  void end_row(const std::string& identity, const Turn& turn);
  void dead_row(const std::string& identity, const ParkingAnswer& answer, const Turn& turn);
  void dead_row_buried(const std::string& identity, const QueueReply& reply, const Turn& turn);
  void bury_in(Grave grave, const std::string& identity, const Turn& turn);
  void bury_later(const std::string& identity, const Turn& turn);
  void settle_row(const std::string& identity, const Turn& turn);
  void row_settled(const std::string& identity, const ParkingAnswer& answer, const Turn& turn);
  void forgotten(const std::string& identity, const Turn& turn);

  // ---- front door
  struct Admission {
    Submit submit;
    std::uint64_t before = 0;  // of its key, received before it and not yet put
    bool put = false;
    Forecast forecast;
    std::optional<Name> known;  // as parking has it
    bool repeat = false;
  };
  struct Looking {
    Name name;
    std::optional<std::uint64_t> ahead;
  };
  void submit(const Submit& submit, const Turn& turn);
  void looked_before_put(std::uint64_t request_id, const LookupAnswer& answer, const Turn& turn);
  void decide(std::uint64_t request_id, const Turn& turn);
  void put(std::uint64_t request_id, const Turn& turn);
  void submit_answered(std::uint64_t request_id, const ParkingAnswer& answer, const Turn& turn);
  void put_answered(std::uint64_t request_id, const PutAnswer& answer, const Turn& turn);
  void send_posted(std::uint64_t request_id, const Turn& turn);
  void posted_sent(std::uint64_t request_id, bool done, const Turn& turn);
  void end_submit(std::uint64_t request_id, FrontAnswer answer, const Turn& turn);
  void no_longer_before(const std::string& key);
  void looked(const ForLookup& purpose, const ParkingAnswer& answer, const Turn& turn);
  void end_lookup(std::uint64_t request_id, const Forecast& forecast, const Turn& turn);
  void cancel(const Cancel& cancel, const Turn& turn);
  void cancel_answered(const ForCancel& purpose, const ParkingAnswer& answer, const Turn& turn);
  // A question to a limiter, and whose it is: of a list, of its message at `place`.
  struct Asking {
    std::uint64_t request_id = 0;
    std::size_t place = 0;
  };
  // False when there is nobody to ask.
  bool quote(Asking asking, wire::Quote quote, const Turn& turn);
  void quoted(const wire::Quoted& quoted, const Turn& turn);
  void quote_ended(const Asking& asking, const Forecast& forecast, const Turn& turn);
  void respond(std::uint64_t request_id, FrontAnswer answer, const Turn& turn);
  [[nodiscard]] StoreTime wall(Instant now) const;

  // ---- lists
  struct Listing {
    Listed listed;
    std::size_t open = 0;  // quotes that are awaited
  };
  void list(const ListMessages& list, const Turn& turn);
  void listed(const ListReply& reply, const Turn& turn);
  void end_list(std::uint64_t request_id, const Turn& turn);

  // ---- keys, and what persons want of them
  struct Controlling {
    ControlKey ask;
    KeyFacts key;
    std::size_t open = 0;  // limiters that have not answered
    std::size_t heard = 0;
    std::string trouble;       // of a limiter
    StoreTime said_at;         // of the word that is being told
    wire::Hold later;          // the last word that somebody knows, and that is later than it
    std::uint32_t rounds = 0;  // that it was said anew because of that
    std::string dead = {};     // nobody asked: a copy dies, and stops its key
  };
  void look_key(const LookKey& look, const Turn& turn);
  void key_looked(std::uint64_t request_id, const ParkingAnswer& answer, const Turn& turn);
  void end_key(std::uint64_t request_id, const Forecast& forecast, const Turn& turn);
  void keys_page(const ListKeyPage& ask, const ParkingAnswer& answer, const Turn& turn);
  void control(const ControlKey& control, const Turn& turn);
  bool begin_control(const ControlKey& asked, const std::string& dead, const Turn& turn);
  void control_parked(std::uint64_t request_id, const ParkingAnswer& answer, const Turn& turn);
  void write_holds(Controlling& controlling, const Turn& turn);
  void tell_control(std::uint64_t request_id, const Turn& turn);
  void tell_limiter(Limiter& to, std::uint64_t request_id, const Turn& turn);
  void controlled(const wire::Controlled& controlled, const Turn& turn);
  void control_unheard(std::uint64_t control_id, const std::string& why, const Turn& turn);
  void end_control(std::uint64_t request_id, const Turn& turn);
  void end_stopped(std::uint64_t request_id, const Turn& turn);
  void answer_control(std::uint64_t request_id, FrontAnswer answer, const Turn& turn);
  void penalised(const wire::Recall& told, const Turn& turn);
  void keep(const wire::Word& told, const Turn& turn);
  void write_told(const std::string& item, const Turn& turn);
  void told_parked(const std::string& item, const ParkingAnswer& answer, const Turn& turn);
  void ask_limits(const AskLimits& ask, const Turn& turn);
  void limits_answered(const wire::Controlled& answer, const Turn& turn);
  void limits_unheard(std::uint64_t control_id, std::string why, const Turn& turn);
  void send_backlog(const ParkingSize& size, const Turn& turn);

  // ---- queue copies
  enum class At : std::uint8_t { kHere, kOffered, kPutting, kSettling, kBehind, kStopping };
  struct Copy {
    wire::Offer message;
    std::vector<std::string> receipts;  // the newest last
    At at = At::kHere;
    wire::PeerId peer;  // kOffered
    Instant renew_at;
    Instant park_at;             // kHere: the limiter takes no more, and it becomes a row then
    std::string group = {};      // of a FIFO queue; empty: of none
    bool posted = false;         // by the front door
    const char* dies = nullptr;  // nobody can send it, for this reason
    StoreTime died_at = {};      // when its key was stopped because of it
  };
  // Its messages become rows one after the other.
  struct Group {
    std::string putting = {};             // empty: none
    std::deque<std::string> behind = {};  // those after it, in their order
  };
  enum class After : std::uint8_t {
    kNothing,
    kSettleRow,
    kForgotten,
    kDelete,
    kBuried,
    kSent,
    kName
  };
  struct OpenQueueCall {
    After after = After::kNothing;
    std::string identity;
    std::string receipt;
    Instant deadline;
    std::uint64_t request_id = 0;  // kSent
  };
  void received(const QueueCopy& copy, const Turn& turn);
  Copy* copy_of(const wire::Settled& settled);
  Copy& hold(const QueueCopy& copy, const Turn& turn);
  void hold_again(Copy& held, const std::string& receipt);
  [[nodiscard]] wire::Settled death_of(const wire::Offer& m, const char* why, const Turn&) const;
  void received_again(Copy& held, const QueueCopy& copy, const Turn& turn);
  void refuse_copy(Copy& copy, const Name& there, const Turn& turn);
  void dies_unheard(QueueCopy copy, const char* reason, const Turn& turn);
  void die(Copy& copy, const char* reason, const Turn& turn);
  void stop_key(const std::string& identity, const Turn& turn);
  void key_stopped(const Controlling& word, bool done, const Turn& turn);
  void bury_copy(Copy& copy, const Turn& turn);
  void end_name(const std::string& identity, const Turn& turn);
  void name_ended(const std::string& identity, const ParkingAnswer& answer, const Turn& turn);
  void offer_copies(const Turn& turn);
  void offer_line(Limiter& to, const Turn& turn);
  void offer_copy(Copy& copy, Limiter& to, const Turn& turn);
  void await_credit(Copy& copy, const Turn& turn);
  void no_credit(const std::string& identity, const Turn& turn);
  void posted_parked(const Name& name, const Turn& turn);
  void take_back_copies();
  [[nodiscard]] bool sooner(const std::string& a, const std::string& b) const;
  void park_copy(wire::PeerId peer, const wire::Park& park, const Turn& turn);
  void put_copy(Copy& copy, StoreTime due, const Turn& turn);
  void copy_put(const std::string& identity, const ParkingAnswer& answer, const Turn& turn);
  void let_go(const std::string& identity, Duration visibility, const Turn& turn);
  void delete_copy(const std::string& identity, After after, const Turn& turn);
  void renew(const std::string& identity, const Turn& turn);
  void leave_limiter(Copy& copy, const Turn& turn);
  void not_putting(const std::string& key);
  void join_group(Copy& copy, const std::string& group, const Turn& turn);
  void put_next(const std::string& group, const Turn& turn);
  void left_group(const Copy& copy, const Turn& turn);
  void given_back(const Copy& copy, Duration visibility, const Turn& turn);
  void queue_call(decltype(QueueCall::call) ask, After after, const std::string& identity,
                  const Turn& turn);
  void queue_answered(const QueueReply& reply, const Turn& turn);
  void drain(const Turn& turn);

  // ---- costs
  struct Booking {
    wire::Cost cost;
    std::vector<std::uint64_t> requests;
    wire::PeerId sent_to;
    Instant sent_at;
  };
  void submit_cost(const SubmitCost& submit, const Turn& turn);
  [[nodiscard]] const wire::PeerUp* auditor_of(const std::string& name) const;
  void send_cost(Booking& booking, const Turn& turn);
  void send_costs_again(const Turn& turn);
  void recorded(const wire::Recorded& recorded, const Turn& turn);
  void cost_late(const std::string& booking, std::uint64_t request_id, const Turn& turn);

  Config config_;
  Counts counts_;
  StoreClock clock_;
  Instant wall_learnt_;
  StoreTime wall_;
  StoreTime last_seen_;
  bool draining_ = false;
  std::uint64_t last_id_ = 0;  // calls, quotes and requests share one row of numbers

  std::set<Timer> timers_;
  std::unordered_map<std::uint64_t, OpenCall> calls_;
  std::map<wire::PeerId, Limiter> limiters_;
  std::map<wire::PeerId, wire::PeerUp> auditors_;
  StoreTime alone_since_;  // rows wait and no limiter is connected; 0: it is not so
  bool sweeping_ = false;
  EndingPlace swept_to_;
  bool forgetting_ = false;
  std::size_t reading_ = 0;

  std::unordered_map<std::uint64_t, Admission> admissions_;
  std::unordered_map<std::string, std::uint64_t> before_put_;  // by key
  std::unordered_map<std::uint64_t, Looking> lookings_;
  std::unordered_map<std::uint64_t, Asking> quotes_;
  std::unordered_map<std::uint64_t, Listing> listings_;
  std::unordered_map<std::uint64_t, std::uint64_t> list_calls_;  // call -> request
  std::unordered_map<std::uint64_t, KeyFacts> keys_looked_;
  std::unordered_map<std::uint64_t, Controlling> controls_;
  std::set<std::string> controlled_items_;  // keys and upstreams: one change at a time
  struct Keeping {
    std::vector<wire::Hold> holds;
    std::uint64_t news = 0;     // that came
    std::uint64_t written = 0;  // that were among what was written last
    KeyFacts key;               // as it is written
  };
  std::map<std::string, Keeping> keeping_;  // holds on their way into parking, by item
  struct Told {
    std::uint64_t request_id;
    wire::PeerId peer;
  };
  std::map<std::uint64_t, Told> told_;  // by control id
  struct LimitsAsked {
    Told told;
    std::string upstream;
    bool edits = false;
  };
  std::map<std::uint64_t, LimitsAsked> limits_asked_;  // by control id
  std::unordered_map<std::string, Settling> settling_;

  std::unordered_map<std::string, Copy> copies_;            // by identity
  std::deque<std::string> unoffered_;                       // in no limiter's line
  std::unordered_map<std::string, std::uint32_t> putting_;  // by key
  std::map<std::string, Group> groups_;                     // by queue and group
  std::unordered_map<std::uint64_t, OpenQueueCall> queue_calls_;
  std::set<std::string> burying_;                      // rows that die
  std::unordered_map<std::string, Booking> bookings_;  // by content hash and event id
};

}  // namespace sluice::ingest
