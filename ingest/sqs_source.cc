#include "ingest/sqs_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ingest/sqs_posted.h"
#include "lib/digest/digest.h"
#include "lib/port/random.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {

namespace {

namespace sqs = aws::sqs;

constexpr std::size_t kHeldMax = 64UL * 1024 * 1024;  // bytes of what was received and is here
constexpr Duration kAgain = seconds(1);               // after a failure; doubled for each more
constexpr Duration kAgainMax = seconds(30);
constexpr Duration kSweepEvery = seconds(30);
constexpr std::size_t kAttemptBytes = 16;
// A turn's entries go at once while few batches are under way; what comes meanwhile fills the next.
constexpr aws::BatcherConfig kBatches{sqs::kBatchMax, sqs::kBatchBytesMax, milliseconds(10), 4};

// Who posts one message and waits for its answer has company in its batch.
constexpr aws::BatcherConfig kPosted{sqs::kBatchMax, sqs::kBatchBytesMax, milliseconds(10), 8};

bool is_gone(const std::string& code) {
  return code == "QueueDoesNotExist" || code == "AWS.SimpleQueueService.NonExistentQueue";
}

// Of a dead letter. Another one may have lost its identity to it.
std::string name_of(const wire::Settled& why) {
  const bool lost = why.reason == wire::kIdConflict && !why.content_hash.empty();
  return to_hex(lost ? wire::conflict_identity_of(why.identity, why.content_hash) : why.identity);
}

std::size_t bytes_of(const sqs::Message& message) {
  std::size_t bytes = message.body.size();
  for (const auto& [name, attribute] : message.attributes) {
    bytes += name.size() + attribute.type.size() + attribute.value.size();
  }
  return bytes;
}

template <class Batcher>
bool is_idle(const Batcher& batcher) {
  return batcher.waiting() == 0 && batcher.under_way() == 0;
}

}  // namespace

SqsSource::Batches::Batches(const World& world, const SqsFound& found)
    : deletes(world.client, world.clock, sqs::deletes(found.url), kBatches),
      visibilities(world.client, world.clock, sqs::visibilities(found.url), kBatches),
      dead(world.client, world.clock, sqs::sends(found.dead_url), kBatches),
      posted(world.client, world.clock, sqs::sends(found.url), kPosted) {}

SqsSource::SqsSource(std::string mark, SqsSettings settings, World world)
    : mark_(std::move(mark)), settings_(std::move(settings)), world_(std::move(world)) {}

// ---- opening

void SqsSource::open() {
  find_sqs_queue(world_.client, settings_.names,
                 [this](const std::variant<SqsFound, SqsAway>& found) {
                   if (const auto* away = std::get_if<SqsAway>(&found)) {
                     return fail(away->operation, away->why);
                   }
                   opened(std::get<SqsFound>(found));
                 });
}

void SqsSource::opened(const SqsFound& found) {
  // Made anew it may have another URL; what is under way to the old one has no answer.
  if (batches_ == nullptr || found.url != found_.url || found.dead_url != found_.dead_url) {
    batches_ = std::make_unique<Batches>(world_, found);
  }
  found_ = found;
  open_ = true;
  for (const SqsUnsafe& unsafe : unsafe_of(found.queue, found.dead)) {
    world_.log.warning(unsafe.what, {{"queue", name()}, {"is", unsafe.is}});
  }
  world_.log.info("queue open", {{"queue", name()},
                                 {"dead_letters", sqs_queue_name(found.dead_url)},
                                 {"receives_max", found.queue.receives_max},
                                 {"waiting", found.queue.waiting}});
  heal();
  poll();
}

void SqsSource::heal() {
  failures_ = 0;
  if (!trouble_.empty()) world_.log.info("the queue answers again", {{"queue", name()}});
  trouble_.clear();
}

