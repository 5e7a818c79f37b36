#include "ingest/sqs_source.h"

#include <algorithm>
#include <utility>

#include "lib/aws/sqs_batches.h"

namespace sluice::ingest {

namespace {

namespace sqs = aws::sqs;

constexpr std::size_t kCallsMax = 4;                  // batches of one kind under way at a time
constexpr std::size_t kHeldMax = 64UL * 1024 * 1024;  // bytes of what was received and is here
constexpr Duration kAgain = seconds(1);               // after a failure; doubled for each more
constexpr Duration kAgainMax = seconds(30);
constexpr Duration kSweepEvery = seconds(30);
constexpr Duration kRetentionMin = hours(4 * 24);  // SQS's default
constexpr std::uint32_t kReceivesMin = 5;

bool is_gone(const aws::Refusal& refusal) {
  return refusal.code == "QueueDoesNotExist" ||
         refusal.code == "AWS.SimpleQueueService.NonExistentQueue";
}

// arn:aws:sqs:eu-west-1:123456789012:name
std::vector<std::string> parts_of(const std::string& arn) {
  std::vector<std::string> parts(1);
  for (const char c : arn) {
    if (c == ':') {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

const std::string& receipt_of(const QueueCall& call) {
  return std::visit([](const auto& one) -> const std::string& { return one.receipt; }, call.call);
}

}  // namespace

std::string sqs_queue_name(const std::string& name_or_url) {
  return name_or_url.substr(name_or_url.rfind('/') + 1);
}

SqsSource::SqsSource(std::string mark, SqsSettings settings, World world)
    : mark_(std::move(mark)),
      name_(settings.reading.source),
      settings_(std::move(settings)),
      world_(std::move(world)) {}

// ---- opening: its URL, what it is, and where its dead go

void SqsSource::start() { open(); }

void SqsSource::open() {
  if (settings_.queue.find("://") != std::string::npos) {
    url_ = settings_.queue;
    return look();
  }
  world_.call(sqs::get_queue_url(settings_.queue), [this](const aws::Outcome& outcome) {
    auto url = sqs::read_queue_url(outcome);
    if (!url) return fail("GetQueueUrl", url.refusal());
    url_ = *url;
    look();
  });
}

void SqsSource::look() {
  world_.call(sqs::get_queue_attributes(url_), [this](const aws::Outcome& outcome) {
    auto found = sqs::read_queue_attributes(outcome);
    if (!found) return fail("GetQueueAttributes", found.refusal());
    queue_ = *found;
    find_dead_letters();
  });
}

void SqsSource::find_dead_letters() {
  std::string name = settings_.dead_letter_queue;
  std::string owner;
  if (const auto arn = parts_of(queue_.dead_letter_arn); name.empty() && arn.size() == 6) {
    owner = arn[4];
    name = arn[5];
  }
  if (name.empty()) {
    return fail(
        "GetQueueAttributes",
        {"NoDeadLetterQueue", "it has no RedrivePolicy: give it one, or name a dead_letter_queue"});
  }
  world_.call(sqs::get_queue_url(name, owner), [this](const aws::Outcome& outcome) {
    auto url = sqs::read_queue_url(outcome);
    if (!url) return fail("GetQueueUrl of its dead-letter queue", url.refusal());
    dead_url_ = *url;
    world_.call(sqs::get_queue_attributes(dead_url_), [this](const aws::Outcome& answer) {
      auto found = sqs::read_queue_attributes(answer);
      if (!found) return fail("GetQueueAttributes of its dead-letter queue", found.refusal());
      dead_bytes_max_ = found->bytes_max;
      say_what_is_unsafe(*found);
      opened();
    });
  });
}

void SqsSource::say_what_is_unsafe(const sqs::QueueAttributes& dead) {
  const auto warn = [this](const char* what, std::int64_t is) {
    world_.log.warning(what, {{"queue", name_}, {"is", is}});
  };
  if (queue_.receives_max != 0 && queue_.receives_max < kReceivesMin) {
    warn(
        "the queue gives up a message after few receptions, and a deployment is one: set "
        "maxReceiveCount to 5 or more",
        queue_.receives_max);
  }
  if (queue_.retention < kRetentionMin) {
    warn(
        "the queue drops what is older than its MessageRetentionPeriod, also what nobody has "
        "received: set it to 4 days or more",
        queue_.retention.us / 1'000'000);
  }
  if (dead.retention <= queue_.retention) {
    warn(
        "the dead-letter queue drops a message by the age that it had in the queue before it: its "
        "MessageRetentionPeriod must be longer",
        dead.retention.us / 1'000'000);
  }
  if (dead.is_fifo != queue_.is_fifo) {
    warn("of the queue and its dead-letter queue one is FIFO and the other is not", dead.is_fifo);
  }
}

void SqsSource::opened() {
  open_ = true;
  world_.log.info("queue open", {{"queue", name_},
                                 {"dead_letters", sqs_queue_name(dead_url_)},
                                 {"receives_max", queue_.receives_max},
                                 {"waiting", queue_.waiting}});
  heal();
  poll();
}

void SqsSource::heal() {
  failures_ = 0;
  if (!trouble_.empty()) world_.log.info("the queue answers again", {{"queue", name_}});
  trouble_.clear();
}

// Whatever it was, it is tried again: queues are made anew, rights are given.
void SqsSource::fail(const char* operation, const aws::Refusal& refusal) {
  const std::string why = std::string(operation) + ": " + refusal.code + ": " + refusal.message;
  if (why != trouble_) world_.log.error("the queue is away", {{"queue", name_}, {"why", why}});
  trouble_ = why;
  if (is_gone(refusal)) open_ = false;
  const Duration wait = std::min(kAgainMax, kAgain * (std::int64_t{1} << std::min(failures_, 5U)));
  ++failures_;
  if (std::exchange(waits_, true)) return;
  world_.after(wait, [this] {
    waits_ = false;
    if (draining_) return;
    open_ ? poll() : open();
  });
}

// ---- polls

void SqsSource::poll() {
  sqs::Receive receive;
  receive.queue_url = url_;
  receive.wait = settings_.wait;
  receive.visibility = settings_.visibility;
  receive.attributes = {"All"};
  const auto has_room = [this] {
    return world_.room() >= (polls_ + 1) * sqs::kBatchMax && held_bytes_ < kHeldMax;
  };
  // After a failure one poll says whether it is over.
  const std::size_t most = failures_ > 0 ? 1 : settings_.receives;
  while (open_ && !draining_ && polls_ < most && has_room()) {
    ++polls_;
    world_.call(sqs::receive_message(receive),
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
  for (sqs::Message& message : *messages) take(std::move(message));
  end_turn();
}

void SqsSource::take(sqs::Message message) {
  ++counts_.received;
  const std::string token = mark_ + std::to_string(++tokens_);
  auto read = read_sqs_message(message, settings_.reading);
  Held& held = held_[token];
  held_bytes_ += message.body.size();
  held.message = std::move(message);
  held.until = world_.now() + settings_.visibility;
  if (const auto* refusal = std::get_if<Refusal>(&read)) return refuse(token, *refusal);
  QueueCopy copy{token, std::move(std::get<wire::Offer>(read))};
  held.offer = copy.message;
  held.offer.request = {};
  world_.received(copy);
}

// It could not be sent however often it came: it is dead, and a person must look.
void SqsSource::refuse(const std::string& token, const Refusal& refusal) {
  ++counts_.malformed;
  const sqs::Message& message = held_.at(token).message;
  world_.log.warning("a message is malformed: it goes to the dead-letter queue",
                     {{"queue", name_},
                      {"message_id", message.id},
                      {"field", refusal.field},
                      {"why", refusal.why}});
  SqsEpitaph epitaph{name_, message.id};
  epitaph.reason = "malformed";
  epitaph.detail = refusal.field.empty() ? refusal.why : refusal.field + " " + refusal.why;
  epitaph.first_seen = message.sent;
  epitaph.died_at = world_.wall();
  lanes_[kDead].asked.push_back({0, token, {}, sqs_epitaph_text(epitaph)});
}

// What was let go, and what nobody asked about in time, is others' by now.
void SqsSource::sweep() {
  const Instant now = world_.now();
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
  if (!held.empty()) held_bytes_ -= held.mapped().message.body.size();
}

// ---- what the core asks for

void SqsSource::perform(const QueueCall& call) {
  const std::string& token = receipt_of(call);
  const auto held = held_.find(token);
  if (held == held_.end()) return world_.answered({call.call_id, false});
  if (std::holds_alternative<DeleteCopy>(call.call)) {
    lanes_[kDelete].asked.push_back({call.call_id, token});
  } else if (const auto* set = std::get_if<SetVisibility>(&call.call)) {
    held->second.until = world_.now() + set->visibility;
    lanes_[kVisibility].asked.push_back({call.call_id, token, set->visibility});
  } else if (const auto* dead = std::get_if<DeadLetter>(&call.call)) {
    const wire::Offer& offer = held->second.offer;
    const wire::Settled& why = dead->why;
    const SqsEpitaph epitaph{name_,      offer.id, offer.key,    offer.upstream, offer.generation,
                             why.reason, {},       why.attempts, why.status,     offer.first_seen,
                             why.at};
    lanes_[kDead].asked.push_back({call.call_id, token, {}, sqs_epitaph_text(epitaph)});
  }
}

void SqsSource::end_turn() {
  for (const Lane lane : {kDead, kDelete, kVisibility}) send(lane);
  sweep();
  poll();
}

bool SqsSource::idle() const {
  return polls_ == 0 && std::all_of(lanes_.begin(), lanes_.end(), [](const Waiting& waiting) {
           return waiting.asked.empty() && waiting.under_way == 0;
         });
}

// A batch goes at once while few are under way; what comes meanwhile fills the next ones.
void SqsSource::send(Lane lane) {
  Waiting& waiting = lanes_[lane];
  while (open_ && !waiting.asked.empty() && waiting.under_way < kCallsMax) {
    const Batch batch = next_batch(waiting);
    if (batch.empty()) continue;
    ++waiting.under_way;
    world_.call(request_for(lane, batch), [this, lane, batch](const aws::Outcome& outcome) {
      --lanes_[lane].under_way;
      sent(lane, batch, outcome);
      end_turn();
    });
  }
}

SqsSource::Batch SqsSource::next_batch(Waiting& from) const {
  Batch batch;
  std::size_t bytes = 0;
  while (!from.asked.empty() && batch.size() < sqs::kBatchMax) {
    const Asked& next = from.asked.front();
    const auto held = held_.find(next.token);
    if (held == held_.end()) {
      world_.answered({next.call_id, false});
      from.asked.pop_front();
      continue;
    }
    if (!next.epitaph.empty()) {
      const sqs::Entry letter =
          sqs_dead_letter(held->second.message, next.epitaph, dead_bytes_max_);
      bytes += sqs::bytes_of(letter);
    }
    if (!batch.empty() && bytes > sqs::kBatchBytesMax) break;
    batch.push_back(next);
    from.asked.pop_front();
  }
  return batch;
}

aws::Request SqsSource::request_for(Lane lane, const Batch& batch) const {
  std::vector<std::string> receipts;
  std::vector<sqs::Visibility> visibilities;
  std::vector<sqs::Entry> letters;
  for (const Asked& asked : batch) {
    const sqs::Message& message = held_.at(asked.token).message;
    if (lane == kDelete) receipts.push_back(message.receipt);
    if (lane == kVisibility) visibilities.push_back({message.receipt, asked.visibility});
    if (lane != kDead) continue;
    letters.push_back(sqs_dead_letter(message, asked.epitaph, dead_bytes_max_));
    if (dead_url_.ends_with(".fifo")) {
      letters.back().group = message.group.empty() ? message.id : message.group;
      letters.back().deduplication_id = message.id;
    }
  }
  if (lane == kDelete) return sqs::delete_message_batch(url_, receipts);
  if (lane == kVisibility) return sqs::change_message_visibility_batch(url_, visibilities);
  return sqs::send_message_batch(dead_url_, letters);
}

void SqsSource::sent(Lane lane, const Batch& batch, const aws::Outcome& outcome) {
  const auto fates = sqs::read_batch(outcome, batch.size());
  if (!fates) {
    world_.log.warning(
        "the queue refused a batch: its messages come back",
        {{"queue", name_}, {"entries", batch.size()}, {"why", fates.refusal().code}});
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    ended(lane, batch[i], fates.ok() && (*fates)[i].how == aws::EntryFate::How::kDone);
  }
}

void SqsSource::ended(Lane lane, const Asked& asked, bool done) {
  std::uint64_t* const counts[] = {&counts_.deleted, &counts_.set_visibility, &counts_.dead};
  ++(done ? *counts[lane] : counts_.failed);
  const bool ours = asked.call_id == 0;
  if (lane == kDead && ours && done) lanes_[kDelete].asked.push_back({0, asked.token});
  if (lane == kDelete && done) forget(asked.token);
  if (!ours) world_.answered({asked.call_id, done});
}

}  // namespace sluice::ingest
