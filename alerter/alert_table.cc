#include "alerter/alert_table.h"

#include <algorithm>
#include <utility>

#include "alerter/sinks.h"
#include "lib/base/calendar.h"

namespace sluice::alerter {

namespace {

namespace dynamodb = aws::dynamodb;

constexpr std::uint32_t kAtOnce = 100;
constexpr Duration kAgain = seconds(10);
constexpr Duration kKeep = hours(24 * 30);

const char* word_of(Fate fate) {
  switch (fate) {
    case Fate::kUndelivered:
      return "undelivered";
    case Fate::kDelivered:
      return "delivered";
    case Fate::kGivenUp:
      return "given_up";
  }
  return "";
}

}  // namespace

dynamodb::Item alert_item(const Unrecorded& what, StoreTime now) {
  const wire::Alert& alert = what.alert;
  dynamodb::Item item = {{"pk", dynamodb::text("ALERT#" + alert.alert_id)},
                         {"sk", dynamodb::text(timestamp_of(alert.at))},
                         {"alert_id", dynamodb::text(alert.alert_id)},
                         {"severity", dynamodb::text(std::string(word_of(alert.severity)))},
                         {"kind", dynamodb::text(alert.kind)},
                         {"title", dynamodb::text(alert.title)},
                         {"text", dynamodb::text(alert.text)},
                         {"dedup_key", dynamodb::text(alert.dedup_key)},
                         {"period", dynamodb::text(alert.period)},
                         {"line", dynamodb::number(static_cast<std::int64_t>(alert.cursor))},
                         {"ttl", dynamodb::number((now + kKeep).us / 1'000'000)}};
  for (const wire::Header& label : alert.labels) {
    item["label_" + label.name] = dynamodb::text(label.value);
  }
  for (const Unrecorded::Sink& sink : what.sinks) {
    item["sink_" + sink.name] = dynamodb::text(word_of(sink.fate));
  }
  return item;
}

void AlertTable::look() {
  if (is_busy_ || world_.time.now() < again_at_) return;
  auto found = state_.unrecorded(kAtOnce);
  if (!found) return trouble(found.error().what);
  waiting_.assign(std::make_move_iterator(found->begin()), std::make_move_iterator(found->end()));
  next();
}

void AlertTable::next() {
  if (waiting_.empty()) return;
  const Unrecorded what = std::move(waiting_.front());
  waiting_.pop_front();
  is_busy_ = true;
  const dynamodb::Write put{dynamodb::Write::Kind::kPut, name_,
                            alert_item(what, world_.time.wall())};
  const auto here = std::weak_ptr<bool>(here_);
  world_.client.call(dynamodb::write_item(put), [this, here, what](const aws::Outcome& outcome) {
    if (!here.expired()) took(what, outcome);
  });
}

void AlertTable::took(const Unrecorded& what, const aws::Outcome& outcome) {
  is_busy_ = false;
  const auto done = dynamodb::read_written(outcome);
  if (!done.ok()) return trouble(done.refusal().code + ": " + done.refusal().message);
  ++written_;
  if (auto noted = state_.recorded(what); !noted) return trouble(noted.error().what);
  if (!trouble_.empty()) world_.log.info("alerts are recorded in their table again");
  trouble_.clear();
  next();
}

// Said once for each reason.
void AlertTable::trouble(const std::string& why) {
  ++failed_;
  again_at_ = world_.time.now() + kAgain;
  if (why != trouble_) {
    world_.log.warning("alerts are not recorded in their table yet",
                       {{"table", name_}, {"why", why}});
  }
  trouble_ = why;
}

}  // namespace sluice::alerter