// Whatever it was, it is tried again: queues are made anew, rights are given.
void SqsSource::fail(const std::string& operation, const aws::Refusal& refusal) {
  const std::string why = operation + ": " + refusal.code + ": " + refusal.message;
  if (why != trouble_) world_.log.error("the queue is away", {{"queue", name()}, {"why", why}});
  trouble_ = why;
  if (is_gone(refusal.code)) open_ = false;
  const Duration wait = std::min(kAgainMax, kAgain * (std::int64_t{1} << std::min(failures_, 5U)));
  ++failures_;
  if (std::exchange(waits_, true)) return;
  world_.clock.after(wait, [this] {
    waits_ = false;
    if (draining_) return;
    open_ ? poll() : open();
  });
}

// ---- polls

bool SqsSource::may_poll() const {
  // After a failure one poll says whether it is over.
  const std::size_t most = failures_ > 0 ? 1 : settings_.receives;
  return open_ && !draining_ && polls_ < most && held_bytes_ < kHeldMax &&
         world_.room() >= (polls_ + 1) * sqs::kBatchMax;
}

void SqsSource::poll() {
  while (may_poll()) {
    ++polls_;
    sqs::Receive what{found_.url, sqs::kBatchMax, settings_.wait, settings_.visibility, {"All"}};
    // A reception whose answer was lost is said again, and brings what would else stay hidden,
    // with all of its groups.
    if (settings_.reading.in_order) what.attempt = to_hex(port::random_bytes(kAttemptBytes));
    world_.client.call(sqs::receive_message(what),
                       [this](const aws::Outcome& outcome) { polled(outcome); });
  }
}

void SqsSource::polled(const aws::Outcome& outcome) {
  --polls_;
  auto messages = sqs::read_received(outcome);
  if (!messages) {
    ++counts_.failed;
    return fail("ReceiveMessage", messages.refusal());
  }
  heal();
  const bool lost_some = std::erase_if(*messages, [this](const sqs::Message& message) {
                           return is_damaged(message);
                         }) > 0;
  // Of a group nothing may pass what stays there.
  const bool fits =
      !settings_.reading.in_order || (!lost_some && world_.room() >= messages->size());
  for (sqs::Message& message : *messages) fits ? take(std::move(message)) : give_back(message);
  end_turn();
}

// It stays in the queue, which gives it again when it is visible; what keeps coming so goes where
// the queue's RedrivePolicy sends it.
bool SqsSource::is_damaged(const sqs::Message& message) {
  if (message.damage.empty()) return false;
  ++counts_.damaged;
  world_.log.warning("a message is not what the queue has: it stays there",
                     {{"queue", name()}, {"message_id", message.id}, {"differs", message.damage}});
  return true;
}

// Somebody else took the room meanwhile. Of a group nothing may pass what went back.
void SqsSource::give_back(const sqs::Message& message) {
  batches_->visibilities.add({message.receipt, Duration{}}, [this](const aws::EntryFate& fate) {
    ended(fate, counts_.set_visibility, 0);
  });
}

void SqsSource::take(sqs::Message message) {
  ++counts_.received;
  const std::string token = mark_ + std::to_string(++tokens_);
  if (auto inner = sqs_unwrapped(message)) message = std::move(*inner);
  ReadDocument read = read_sqs_message(message, settings_.reading);
  Held& held = held_[token];
  held_bytes_ += bytes_of(message);
  held.message = std::move(message);
  held.until = world_.clock.now() + settings_.visibility;
  if (const auto* refusal = std::get_if<Refusal>(&read)) return refuse(token, *refusal);
  QueueCopy copy{token, std::move(std::get<wire::Offer>(read)), held.message.group,
                 is_sqs_posted(held.message)};
  copy.message.envelope = sqs_envelope(held.message, copy.message);
  held.offer = copy.message;
  held.offer.request = {};
  held.offer.envelope.clear();
  world_.received(copy);
}

