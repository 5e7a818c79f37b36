#include "limiter/memory_store.h"

#include <utility>

namespace sluice::limiter {

namespace {

constexpr std::uint64_t kPurgeEvery = 1'024;  // calls

template <class Map>
auto find(Map& map, const std::string& name) -> decltype(&map.begin()->second) {
  const auto at = map.find(name);
  return at == map.end() ? nullptr : &at->second;
}

}  // namespace

const MessageRecord* MemoryShard::message(const std::string& identity) {
  return find(messages_, identity);
}
MessageRecord& MemoryShard::edit_message(const std::string& identity) {
  return messages_[identity];
}
const KeyRecord* MemoryShard::key(const std::string& key) { return find(keys_, key); }
KeyRecord& MemoryShard::edit_key(const std::string& key) { return keys_[key]; }

void MemoryShard::purge(StoreTime now) {
  std::erase_if(messages_, [&](const auto& entry) { return entry.second.purge_at <= now; });
  if (state_.keys_until > now) return;
  std::erase_if(keys_, [&](const auto& entry) { return entry.second.idle_at <= now; });
}

MemoryStore::MemoryStore(StoreConfig config, std::string life)
    : config_(std::move(config)), life_(std::move(life)) {}

StoreReply MemoryStore::perform(const StoreAsk& ask, StoreTime clock) {
  StoreReply reply;
  reply.call_id = ask.call_id;
  const std::string& name = upstream_of(ask.call);
  if (find_upstream(config_, name) == nullptr) {
    reply.answer = StoreFailed{"no such upstream in the settings: " + name};
    return reply;
  }
  MemoryShard& shard = shards_[name];
  Scripted scripted = perform_told({config_, by_, tellings_[{config_.instance, name}]}, shard,
                                   {clock, life_, fresh_}, ask.call);
  reply.answer = std::move(scripted.answer);
  reply.now = scripted.now;
  reply.limits_version = scripted.limits_version;
  if (++calls_ % kPurgeEvery == 0) shard.purge(shard.state().last);
  return reply;
}

void MemoryStore::set_config(StoreConfig config, std::string by) {
  config_ = std::move(config);
  by_ = std::move(by);
  std::erase_if(tellings_, [&](const auto& one) { return one.first.first == config_.instance; });
}

void MemoryStore::become(std::string life) {
  life_ = std::move(life);
  fresh_ = false;
  for (auto& [name, telling] : tellings_) telling.tell_again();
}

void MemoryStore::wipe(std::string life) {
  shards_.clear();
  become(std::move(life));
}

MemoryShard* MemoryStore::shard(const std::string& upstream) { return find(shards_, upstream); }

}  // namespace sluice::limiter
