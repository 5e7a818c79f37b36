#include "limiter/redis_watch.h"

#include <algorithm>
#include <utility>

#include "limiter/redis_scripts.h"

namespace sluice::limiter {

namespace {

constexpr Duration kEvery = seconds(5);
constexpr Duration kEveryUnfit = seconds(1);

constexpr const char* kUnlookedText = "the store was not looked at yet";

bool is_forbidden(const port::RedisAnswer& answer) {
  return answer.end == port::RedisAnswer::End::kAnswered &&
         answer.value.kind == port::RedisValue::Kind::kError &&
         (answer.value.text.starts_with("NOPERM") ||
          answer.value.text.starts_with("ERR unknown command"));
}

}  // namespace

RedisWatch::RedisWatch(const stage::Room& room, const RedisOptions& options, GiveUp give_up)
    : poller_(room.poller),
      log_(room.log),
      metrics_(room.metrics),
      options_(options),
      give_up_(std::move(give_up)),
      twin_(room, options, {[this] { look(); }, [this] { tell_log(); }, give_up_}) {}

RedisWatch::~RedisWatch() { poller_.cancel(timer_); }

void RedisWatch::start(port::RedisClient& client, std::vector<std::string> keys) {
  client_ = &client;
  keys_ = std::move(keys);
  metrics_.on_scrape([this] { count(); });
  again();
  twin_.start(keys_.front());
}

void RedisWatch::set_keys(std::vector<std::string> keys) {
  keys_ = std::move(keys);
  twin_.start(keys_.front());
  look();
}

void RedisWatch::look() {
  std::map<std::uint64_t, std::vector<std::string>> found;
  for (const std::string& key : keys_) {
    const std::uint64_t connection = client_->connection(key);
    if (connection != 0) found[connection].push_back(key);
  }
  for (const auto& [connection, keys] : found) look_at(connection, keys);
  std::erase_if(looks_, [&](const auto& look) { return !found.contains(look.first); });
}

// Without an event of its own: a shard whose slot has moved comes over a connection that was there.
void RedisWatch::wanted(std::uint64_t connection) {
  const auto at = looks_.find(connection);
  if (at == looks_.end() || !(at->second.done || at->second.under_way)) look();
}

void RedisWatch::again() {
  look();
  timer_ = poller_.after(trouble().empty() ? kEvery : kEveryUnfit, [this] { again(); });
}

std::vector<RedisWatch::Question> RedisWatch::questions(
    const std::vector<std::string>& keys) const {
  const std::string& any = keys.front();
  std::vector<Question> asked;
  asked.push_back({{"INFO"}, any, &RedisWatch::hear_info});
  asked.push_back(
      {{"CONFIG", "GET", "maxmemory-policy", "min-replicas-to-write", "min-replicas-max-lag",
        "cluster-node-timeout", "stop-writes-on-bgsave-error", "save"},
       any,
       &RedisWatch::hear_config});
  if (options_.client.cluster) {
    asked.push_back({{"CLUSTER", "INFO"}, any, &RedisWatch::hear_cluster});
  }
  if (options_.rules.topology != RedisRules::Topology::kReplicated) return asked;
  for (const std::string& key : keys) {
    // Where there is no cluster one is enough, whichever upstreams there are.
    const std::string name = (options_.client.cluster ? key : "{sluice:}") + ":replicas";
    asked.push_back({{"EVALSHA", text_of(RedisScript::kReplicas).sha1, "1", name},
                     key,
                     &RedisWatch::hear_replicas});
  }
  return asked;
}

// One connection answers in order: with the last answer all are there.
void RedisWatch::look_at(std::uint64_t connection, const std::vector<std::string>& keys) {
  looks_[connection].under_way = true;
  std::vector<Question> asked = questions(keys);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const std::vector<std::string_view> words(asked[i].words.begin(), asked[i].words.end());
    const bool last = i + 1 == asked.size();
    client_->command(words, asked[i].key,
                     [this, connection, question = asked[i], last](port::RedisAnswer& answer) {
                       heard(connection, question, answer);
                       if (last) judged(connection);
                     });
  }
}

void RedisWatch::heard(std::uint64_t connection, const Question& question,
                       port::RedisAnswer& answer) {
  const auto at = looks_.find(connection);
  if (at == looks_.end()) return;
  if (question.hear == &RedisWatch::hear_info) {
    at->second.heard = {};
    at->second.whole = true;
  }
  if (answer.end != port::RedisAnswer::End::kAnswered) {
    at->second.whole = false;
  } else {
    (this->*question.hear)(at->second, answer);
  }
}

