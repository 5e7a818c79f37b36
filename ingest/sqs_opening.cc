#include "ingest/sqs_opening.h"

#include <memory>
#include <utility>

#include "lib/aws/arn.h"
#include "lib/wire/messages.h"

namespace sluice::ingest {

namespace {

namespace sqs = aws::sqs;

constexpr Duration kRetentionMin = hours(4 * 24);  // SQS's default
constexpr std::uint32_t kReceivesMin = 5;

bool is_url(const std::string& name) { return name.find("://") != std::string::npos; }

// One opening on its way; each step keeps it until the next.
class Opening : public std::enable_shared_from_this<Opening> {
 public:
  using Done = std::function<void(const std::variant<SqsFound, SqsAway>&)>;
  Opening(aws::Client& client, SqsNames names, Done done)
      : client_(client), names_(std::move(names)), done_(std::move(done)) {}

  void run() {
    if (is_url(names_.queue)) {
      found_.url = names_.queue;
      return look();
    }
    call(sqs::get_queue_url(names_.queue), &sqs::read_queue_url, "GetQueueUrl",
         [this](const std::string& url) {
           found_.url = url;
           look();
         });
  }

 private:
  // `then`, with what the answer says; or it is away.
  template <class T, class Then>
  void call(const aws::Request& request, aws::Reply<T> (*read)(const aws::Outcome&),
            const char* what, Then then) {
    const auto self = shared_from_this();
    client_.call(request, [self, read, what, then](const aws::Outcome& outcome) {
      const auto reply = read(outcome);
      if (!reply) return self->done_(SqsAway{what, reply.refusal()});
      then(*reply);
    });
  }
  void look() {
    call(sqs::get_queue_attributes(found_.url), &sqs::read_queue_attributes, "GetQueueAttributes",
         [this](const sqs::QueueAttributes& queue) {
           found_.queue = queue;
           find_dead_letters();
         });
  }
  void find_dead_letters() {
    const auto arn = aws::read_arn(found_.queue.dead_letter_arn);
    const bool is_named = !names_.dead_letter_queue.empty();
    if (!is_named && !arn) {
      return done_(SqsAway{"GetQueueAttributes",
                           {"NoDeadLetterQueue",
                            "it has no RedrivePolicy: give it one, or name a dead_letter_queue"}});
    }
    if (is_url(names_.dead_letter_queue)) {
      found_.dead_url = names_.dead_letter_queue;
      return look_at_dead_letters();
    }
    call(is_named ? sqs::get_queue_url(names_.dead_letter_queue)
                  : sqs::get_queue_url(arn->resource, arn->account),
         &sqs::read_queue_url, "GetQueueUrl of its dead-letter queue",
         [this](const std::string& url) {
           found_.dead_url = url;
           look_at_dead_letters();
         });
  }
  void look_at_dead_letters() {
    call(sqs::get_queue_attributes(found_.dead_url), &sqs::read_queue_attributes,
         "GetQueueAttributes of its dead-letter queue", [this](const sqs::QueueAttributes& dead) {
           found_.dead = dead;
           if (found_.queue.is_fifo && !dead.is_fifo) {
             return done_(SqsAway{"GetQueueAttributes of its dead-letter queue",
                                  {"NotFifo", "that of a FIFO queue must be FIFO, too"}});
           }
           done_(found_);
         });
  }

  aws::Client& client_;
  SqsNames names_;
  Done done_;
  SqsFound found_;
};

}  // namespace

void find_sqs_queue(aws::Client& client, const SqsNames& names,
                    std::function<void(const std::variant<SqsFound, SqsAway>&)> done) {
  std::make_shared<Opening>(client, names, std::move(done))->run();
}

std::string sqs_queue_name(const std::string& name_or_url) {
  return name_or_url.substr(name_or_url.rfind('/') + 1);
}

std::vector<SqsUnsafe> unsafe_of(const sqs::QueueAttributes& queue,
                                 const sqs::QueueAttributes& dead) {
  std::vector<SqsUnsafe> found;
  if (queue.receives_max != 0 && queue.receives_max < kReceivesMin) {
    found.push_back(
        {"the queue gives up a message after few receptions, and a deployment is one: set "
         "maxReceiveCount to 5 or more",
         queue.receives_max});
  }
  if (queue.retention < kRetentionMin) {
    found.push_back(
        {"the queue drops what is older than its MessageRetentionPeriod, also what nobody has "
         "received: set it to 4 days or more",
         queue.retention.us / 1'000'000});
  }
  if (dead.retention <= queue.retention) {
    found.push_back(
        {"the dead-letter queue drops a message by the age that it had in the queue before it: its "
         "MessageRetentionPeriod must be longer",
         dead.retention.us / 1'000'000});
  }
  if (queue.bytes_max > wire::kBodyMax) {
    found.push_back(
        {"the queue takes messages that are too large, and they are dead: set MaximumMessageSize "
         "to 262144",
         static_cast<std::int64_t>(queue.bytes_max)});
  }
  if (dead.is_fifo && !queue.is_fifo) {
    found.push_back({"the dead-letter queue is FIFO and the queue is not", dead.is_fifo});
  }
  return found;
}

}  // namespace sluice::ingest
