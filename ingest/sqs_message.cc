#include "ingest/sqs_message.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "ingest/json.h"
#include "ingest/order.h"
#include "lib/aws/sqs_batches.h"
#include "lib/base/calendar.h"
#include "lib/port/json_text.h"

namespace sluice::ingest {

namespace {

using port::json_quoted;

constexpr std::size_t kAttributesMax = 10;  // of a message

// What our attribute says; others may have one of that name, too.
std::uint32_t generation_of(const aws::sqs::Message& message) {
  const auto ours = message.attributes.find(kSqsAttribute);
  if (ours == message.attributes.end() || json_trouble(ours->second.value)) return 0;
  const auto said = json_at(json_whole(ours->second.value), "/generation");
  if (!said || !*said) return 0;
  const std::string_view text = (**said).text;
  std::uint32_t generation = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), generation);
  const bool whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
  return whole && generation <= 1'000'000 ? generation : 0;
}

}  // namespace

ReadDocument read_sqs_message(const aws::sqs::Message& message, const SqsReading& reading) {
  ReadDocument read =
      read_document(message.body, {reading.pointers, reading.upstreams, message.sent,
                                   [&] { return message.id; }, reading.reply_hosts});
  if (std::holds_alternative<Refusal>(read)) return read;
  auto& offer = std::get<wire::Offer>(read);
  offer.source = reading.source;
  offer.origin = wire::Origin::kQueueCopy;
  offer.generation = generation_of(message);
  offer.first_seen = message.sent;
  offer.offered_before = message.receives > 1;
  if (offer.expires_at.us == 0) offer.expires_at = expiry_of(offer, reading.upstreams);
  return read;
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

aws::sqs::Entry sqs_dead_letter(const aws::sqs::Message& message, const std::string& epitaph,
                                std::size_t bytes_max) {
  aws::sqs::Entry as_it_came;
  as_it_came.body = message.body;
  as_it_came.attributes = message.attributes;
  as_it_came.attributes.erase(kSqsAttribute);  // of an earlier life
  aws::sqs::Entry letter = as_it_came;
  if (letter.attributes.size() < kAttributesMax) {
    letter.attributes[kSqsAttribute] = {epitaph};
  } else {
    letter.body = "{\"sluice\":" + epitaph + ",\"body\":" + json_quoted(message.body) + "}";
  }
  return bytes_max == 0 || aws::sqs::bytes_of(letter) <= bytes_max ? letter : as_it_came;
}

}  // namespace sluice::ingest
