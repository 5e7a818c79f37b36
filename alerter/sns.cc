#include "alerter/sns.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "alerter/sinks.h"
#include "lib/aws/arn.h"

namespace sluice::alerter {

namespace {

namespace sns = aws::sns;

constexpr std::size_t kSubjectMax = 100;  // bytes; ASCII without line feeds, a letter first

std::string subject_of(const wire::Alert& alert) {
  std::string subject = "Sluice " + std::string(word_of(alert.severity)) + ": " + alert.title;
  for (char& c : subject) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return subject.substr(0, kSubjectMax);
}

// Where nothing can be said of single alerts.
Delivered judged(const aws::Refusal& refusal) {
  Delivered how;
  how.error = refusal.code + ": " + refusal.message;
  const bool is_ours = refusal.kind == aws::FaultKind::kRefused;
  how.refused =
      is_ours && (refusal.code == "InvalidParameter" || refusal.code == "InvalidParameterValue" ||
                  refusal.code == "BatchRequestTooLong");
  how.unwelcome = is_ours && !how.refused;
  return how;
}

Delivered judged(const std::vector<aws::EntryFate>& fates) {
  Delivered how;
  how.ok = true;
  for (const aws::EntryFate& fate : fates) {
    if (fate.how == aws::EntryFate::How::kDone) continue;
    how.ok = false;
    how.refused = how.refused || fate.is_senders;
    how.error = fate.code.empty() ? "the topic does not say that it took it"
                                  : fate.code + ": " + fate.message;
  }
  return how;
}

// A group on its way, ten at a time; the first failure ends it, and all of it is said again.
class Publishing : public std::enable_shared_from_this<Publishing> {
 public:
  Publishing(aws::Client& client, std::string topic, std::vector<sns::Message> messages,
             std::function<void(const Delivered&)> done)
      : client_(client),
        topic_(std::move(topic)),
        messages_(std::move(messages)),
        done_(std::move(done)) {}

  void next() {
    const std::size_t count = std::min(sns::kBatchMax, messages_.size() - sent_);
    if (count == 0) return done_({0, true, ""});
    const auto from = messages_.begin() + static_cast<std::ptrdiff_t>(sent_);
    const std::vector<sns::Message> batch(from, from + static_cast<std::ptrdiff_t>(count));
    sent_ += count;
    const auto self = shared_from_this();
    client_.call(sns::publish_batch(topic_, batch), [self, count](const aws::Outcome& outcome) {
      const auto fates = sns::read_batch(outcome, count);
      const Delivered how = fates.ok() ? judged(*fates) : judged(fates.refusal());
      how.ok ? self->next() : self->done_(how);
    });
  }

 private:
  aws::Client& client_;
  std::string topic_;
  std::vector<sns::Message> messages_;
  std::size_t sent_ = 0;
  std::function<void(const Delivered&)> done_;
};

}  // namespace

std::string region_of_topic(const std::string& arn) {
  const auto topic = aws::read_arn(arn);
  const bool is_topic = topic && !topic->partition.empty() && topic->service == "sns" &&
                        !topic->account.empty() && topic->resource.find(':') == std::string::npos;
  return is_topic ? topic->region : "";
}

sns::Message sns_message(const wire::Alert& alert, bool is_fifo) {
  sns::Message message{json_of(alert), subject_of(alert)};
  message.email = text_of(alert);
  message.attributes["severity"] = {std::string(word_of(alert.severity))};
  message.attributes["kind"] = {alert.kind};
  for (const wire::Header& label : alert.labels) {
    const bool is_asked_for =
        label.name == "budget" || label.name == "upstream" || label.name == "key";
    if (is_asked_for && !label.value.empty()) message.attributes[label.name] = {label.value};
  }
  if (!is_fifo) return message;
  message.group = alert.kind;
  message.deduplication_id = alert.alert_id;
  return message;
}

void publish(aws::Client& client, const Sink& sink, const std::vector<wire::Alert>& alerts,
             std::function<void(const Delivered&)> done) {
  const bool is_fifo = sink.topic.ends_with(".fifo");
  std::vector<sns::Message> messages;
  for (const wire::Alert& alert : alerts) messages.push_back(sns_message(alert, is_fifo));
  std::make_shared<Publishing>(client, sink.topic, std::move(messages), std::move(done))->next();
}

}  // namespace sluice::alerter
