// Ingest's core: what has died. The dead letter of a message from a queue is in that queue's
// dead-letter queue before its copy or its row goes; of any other, and of what that queue cannot
// hold, it is made when its row goes, in the same transaction.
#include <algorithm>
#include <utility>

#include "ingest/core.h"
#include "lib/base/mark.h"
#include "lib/wire/identity.h"
#include "lib/wire/words.h"

namespace sluice::ingest {

namespace {

constexpr Duration kBuryAgain = seconds(1);  // doubled for each more
constexpr Duration kBuryAgainMax = minutes(1);
constexpr std::size_t kBuryingMax = 64;  // at once
constexpr Duration kStopAgain = seconds(1);
// Nobody asked: what a front door asks has a number without it.
constexpr std::uint64_t kOwnWord = std::uint64_t{1} << 63U;

}  // namespace

// ---- rows

void IngestCore::end_row(const std::string& identity, const Turn& turn) {
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  Settling& end = entry->second;
  end.waits = false;
  const bool is_dead = end.settled.settlement == wire::Settlement::kDead;
  if (!is_dead || config_.queues.empty() || end.grave != Grave::kOpen) {
    return settle_row(identity, turn);
  }
  if (burying_.size() >= kBuryingMax) return bury_later(identity, turn);
  burying_.insert(identity);
  park(ReadRow{identity, end.settled.key}, ForDead{identity}, turn);
}

void IngestCore::dead_row(const std::string& identity, const ParkingAnswer& answer,
                          const Turn& turn) {
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) {
    burying_.erase(identity);
    return;
  }
  const auto* read = std::get_if<RowAnswer>(&answer);
  if (read == nullptr) {
    const auto* failed = std::get_if<ParkingFailed>(&answer);
    // What is damaged is kept as it stands, where a person finds it.
    if (failed != nullptr && failed->alone) return bury_in(Grave::kOwn, identity, turn);
    MARK("ingest: a dead row cannot be read now");
    return bury_later(identity, turn);
  }
  const wire::Settled& end = entry->second.settled;
  const auto& names = config_.queues;
  const bool is_ours =
      read->row && (end.content_hash.empty() || read->row->content_hash == end.content_hash);
  // Without an envelope it is not known as it came.
  if (!is_ours || read->row->envelope.empty() ||
      std::find(names.begin(), names.end(), read->row->source) == names.end()) {
    return bury_in(Grave::kOwn, identity, turn);
  }
  queue_call(BuryRow{*read->row, end}, After::kBuried, identity, turn);
}

void IngestCore::dead_row_buried(const std::string& identity, const QueueReply& reply,
                                 const Turn& turn) {
  if (reply.done) return bury_in(Grave::kQueues, identity, turn);
  if (reply.refused) {
    MARK("ingest: the dead-letter queue cannot hold a message");
    return bury_in(Grave::kOwn, identity, turn);
  }
  MARK("ingest: the dead letter of a row was not taken");
  bury_later(identity, turn);
}

void IngestCore::bury_in(Grave grave, const std::string& identity, const Turn& turn) {
  burying_.erase(identity);
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  entry->second.grave = grave;
  settle_row(identity, turn);
}

// Who stops does not wait for it: it is settled again.
void IngestCore::bury_later(const std::string& identity, const Turn& turn) {
  burying_.erase(identity);
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  Settling& end = entry->second;
  if (draining_) {
    settling_.erase(entry);
    return;
  }
  end.again = end.again == Duration{} ? kBuryAgain : std::min(end.again * 2, kBuryAgainMax);
  end.waits = true;
  at(turn.now + end.again, Due::kSettle, 0, identity);
}

// ---- copies

// `message` may stand under another identity here (dies_unheard).
wire::Settled IngestCore::death_of(const wire::Offer& message, const char* reason,
                                   const Turn& turn) const {
  const std::string identity =
      wire::identity_of(message.source, message.key, message.id, message.generation);
  return {identity,       message.key, message.upstream,    wire::Settlement::kDead, reason, 0, 0,
          wall(turn.now), {},          message.content_hash};
}

// What is here already dies under its own bytes' name, as the other one with its identity may live.
// What goes in order dies in its turn: what was before it in its group is a row then.
void IngestCore::dies_unheard(QueueCopy copy, const char* reason, const Turn& turn) {
  wire::Offer& m = copy.message;
  m.identity = wire::conflict_identity_of(m.identity, m.content_hash);
  if (copy.malformed) m.request = {};
  const auto held = copies_.find(m.identity);
  if (held != copies_.end()) return hold_again(held->second, copy.receipt);
  Copy& here = hold(copy, turn);
  here.dies = reason;
  if (here.message.in_order) return join_group(here, copy.group, turn);
  die(here, reason, turn);
}

