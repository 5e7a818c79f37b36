#include <algorithm>

#include "limiter/in_flight.h"
#include "limiter/reopening.h"
#include "limiter/script_parts.h"

namespace sluice::limiter {

namespace {

const std::string kWhole;  // the upstream as a whole, among keys
const LimitLog kEmptyLog;

auto log_of(auto& record, const std::string& limit) {
  return std::find_if(record.logs.begin(), record.logs.end(),
                      [&](const NamedLog& named) { return named.limit == limit; });
}

}  // namespace

const MessageRecord* Scene::message(const std::string& identity) {
  const MessageRecord* record = shard.message(identity);
  return record != nullptr && record->purge_at <= now ? nullptr : record;
}

MessageRecord& Scene::edit_message(const std::string& identity) {
  const bool over = message(identity) == nullptr;
  MessageRecord& record = shard.edit_message(identity);
  if (over) {
    record = {};
    record.purge_at = now + spans().record_max;
  }
  return record;
}

const KeyRecord* Scene::key(const std::string& name) {
  const KeyRecord* record = shard.key(name);
  if (record == nullptr || record->idle_at > now) return record;
  const ShardRecord& state = shard.state();
  const bool kept = state.keys_until > now && record->idle_at > state.keys_since &&
                    record->idle_at + kKeySlack > now;
  return kept ? record : nullptr;
}

KeyRecord& Scene::edit_key(const std::string& name) {
  const bool over = key(name) == nullptr;
  KeyRecord& record = shard.edit_key(name);
  if (over) {
    record = {};
    record.idle_at = StoreTime::never();  // until refresh_idle() says when
  }
  return record;
}

const std::string& Scene::owner(const Limit& limit, const std::string& key) {
  return limit.scope == LimitScope::kKey ? key : kWhole;
}

const LimitLog& Scene::log(const Limit& limit, const std::string& of) {
  const KeyRecord* record = key(owner(limit, of));
  if (record == nullptr) return kEmptyLog;
  const auto at = log_of(*record, log_name(limit));
  return at == record->logs.end() ? kEmptyLog : at->log;
}

LimitLog& Scene::edit_log(const Limit& limit, const std::string& of) {
  KeyRecord& record = edit_key(owner(limit, of));
  const std::string& name = log_name(limit);
  const auto at = log_of(record, name);
  if (at != record.logs.end()) return at->log;
  return record.logs.emplace_back(NamedLog{name, {}}).log;
}

Tightened Scene::tightened(const Limit& limit, const std::string& of) {
  const KeyRecord* record = limit.scope == LimitScope::kKey ? key(of) : nullptr;
  const bool penalised = record != nullptr && record->penalties > 0;
  Tightened tight =
      reopening(limit, penalised, record == nullptr ? StoreTime{} : record->reopened_at, now);
  const KnownLimit* one = known(limit);
  if (one != nullptr && one->held_until > now) {
    tight.held = one->held;
    tight.held_until = one->held_until;
  }
  return tight;
}

std::uint32_t Scene::in_flight(const std::string& of) {
  const KeyRecord* record = key(of);
  if (record != nullptr && record->penalties > 0) return 1;
  const Spans& rule = spans();
  if (rule.in_flight_per_key != kInFlightAuto) return rule.in_flight_per_key;
  return in_flight_needed(limits, rule.in_flight, shard.state().latency);
}

void Scene::refresh_idle(const std::string& key) {
  KeyRecord& record = edit_key(key);
  std::erase_if(record.holds,
                [&](const wire::Hold& hold) { return hold.until.us != 0 && hold.until <= now; });
  StoreTime idle = std::max(now, record.told.until);
  StoreTime reopened = now;
  std::vector<NamedLog> logs;  // of limits that still are
  for (const Limit& limit : limits) {
    reopened = std::max(reopened, reopened_wholly(limit, record.reopened_at));
    const auto at = log_of(record, log_name(limit));
    if (at == record.logs.end()) continue;
    const Duration horizon = meter(limit).horizon();
    const Duration tail = spans().unknown_hold + horizon;
    for (const Slot& slot : at->log.slots) idle = std::max(idle, slot.at + tail);
    for (const SubWindow& one : at->log.counted) idle = std::max(idle, one.end + horizon);
    idle = std::max(idle, at->log.tat);
    logs.push_back(std::move(*at));
  }
  record.logs = std::move(logs);
  if (record.reopened_at.us != 0 && reopened > now) idle = std::max(idle, reopened);
  for (const OpenAttempt& open : record.open) idle = std::max(idle, open.lease_end);
  for (const wire::Hold& hold : record.holds) {
    idle = std::max(idle, hold.until.us == 0 ? StoreTime::never() : hold.until);
  }
  // The next penalty doubles only while the last one is remembered.
  if (record.penalties > 0 && idle < StoreTime::never()) idle = idle + spans().penalty_max;
  record.idle_at = idle;
}

void Scene::end_open(const MessageRecord& record, std::uint32_t serial) {
  std::erase_if(edit_key(record.line.key).open, [&](const OpenAttempt& open) {
    return open.attempt.serial == serial && open.attempt.identity == record.line.identity;
  });
}

void Scene::complete_slots(const MessageRecord& record, std::uint32_t serial, StoreTime at) {
  const wire::Attempt attempt{record.line.identity, serial};
  const std::string key = record.line.key;
  end_open(record, serial);
  bool whole = false;
  for (const Limit& limit : limits) {
    LimitLog& log = edit_log(limit, key);
    meter(limit).complete(log, attempt, record.cost, at);
    meter(limit).prune(log, now);
    whole = whole || limit.scope == LimitScope::kUpstream;
  }
  refresh_idle(key);
  if (whole) refresh_idle(kWhole);
}

void Scene::free_slots(const MessageRecord& record, std::uint32_t serial) {
  const wire::Attempt attempt{record.line.identity, serial};
  const std::string key = record.line.key;
  end_open(record, serial);
  bool whole = false;
  for (const Limit& limit : limits) {
    meter(limit).free(edit_log(limit, key), attempt);
    whole = whole || limit.scope == LimitScope::kUpstream;
  }
  const std::string& owner = told_owner(key);
  if (const KeyRecord* one = this->key(owner); one != nullptr && one->told.until > now) {
    Told& told = edit_key(owner).told;
    if (record.granted_at >= told.at) told.left += record.cost;
  }
  refresh_idle(key);
  if (whole) refresh_idle(kWhole);
}

std::string Scene::exhausted(const MessageRecord& record) const {
  if (record.throttles >= spans().throttles_max) return "throttles";
  if (record.attempts - std::min(record.attempts, record.throttles) >= spans().attempts_max) {
    return "attempts";
  }
  return {};
}

StoreTime Scene::keep_until(const MessageRecord& record) const {
  if (record.stage == Stage::kSettled) return now + spans().record_max;
  return std::max({now, record.expires_at, record.lease_end}) + spans().record_max;
}

}  // namespace sluice::limiter
