// Edits hold (design 4.1): which limits rule is what was said last to the store that serves, by
// people and by settings (ruling.h). What a person is told of an edit is so: 200 after it was
// taken, 412 when others came first; it is taken once, its line comes into the trail, and nothing
// is granted to who asks by other limits. Whether more is granted than they let go: check_p1.cc.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "auditor/trail_facts.h"
#include "lib/base/mark.h"
#include "lib/wire/limits.h"
#include "limiter/script.h"
#include "tests/sim/checks.h"
#include "tests/sim/ledger.h"
#include "tests/sim/ruling.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

class LimitsHold : public Witness {
 public:
  explicit LimitsHold(World& world) : world_(world) {}

  void store_serves(int server) override { ruling_.serves(server); }
  void store_copied(int from, int to) override { ruling_.copied(from, to); }
  void store_wiped(int server) override { ruling_.wiped(server); }
  void settings_say(const Upstream& upstream) override {
    const auto fate = ruling_.settings_say(upstream);
    std::string& edited = edited_[upstream.name];
    if (fate == Ruling::Fate::kStale && edited == "person") MARK("limits: a start undoes no edit");
    if (fate == Ruling::Fate::kTaken && edited == "person")
      MARK("limits: new settings undo an edit");
    if (fate == Ruling::Fate::kTaken) edited = "settings";
  }
  void limits_asked(const ingest::AskLimits& ask) override {
    if (ask.rows.empty()) return;
    const Said said = said_of(ask);
    edits_[said].said += 1;
    asked_[ask.request_id] = said;
  }
  void limits_answered(const ingest::Respond& answer) override {
    const auto asked = asked_.extract(answer.request_id);
    if (asked.empty()) return;
    Edit& edit = edits_[asked.mapped()];
    if (const auto* found = std::get_if<ingest::LimitsFound>(&answer.answer)) {
      if (edit.taken + edit.there == 0) breaks("an edit was answered 200 that nobody took");
      if (found->version != std::get<1>(asked.mapped()))
        breaks("an edit was answered 200, and other limits");
    } else if (std::holds_alternative<ingest::LimitsStale>(answer.answer)) {
      MARK("limits: an edit came second");
      if (edit.stale == 0) breaks("an edit was answered 412, and no other came first");
    } else if (std::holds_alternative<ingest::Unavailable>(answer.answer)) {
      if (edit.taken > 0) MARK("limits: nobody knows of an edit that holds");
      if (edit.taken + edit.there == 0) MARK("limits: nobody knows of an edit that does not hold");
    }
  }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime now) override {
    if (const auto* reply = std::get_if<limiter::LimitsReply>(&answer)) {
      if (const auto* edit = std::get_if<limiter::SetLimits>(&call)) takes(*edit, *reply);
      rules(limiter::upstream_of(call), reply->limits);
      lines(reply->shard.outbox);
    }
    if (const auto* done = std::get_if<limiter::Acknowledged>(&answer)) lines(done->outbox);
    const auto* grant = std::get_if<limiter::Grant>(&call);
    if (grant == nullptr) return;
    if (grant->caller.limits_version != ruling_.of(limiter::upstream_of(call)).version)
      MARK("limits: a limiter asks by others than rule");
    for_each_grant(call, answer, [&](const auto&, const auto& ask, const auto& given) {
      const bool first = given.granted_at == now;
      if (first && grant->caller.limits_version != ruling_.of(ask.line.upstream).version)
        breaks("granted to a limiter that goes by other limits");
    });
  }
  void written(const std::string& record_name) override { written_.insert(record_name); }
  // A line that only the store had is gone with it; and so is, where it goes back, an edit. When
  // what rules there was said is known when it says so: settings are of no time to an empty store.
  void store_forgot() override {
    said_at_.clear();
    std::erase_if(lines_, [this](const auto& name) { return !written_.contains(name); });
    if (std::any_of(edited_.begin(), edited_.end(),
                    [](const auto& one) { return one.second == "person"; }))
      MARK("limits: the store forgets, and a person has edited them");
  }
  void ended() override {
    for (const std::string& name : lines_)
      if (!written_.contains(name)) breaks("an edit has no line in the trail");
  }

 private:
  // Upstream, version of the limits, and the one that they are to replace.
  using Said = std::tuple<std::string, std::uint64_t, std::uint64_t>;
  struct Edit {
    int said = 0, taken = 0, there = 0, stale = 0;
  };

  static Said said_of(const ingest::AskLimits& ask) {
    return {ask.upstream, limits_version(ask.upstream, wire::limits_of(ask.rows)), ask.version};
  }
  void takes(const limiter::SetLimits& said, const limiter::LimitsReply& reply) {
    const std::uint64_t version = limits_version(said.upstream, said.limits);
    if (said.said_at.us != 0) return remembered(said, version, reply);
    const auto at = edits_.find({said.upstream, version, said.instead_of});
    if (at == edits_.end()) return breaks("the store was told of limits that nobody said");
    Edit& edit = at->second;
    const auto fate = ruling_.person_says(said);
    if (reply.stale != (fate == Ruling::Fate::kStale))
      breaks(reply.stale ? "an edit of what rules was refused"
                         : "an edit came second, and was taken");
    edit.stale += fate == Ruling::Fate::kStale ? 1 : 0;
    edit.there += fate == Ruling::Fate::kThere ? 1 : 0;
    if (fate != Ruling::Fate::kTaken) return;
    edited_[said.upstream] = "person";
    if (reply.shard.closed_until > reply.limits.at)
      MARK("limits: edited while the store is closed");
    if (++edit.taken > edit.said) breaks("an edit was said once, and undid others twice");
    const auto& outbox = reply.shard.outbox;
    if (std::none_of(outbox.begin(), outbox.end(), [&](const wire::Record& line) {
          return line.kind == wire::RecordKind::kLimits && line.limits_version == version;
        }))
      breaks("an edit brings no line");
  }
  // It must have ruled since then, and takes the place of nothing that was said later.
  void remembered(const limiter::SetLimits& said, std::uint64_t version,
                  const limiter::LimitsReply& reply) {
    if (!ruled_.contains({said.upstream, version, said.said_at}))
      return breaks("a limiter remembers limits that never ruled");
    const std::uint64_t before = ruling_.of(said.upstream).version;
    const auto fate = ruling_.remembered(said, reply);
    if (fate == Ruling::Fate::kTaken) {
      MARK("limits: a store that forgot an edit is told again");
      edited_[said.upstream] = "person";
    }
    const auto at = said_at_.find({said.upstream, before});
    if (fate == Ruling::Fate::kTaken && at != said_at_.end() && at->second > said.said_at)
      breaks("what a limiter remembers undid what was said later");
  }
  void rules(const std::string& upstream, const limiter::ShardLimits& said) {
    ruled_.insert({upstream, said.version, said.at});
    said_at_[{upstream, said.version}] = said.at;
    const Ruling::Limits& known = ruling_.of(upstream);
    if (known.limits == nullptr || said.version != known.version || said.limits != *known.limits)
      breaks("other limits rule than were said last");
  }
  void lines(const std::vector<wire::Record>& outbox) {
    for (const wire::Record& line : outbox)
      if (line.kind == wire::RecordKind::kLimits)
        lines_.insert(auditor::record_name(trail_secret(), line.record_id));
  }
  void breaks(const char* what) { world_.breaks("limits", what); }

  World& world_;
  Ruling ruling_;
  std::map<Said, Edit> edits_;
  std::map<std::uint64_t, Said> asked_;        // by request id
  std::map<std::string, std::string> edited_;  // who said an upstream's limits last
  // Limits that ruled since they were said; of each, when that was last.
  std::set<std::tuple<std::string, std::uint64_t, StoreTime>> ruled_;
  std::map<std::pair<std::string, std::uint64_t>, StoreTime> said_at_;
  std::set<std::string> lines_, written_;  // of edits; of anything: record names
};

}  // namespace

std::unique_ptr<Witness> check_limits(World& world) { return std::make_unique<LimitsHold>(world); }

}  // namespace sluice::sim
