#include "ingest/sqs_message.h"

#include <algorithm>
#include <utility>

#include "ingest/json.h"
#include "ingest/order.h"
#include "ingest/prefer.h"
#include "ingest/sqs_ours.h"
#include "lib/aws/sqs_batches.h"
#include "lib/base/calendar.h"
#include "lib/port/json_text.h"

namespace sluice::ingest {

namespace {

using port::json_quoted;

constexpr std::size_t kAttributesMax = 10;  // of a message
constexpr std::int32_t kPriorityMax = 1000;
constexpr const char* kWrapped = "{\"sluice\":";

// What was posted is read as it was read then: before the queue took it. Who may send into the
// queue may say anything, and no row has a time before 1970.
StoreTime first_seen_of(const aws::sqs::Message& message, const SqsOurs& ours) {
  const StoreTime sent = std::max(message.sent, StoreTime{1});
  if (ours.count("/posted", 1) == 0) return sent;
  return std::clamp(parse_time(ours.text("/first_seen")).value_or(sent), StoreTime{1}, sent);
}

}  // namespace

std::optional<aws::sqs::Message> sqs_unwrapped(const aws::sqs::Message& message) {
  // With our attribute it is a document that looks like one that was wrapped.
  if (message.attributes.contains(kSqsAttribute)) return std::nullopt;
  if (!message.body.starts_with(kWrapped) || json_trouble(message.body)) return std::nullopt;
  const auto members = json_members(json_whole(message.body));
  if (members.size() != 2 || members[0].second.kind != JsonKind::kObject ||
      members[1].first != "body" || members[1].second.kind != JsonKind::kString) {
    return std::nullopt;
  }
  aws::sqs::Message inner = message;
  inner.attributes[kSqsAttribute] = {std::string(members[0].second.text)};
  inner.body = json_string(members[1].second);
  return inner;
}

aws::sqs::Entry sqs_with_ours(const aws::sqs::Message& message, const std::string& ours) {
  aws::sqs::Entry entry;
  entry.body = message.body;
  entry.attributes = message.attributes;
  entry.attributes.erase(kSqsAttribute);
  if (entry.attributes.size() < kAttributesMax) {
    entry.attributes[kSqsAttribute] = {ours};
  } else {
    entry.body = kWrapped + ours + ",\"body\":" + json_quoted(message.body) + "}";
  }
  return entry;
}

ReadDocument read_sqs_message(const aws::sqs::Message& message, const SqsReading& reading) {
  const SqsOurs ours(message);
  const auto id = [&] {
    const std::string said = ours.text("/id");
    return said.empty() ? message.id : said;
  };
  const std::string key = reading.group_is_key ? message.group : std::string();
  const StoreTime first_seen = first_seen_of(message, ours);
  ReadDocument read = read_document(message.body, {reading.pointers, reading.upstreams, first_seen,
                                                   id, reading.reply_hosts, key});
  if (std::holds_alternative<Refusal>(read)) return read;
  auto& offer = std::get<wire::Offer>(read);
  offer.source = reading.source;
  offer.origin = wire::Origin::kQueueCopy;
  offer.generation = ours.count("/generation", kGenerationMax);
  offer.priority =
      std::clamp(offer.priority + ours.number("/priority", -kPriorityMax, kPriorityMax),
                 -kPriorityMax, kPriorityMax);
  offer.in_order = reading.in_order;
  offer.stops_dead = reading.stops_dead;
  offer.first_seen = first_seen;
  offer.traceparent = read_traceparent(ours.text("/traceparent"));
  offer.offered_before = message.receives > 1 && !reading.in_order;  // in order, only a row is
  if (offer.expires_at.us == 0) offer.expires_at = expiry_of(offer, reading.upstreams);
  return read;
}

wire::Offer read_malformed(const aws::sqs::Message& message, const SqsReading& reading) {
  const SqsOurs ours(message);
  const std::string key = reading.group_is_key ? message.group : std::string();
  const StoreTime first_seen = first_seen_of(message, ours);
  const auto none = [] { return std::string(); };
  const DocumentKey known = key_of_document(
      message.body,
      {reading.pointers, reading.upstreams, first_seen, none, reading.reply_hosts, key});
  const bool was_posted = ours.count("/posted", 1) == 1;
  wire::Offer offer;
  offer.source = reading.source;
  offer.id = was_posted ? ours.text("/id") : message.id;
  offer.key = known.key;
  offer.upstream = known.upstream;
  offer.origin = wire::Origin::kQueueCopy;
  offer.first_seen = first_seen;
  offer.in_order = reading.in_order;
  offer.stops_dead = reading.stops_dead;
  offer.request.body = message.body;
  return offer;
}

std::string sqs_epitaph_text(const SqsEpitaph& epitaph) {
  std::string text =
      "{\"reason\":" + json_quoted(epitaph.reason) + ",\"source\":" + json_quoted(epitaph.source);
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string(",\"") + name + "\":" + json_quoted(value);
  };
  const auto count = [&text](const char* name, std::uint32_t value) {
    if (value != 0) text += std::string(",\"") + name + "\":" + std::to_string(value);
  };
  add("detail", epitaph.detail);
  add("id", epitaph.id);
  add("key", epitaph.key);
  add("upstream", epitaph.upstream);
  count("generation", epitaph.generation);
  count("attempts", epitaph.attempts);
  count("last_status", epitaph.last_status);
  if (epitaph.first_seen.us > 0) add("first_seen", timestamp_of(epitaph.first_seen));
  if (epitaph.died_at.us > 0) add("died_at", timestamp_of(epitaph.died_at));
  return text + "}";
}

std::optional<aws::sqs::Entry> sqs_dead_letter(const aws::sqs::Message& message,
                                               const SqsEpitaph& epitaph, std::size_t bytes_max) {
  // As long as what a replay of it has in its place, at the least.
  const std::string least = "{\"reason\":" + json_quoted(epitaph.reason) +
                            ",\"id\":" + json_quoted(epitaph.id) +
                            ",\"generation\":" + std::to_string(epitaph.generation) + "}";
  for (const std::string& text : {sqs_epitaph_text(epitaph), least}) {
    aws::sqs::Entry letter = sqs_with_ours(message, text);
    if (bytes_max == 0 || aws::sqs::bytes_of(letter) <= bytes_max) return letter;
  }
  return std::nullopt;
}

aws::sqs::Entry sqs_without_ours(const aws::sqs::Message& message) {
  aws::sqs::Entry entry;
  entry.body = message.body;
  entry.attributes = message.attributes;
  entry.attributes.erase(kSqsAttribute);
  return entry;
}

}  // namespace sluice::ingest
