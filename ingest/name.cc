#include "ingest/name.h"

#include "lib/wire/identity.h"
#include "lib/wire/words.h"

namespace sluice::ingest {

Name name_of_row(const wire::Offer& row) {
  Name name;
  name.identity = row.identity;
  name.source = row.source;
  name.key = row.key;
  name.id = row.id;
  name.generation = row.generation;
  name.content_hash = row.content_hash;
  name.upstream = row.upstream;
  name.first_seen = row.first_seen;
  name.expires_at = row.expires_at;
  name.cancelled = row.cancelled;
  return name;
}

Name written_name(const Put& put) {
  Name name = name_of_row(put.row);
  if (put.accept_until.us > 0) name.state = NameState::kAccepted;
  return name;
}

bool has_ended(NameState state) {
  return state != NameState::kWaiting && state != NameState::kAccepted;
}

bool is_its_row(const Name& accepted, const Put& put) {
  if (accepted.state != NameState::kAccepted || put.accept_until.us > 0) return false;
  if (accepted.identity != put.row.identity) return false;
  return put.posted || accepted.content_hash == put.row.content_hash;
}

bool is_repeat(const Name& there, const Put& put) {
  if (there.key != put.row.key) return false;
  if (there.content_hash == put.row.content_hash) return true;
  return put.posted && there.identity == put.row.identity && !lost_its_identity(there);
}

bool is_end_of(const Name& name, const SettleRow& settle) {
  if (settle.accepted && name.state != NameState::kAccepted) return false;
  const std::string& bytes = settle.settled.content_hash;
  return bytes.empty() || bytes == name.content_hash;
}

bool lost_its_identity(const Name& name) {
  return name.state == NameState::kDead && name.reason == wire::kIdConflict;
}

std::string letter_identity_of(const Name& name) {
  return lost_its_identity(name) ? wire::conflict_identity_of(name.identity, name.content_hash)
                                 : name.identity;
}

void settle_name(Name& name, const wire::Settled& settled) {
  switch (settled.settlement) {
    case wire::Settlement::kDelivered:
      name.state = NameState::kDelivered;
      break;
    case wire::Settlement::kDead:
      name.state = NameState::kDead;
      break;
    case wire::Settlement::kExpired:
      name.state = NameState::kExpired;
      break;
    case wire::Settlement::kCancelled:
      name.state = NameState::kCancelled;
      break;
  }
  name.reason = settled.reason;
  name.status = settled.status;
  name.attempts = settled.attempts;
  name.settled_at = settled.at;
}

// The limiter that settled it says the same: its word may be there before.
bool hold_behind(const wire::Settled& dead, std::vector<wire::Hold>& holds) {
  const wire::Hold word{wire::HoldKind::kPause, StoreTime{}, wire::kDeadMessage, dead.at};
  wire::take_in(holds, word);
  const wire::Hold* last = wire::word_among(holds);
  return last->by == word.by && last->said_at == word.said_at;
}

void keep_stop(const std::vector<wire::Hold>& there, std::vector<wire::Hold>& holds) {
  const wire::Hold* last = wire::word_among(there);
  if (last != nullptr && last->by == wire::kDeadMessage) wire::take_in(holds, *last);
}

std::string_view word_of(NameState state) {
  switch (state) {
    case NameState::kWaiting:
      return "waiting";
    case NameState::kDelivered:
      return "delivered";
    case NameState::kDead:
      return "dead";
    case NameState::kExpired:
      return "expired";
    case NameState::kCancelled:
      return "cancelled";
    case NameState::kAccepted:
      return "accepted";
  }
  return "unknown";
}

}  // namespace sluice::ingest