// It ends here, by no limiter's word: nobody can send it. Its key stops before anything that is
// behind it can be a row, and before its letter is anywhere: it comes again until both are done.
void IngestCore::die(Copy& copy, const char* reason, const Turn& turn) {
  copy.dies = reason;
  if (!copy.message.stops_dead || copy.message.key.empty()) return bury_copy(copy, turn);
  copy.at = At::kStopping;
  stop_key(std::string(copy.message.identity), turn);
}

// A word like a person's: in parking, then told to every limiter, which puts it into the store and
// on record.
void IngestCore::stop_key(const std::string& identity, const Turn& turn) {
  const auto held = copies_.find(identity);
  if (held == copies_.end() || held->second.at != At::kStopping) return;
  ControlKey word;
  word.request_id = kOwnWord | ++last_id_;
  word.verb = wire::Verb::kPause;
  word.upstream = held->second.message.upstream;
  word.key = held->second.message.key;
  word.by = wire::kDeadMessage;
  if (begin_control(word, identity, turn)) return;
  MARK("ingest: somebody speaks of a key that is to be stopped");
  at(turn.now + kStopAgain, Due::kStop, 0, identity);
}

// Whoever has not heard of it hears with Parked, before it can ask for what is behind.
void IngestCore::key_stopped(const Controlling& word, bool done, const Turn& turn) {
  const auto held = copies_.find(word.dead);
  if (held == copies_.end() || held->second.at != At::kStopping) return;
  if (!done) {
    MARK("ingest: a key cannot be stopped now");
    return let_go(word.dead, config_.away_visibility, turn);
  }
  MARK("ingest: what dies before it is a row stops its key");
  held->second.died_at = word.said_at;
  bury_copy(held->second, turn);
}

// What the front door has sent has a name that waits for it: that ends before its copy goes.
void IngestCore::bury_copy(Copy& copy, const Turn& turn) {
  wire::Settled why = death_of(copy.message, copy.dies, turn);
  if (copy.died_at.us != 0) why.at = copy.died_at;
  const bool stops = copy.died_at.us != 0;
  if (copy.posted) {
    copy.at = At::kSettling;
    return queue_call(DeadLetter{copy.receipts.back(), std::move(why), stops}, After::kName,
                      copy.message.identity, turn);
  }
  for (const std::string& receipt : copy.receipts) {
    queue_call(DeadLetter{receipt, why, stops}, After::kDelete, {}, turn);
  }
  left_group(copies_.extract(std::string(copy.message.identity)).mapped(), turn);
}

void IngestCore::end_name(const std::string& identity, const Turn& turn) {
  const auto held = copies_.find(identity);
  if (held == copies_.end()) return;
  const wire::Offer& m = held->second.message;
  park(LookupId{m.source, m.id, {}}, ForName{{identity}}, turn);
}

// The bytes that were accepted are not those that came: else it could be read.
void IngestCore::name_ended(const std::string& identity, const ParkingAnswer& answer,
                            const Turn& turn) {
  const auto held = copies_.find(identity);
  if (held == copies_.end()) return;
  const auto* found = std::get_if<LookupAnswer>(&answer);
  if (found != nullptr && found->name && found->name->state == NameState::kAccepted) {
    const Name& name = *found->name;
    wire::Settled end = death_of(held->second.message, held->second.dies, turn);
    end.identity = name.identity;
    end.key = name.key;
    end.upstream = name.upstream;
    end.content_hash.clear();
    const StoreTime until = end.at + config_.remember;
    return park(SettleRow{std::move(end), until, true, true}, ForName{{identity}}, turn);
  }
  const auto* done = std::get_if<SettleAnswer>(&answer);
  if (found == nullptr && done == nullptr) {
    MARK("ingest: the name of what the front door has sent cannot be ended now");
    return let_go(identity, config_.away_visibility, turn);
  }
  if (done != nullptr && done->end == SettleEnd::kSettled) {
    MARK("ingest: what the front door has accepted dies before it is a row");
    ++counts_.settled;
    ++counts_.dead;
  }
  delete_copy(identity, After::kNothing, turn);
}

}  // namespace sluice::ingest