// It could not be sent however often it came: it is dead, and a person must look. Whom its death
// concerns, its key or its name, the core knows, which says when.
void SqsSource::refuse(const std::string& token, const Refusal& refusal) {
  ++counts_.malformed;
  Held& held = held_.at(token);
  held.malformed = refusal;
  world_.log.warning("a message is malformed: it goes to the dead-letter queue",
                     {{"queue", name()},
                      {"message_id", held.message.id},
                      {"field", refusal.field},
                      {"why", refusal.why}});
  QueueCopy copy{token, read_malformed(held.message, settings_.reading), held.message.group,
                 is_sqs_posted(held.message), true};
  const bool stops = copy.message.stops_dead && !copy.message.key.empty();
  if (copy.posted || stops) return world_.received(copy);
  wire::Settled why;
  why.at = world_.clock.wall();
  bury_malformed(token, why, 0);
}

// Without a call it is deleted as soon as its letter is there.
void SqsSource::bury_malformed(const std::string& token, const wire::Settled& why,
                               std::uint64_t call_id) {
  const Held& held = held_.at(token);
  const Refusal& wrong = *held.malformed;
  SqsEpitaph epitaph{name(), held.message.id, why.key, why.upstream};
  epitaph.reason = "malformed";
  epitaph.detail = wrong.field.empty() ? wrong.why : wrong.field + " " + wrong.why;
  epitaph.first_seen = held.message.sent;
  epitaph.died_at = why.at;
  bury(held.message, held.message.id, epitaph, [this, token, call_id](const aws::EntryFate& fate) {
    ended(fate, counts_.dead, call_id);
    if (call_id == 0 && fate.how == aws::EntryFate::How::kDone) remove(token, 0);
  });
}

// What was let go, and what nobody asked about in time, is others' by now.
void SqsSource::sweep() {
  const Instant now = world_.clock.now();
  if (now - swept_at_ < kSweepEvery) return;
  swept_at_ = now;
  std::vector<std::string> over;
  for (const auto& [token, held] : held_) {
    if (held.until + kSweepEvery < now) over.push_back(token);
  }
  for (const std::string& token : over) forget(token);
}

void SqsSource::forget(const std::string& token) {
  const auto held = held_.extract(token);
  if (!held.empty()) held_bytes_ -= bytes_of(held.mapped().message);
}

// ---- what the core asks for

void SqsSource::perform(const QueueCall& call) {
  if (const auto* row = std::get_if<BuryRow>(&call.call)) return bury_row(*row, call.call_id);
  if (const auto* posted = std::get_if<SendPosted>(&call.call)) return send(*posted, call.call_id);
  const std::string& token = receipt_of(call);
  const auto at = held_.find(token);
  if (at == held_.end()) return world_.answered({call.call_id, false});
  Held& held = at->second;
  if (std::holds_alternative<DeleteCopy>(call.call)) {
    remove(token, call.call_id);
  } else if (const auto* set = std::get_if<SetVisibility>(&call.call)) {
    held.until = world_.clock.now() + set->visibility;
    batches_->visibilities.add({held.message.receipt, set->visibility},
                               [this, id = call.call_id](const aws::EntryFate& fate) {
                                 ended(fate, counts_.set_visibility, id);
                               });
  } else if (const auto* dead = std::get_if<DeadLetter>(&call.call); dead && held.malformed) {
    bury_malformed(token, dead->why, call.call_id);
  } else if (dead != nullptr) {
    bury(held.message, name_of(dead->why), epitaph_of(held.offer, dead->why),
         [this, id = call.call_id](const aws::EntryFate& fate) { ended(fate, counts_.dead, id); });
  }
}

SqsEpitaph SqsSource::epitaph_of(const wire::Offer& offer, const wire::Settled& why) const {
  return {name(),           offer.id,         offer.key, offer.upstream,
          offer.generation, why.reason,       {},        why.attempts,
          why.status,       offer.first_seen, why.at};
}

