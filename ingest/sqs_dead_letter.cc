#include "ingest/sqs_dead_letter.h"

#include <utility>

#include "ingest/sqs_ours.h"
#include "lib/base/calendar.h"
#include "lib/port/json_text.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {

SqsDeadLetter read_sqs_dead_letter(const aws::sqs::Message& message, const SqsReading& reading) {
  const auto inner = sqs_unwrapped(message);
  SqsDeadLetter letter{inner ? *inner : message, {}};
  const SqsOurs ours(letter.message);
  DeadRow& dead = letter.dead;
  dead.reason = ours.text("/reason");
  if (dead.reason.empty()) dead.reason = "receives";  // SQS gave it up
  dead.detail = ours.text("/detail");
  dead.attempts = ours.count("/attempts", 1'000'000);
  dead.status = ours.count("/last_status", 999);
  dead.at = parse_time(ours.text("/died_at")).value_or(message.sent);
  dead.source = reading.source;
  dead.generation = ours.count("/generation", kGenerationMax);
  ReadDocument read = read_sqs_message(letter.message, reading);
  auto* offer = std::get_if<wire::Offer>(&read);
  if (offer == nullptr) {
    const std::string said = ours.text("/id");
    dead.id = said.empty() ? message.id : said;
    dead.key = ours.text("/key");
    dead.raw = letter.message.body;
    return letter;
  }
  offer->first_seen = parse_time(ours.text("/first_seen")).value_or(message.sent);
  offer->identity = wire::identity_of(offer->source, offer->key, offer->id, offer->generation);
  dead.identity = offer->identity;
  dead.id = offer->id;
  dead.key = offer->key;
  dead.upstream = offer->upstream;
  dead.message = std::move(*offer);
  return letter;
}

aws::sqs::Entry sqs_replay(const SqsDeadLetter& letter, std::int32_t priority) {
  aws::sqs::Entry entry = sqs_with_ours(
      letter.message, "{\"id\":" + port::json_quoted(letter.dead.id) +
                          ",\"generation\":" + std::to_string(letter.dead.generation + 1) +
                          ",\"priority\":" + std::to_string(priority) + "}");
  entry.group = letter.message.group;
  if (entry.group.empty() && !letter.dead.key.empty()) entry.group = sqs_group_of(letter.dead.key);
  return entry;
}

}  // namespace sluice::ingest
