// The shell of ingest: its queues of SQS.
#include <algorithm>
#include <utility>

#include "ingest/shell.h"
#include "ingest/sqs_settings.h"
#include "ingest/uses.h"
#include "lib/aws/settings.h"
#include "lib/base/check.h"
#include "lib/digest/md5.h"
#include "lib/port/clock.h"

namespace sluice::ingest {

namespace {

constexpr char kMarkEnd = '/';  // of what says whose a receipt is

}  // namespace

Status Shell::open_queues(const stage::Room& room) {
  auto queues = read_queues(room.settings, config_, pointers_);
  if (!queues) return queues.error();
  queue_settings_ = std::move(*queues);
  return queue_settings_.empty() ? Done{} : open_aws(room);
}

Status Shell::open_aws(const stage::Room& room) {
  if (aws_) return Done{};
  auto settings = aws::read_settings(room.settings);
  if (!settings) return settings.error();
  auto session = aws::Session::open(room.poller, *settings, kUses);
  if (!session) return session.error();
  aws_ = std::move(*session);
  return Done{};
}

void Shell::start_queues() {
  if (!queue_settings_.empty() && !md5().is_there()) {
    stage_->log().info("messages of queues are not compared: OpenSSL has no MD5 here (FIPS)");
  }
  for (SqsSettings& settings : queue_settings_) {
    const std::string mark = std::to_string(queues_.size()) + kMarkEnd;
    // What goes in order becomes a row and needs no credit.
    const bool in_order = settings.reading.in_order;
    queues_.push_back(std::make_unique<SqsSource>(
        mark, std::move(settings),
        SqsSource::World{aws_->client(), aws_->world(), stage_->log(),
                         [this, in_order] { return in_order ? core_.room() : core_.queue_room(); },
                         [this](const QueueCopy& copy) { stage_->accept(copy); },
                         [this](const QueueReply& reply) { stage_->complete(reply); }}));
    queues_.back()->start();
  }
  queue_settings_.clear();
}

SqsSource& Shell::queue_named(const std::string& name) const {
  const auto found = std::find_if(queues_.begin(), queues_.end(),
                                  [&](const auto& queue) { return queue->name() == name; });
  CHECK(found != queues_.end());
  return **found;
}

void Shell::ask_queue(const QueueCall& call) {
  if (const auto* row = std::get_if<BuryRow>(&call.call)) {
    return queue_named(row->row.source).perform(call);
  }
  if (const auto* posted = std::get_if<SendPosted>(&call.call)) {
    return queue_named(posted->message.source).perform(call);
  }
  if (const auto* dead = std::get_if<DeadLetter>(&call.call); dead && dead->stops) {
    say_stopped(dead->why.key, dead->why.identity);
  }
  const std::string& receipt = receipt_of(call);
  queues_.at(std::stoul(receipt.substr(0, receipt.find(kMarkEnd))))->perform(call);
}

bool Shell::idle() {
  const bool quiet =
      std::all_of(queues_.begin(), queues_.end(), [](const auto& queue) { return queue->idle(); });
  if (!lease_ || !draining_ || !quiet) return quiet;
  if (!core_.idle() || table_->open() > 0) return false;
  lease_->release();
  return lease_->released();
}

void Shell::count_queues(stage::Metrics& metrics) {
  for (const auto& queue : queues_) {
    const SqsSource::Counts& counts = queue->counts();
    const auto total = [&](const char* name, const char* help, std::uint64_t value) {
      metrics.counter(name, help, {{"queue", queue->name()}}).set(value);
    };
    total("sluice_queue_received_total", "Messages received from a queue, each time.",
          counts.received);
    total("sluice_queue_malformed_total", "Of them those that could not be read.",
          counts.malformed);
    total("sluice_queue_damaged_total",
          "Messages that came with other bytes than the queue has, and were left there.",
          counts.damaged);
    total("sluice_queue_deleted_total", "Messages deleted from it.", counts.deleted);
    total("sluice_queue_dead_total", "Messages sent to its dead-letter queue.", counts.dead);
    total("sluice_queue_visibility_total", "Visibility timeouts set.", counts.set_visibility);
    total("sluice_queue_sent_total", "Messages of the front door sent into it.", counts.sent);
    total("sluice_queue_unsent_total", "Those that it did not take, or did not say so.",
          counts.unsent);
    total("sluice_queue_failed_total", "Polls, and entries of batches, that failed.",
          counts.failed);
    metrics
        .gauge("sluice_queue_away", "1: nothing can be received from it.",
               {{"queue", queue->name()}})
        .set(queue->trouble().empty() ? 0 : 1);
  }
}

}  // namespace sluice::ingest