void RedisWatch::hear_info(Look& look, port::RedisAnswer& answer) {
  if (is_forbidden(answer)) {
    look.whole = false;
    return end_badly(
        "the store's server forbids INFO, and only it says that the server is another "
        "or was restarted: allow +info (" +
        answer.value.text + ")");
  }
  auto facts = read_info(answer.value.text);
  if (!facts) look.whole = false;
  if (facts) {
    look.heard = std::move(*facts);
  } else if (answer.value.kind == port::RedisValue::Kind::kString) {
    end_badly("the store's INFO says no master_replid: it is no Redis server");
  }
}

void RedisWatch::hear_config(Look& look, port::RedisAnswer& answer) {
  read_config_get(answer.value, look.heard);
}

void RedisWatch::hear_cluster(Look& look, port::RedisAnswer& answer) {
  read_cluster_info(answer.value, look.heard);
}

// Refused, as everything that writes is: the server's own reason is found first.
void RedisWatch::hear_replicas(Look& look, port::RedisAnswer& answer) {
  const bool refused = answer.value.kind != port::RedisValue::Kind::kInteger;
  if (refused && judge(options_.rules, look.heard).unfit == Unfit::kNo) look.whole = false;
  const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(0, answer.value.integer));
  if (!refused) look.heard.replicas_most = std::max(look.heard.replicas_most, most);
}

void RedisWatch::judged(std::uint64_t connection) {
  const auto at = looks_.find(connection);
  if (at == looks_.end()) return;
  Look& look = at->second;
  look.under_way = false;
  if (!look.whole) return;
  if (look.done) tell_of_evicted(look.heard.evicted, look.facts.evicted);
  look.facts = look.heard;
  look.verdict = judge(options_.rules, look.facts);
  look.done = true;
  warn(look.facts);
  const bool first = connection == client_->connection(keys_.front());
  if (first) twin_.looked(look.facts);
  tell_log();
}

void RedisWatch::warn(const RedisFacts& facts) {
  for (const std::string& what : warnings(options_.rules, facts)) {
    if (warned_.insert(what).second) log_.warning(what);
  }
}

// The scripts close its shards by themselves (lua/prelude.lua).
void RedisWatch::tell_of_evicted(std::uint64_t now, std::uint64_t before) {
  if (now <= before) return;
  log_.error("the store has evicted keys: its shards close",
             {{"keys", std::to_string(now - before)}});
}

void RedisWatch::tell_log() {
  const std::string why = trouble();
  if (why == said_ || why == kUnlookedText) return;
  if (why.empty()) {
    log_.info("the store is fit to hold grants");
  } else {
    log_.error("nothing is granted on this store", {{"why", why}});
  }
  said_ = why;
}

void RedisWatch::end_badly(const std::string& why) { give_up_({Trouble::kSettings, why}); }

bool RedisWatch::looked_at(std::uint64_t connection) const {
  const auto at = looks_.find(connection);
  return twin_.doubt().empty() && at != looks_.end() && at->second.done;
}

std::string_view RedisWatch::refusal(std::uint64_t connection) const {
  if (!looked_at(connection)) return kUnlooked;
  return word_of(looks_.at(connection).verdict.unfit);
}

std::string RedisWatch::trouble() const {
  for (const std::string& key : keys_) {
    const std::uint64_t connection = client_->connection(key);
    if (connection == 0) continue;  // the client's own trouble
    if (!twin_.doubt().empty()) return twin_.doubt();
    if (!looked_at(connection)) return kUnlookedText;
    if (const std::string& why = looks_.at(connection).verdict.why; !why.empty()) return why;
  }
  return "";
}

void RedisWatch::count() {
  std::uint64_t bytes = 0, evicted = 0;
  for (const auto& [connection, look] : looks_) {
    bytes = std::max(bytes, look.facts.bytes);
    evicted += look.facts.evicted;
  }
  metrics_
      .gauge("sluice_limiter_store_bytes",
             "Memory that Redis uses; of several, the fullest server.")
      .set(static_cast<double>(bytes));
  metrics_
      .gauge("sluice_limiter_store_evicted_keys",
             "Keys that the servers have evicted since they were started; each more closes shards.")
      .set(static_cast<double>(evicted));
  for (const std::string_view word : kUnfitWords) {
    if (word.empty()) continue;
    count_unfit(word, std::count_if(looks_.begin(), looks_.end(), [&](const auto& look) {
                  return word_of(look.second.verdict.unfit) == word;
                }));
  }
  count_unfit(kUnlooked, std::count_if(looks_.begin(), looks_.end(),
                                       [&](const auto& look) { return !looked_at(look.first); }));
}

void RedisWatch::count_unfit(std::string_view why, std::ptrdiff_t servers) {
  metrics_
      .gauge("sluice_limiter_store_unfit", "Servers on which nothing is granted, by why.",
             {{"why", std::string(why)}})
      .set(static_cast<double>(servers));
}

}  // namespace sluice::limiter