// Its copy is gone, and it is as it came all the same.
void SqsSource::bury_row(const BuryRow& dead, std::uint64_t call_id) {
  if (batches_ == nullptr) return world_.answered({call_id});
  const sqs::Message message = sqs_message_of(dead.row);
  const SqsEpitaph epitaph = epitaph_of(dead.row, dead.why);
  const auto buried = [this, call_id](const aws::EntryFate& fate) {
    if (fate.is_refused()) {
      world_.log.warning("the dead-letter queue cannot hold a message: it is kept here",
                         {{"queue", name()}, {"why", fate.code}});
    }
    ended(fate, counts_.dead, call_id);
  };
  // Without generation and reason nobody could replay it.
  if (!sqs_dead_letter(message, epitaph, found_.dead.bytes_max)) {
    aws::EntryFate fate{aws::EntryFate::How::kFailed};
    fate.code = "TooLarge";
    fate.is_senders = true;
    return buried(fate);
  }
  bury(message, name_of(dead.why), epitaph, buried);
}

void SqsSource::send(const SendPosted& posted, std::uint64_t call_id) {
  if (!open_) {
    aws::EntryFate away{aws::EntryFate::How::kFailed};
    away.code = "the queue is away";
    return sent(away, call_id);
  }
  batches_->posted.add(sqs_posted(posted.message, posted.document, found_.queue.is_fifo),
                       [this, call_id](const aws::EntryFate& fate) { sent(fate, call_id); });
}

// Its name stays accepted: who posts it again sends it again.
void SqsSource::sent(const aws::EntryFate& fate, std::uint64_t call_id) {
  const bool done = fate.how == aws::EntryFate::How::kDone;
  ++(done ? counts_.sent : counts_.unsent);
  const std::string why = done ? "" : fate.code.empty() ? "no word of it" : fate.code;
  if (why != unsent_ && !done) {
    world_.log.warning("the queue did not take a message of the front door: it is answered 503",
                       {{"queue", name()}, {"why", why}});
  }
  unsent_ = why;
  world_.answered({call_id, done});
}

void SqsSource::remove(const std::string& token, std::uint64_t call_id) {
  const auto held = held_.find(token);
  if (held == held_.end()) return;
  batches_->deletes.add(held->second.message.receipt,
                        [this, token, call_id](const aws::EntryFate& fate) {
                          if (fate.how == aws::EntryFate::How::kDone) forget(token);
                          ended(fate, counts_.deleted, call_id);
                        });
}

// `name`: of two letters with the same one a FIFO queue keeps the first.
void SqsSource::bury(const sqs::Message& message, const std::string& name,
                     const SqsEpitaph& epitaph, Fate done) {
  auto whole = sqs_dead_letter(message, epitaph, found_.dead.bytes_max);
  sqs::Entry letter = whole ? std::move(*whole) : sqs_without_ours(message);
  if (found_.dead.is_fifo) {
    letter.group = message.group.empty() ? name : message.group;
    letter.deduplication_id = name;
  }
  batches_->dead.add(std::move(letter), [this, done = std::move(done)](const aws::EntryFate& fate) {
    done(fate);
    if (is_gone(fate.code)) fail("SendMessageBatch", {fate.code, fate.message});
  });
}

void SqsSource::ended(const aws::EntryFate& fate, std::uint64_t& count, std::uint64_t call_id) {
  const bool done = fate.how == aws::EntryFate::How::kDone;
  ++(done ? count : counts_.failed);
  const std::string why = done ? "" : fate.code.empty() ? "no word of it" : fate.code;
  if (why != refused_ && !done) {
    world_.log.warning("the queue did not do what it was asked for: messages come back",
                       {{"queue", name()}, {"why", why}});
  }
  refused_ = why;
  if (call_id != 0) world_.answered({call_id, done, fate.is_refused()});
}

void SqsSource::end_turn() {
  if (batches_ != nullptr) {
    batches_->dead.flush();
    batches_->deletes.flush();
    batches_->visibilities.flush();
  }
  sweep();
  poll();
}

bool SqsSource::idle() const {
  return polls_ == 0 &&
         (batches_ == nullptr || (is_idle(batches_->dead) && is_idle(batches_->deletes) &&
                                  is_idle(batches_->visibilities) && is_idle(batches_->posted)));
}

}  // namespace sluice::ingest
