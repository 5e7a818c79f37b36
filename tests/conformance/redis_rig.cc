#include "tests/conformance/redis_rig.h"

#include <utility>

#include "lib/base/check.h"

namespace sluice::limiter {

namespace {

using port::RedisValue;

bool is_good(const RedisValue& value) { return value.kind != RedisValue::Kind::kError; }

}  // namespace

RedisServer& RedisRig::server() {
  // A primary whose backlog has had no reader for repl-backlog-ttl takes another replid.
  static RedisServer server(RedisServer::Options{.clock = true, .conf = {"repl-backlog-ttl 0"}});
  return server;
}

RedisRig::RedisRig(const StoreConfig& config, StoreTime clock) : RedisRig(config) { begin(clock); }

RedisRig::RedisRig(const StoreConfig& config, bool fresh) : config_(config) {
  limits_version = version_of(config);
  said_.fresh = fresh;
}

void RedisRig::begin(StoreTime clock) {
  set_clock(clock);
  CHECK(is_good(at().command({"FLUSHALL"})));
}

RedisValue RedisRig::evaluate(const RedisCommand& command) {
  const RedisScriptText& script = text_of(command.script);
  std::vector<std::string> words{"EVALSHA", script.sha1, std::to_string(command.keys.size())};
  words.insert(words.end(), command.keys.begin(), command.keys.end());
  words.insert(words.end(), command.args.begin(), command.args.end());
  RedisValue value = at().command(words);
  if (value.text.rfind("NOSCRIPT", 0) != 0) return value;
  EXPECT_EQ(at().command({"SCRIPT", "LOAD", script.text}).text, script.sha1);
  return at().command(words);
}

RedisHeard RedisRig::exchange(RedisExchange& exchange, StoreTime clock) {
  for (;;) {
    said_.spans_version = tellings_[config_.instance].spans_version();
    const RedisHeard heard = exchange.hear(evaluate(exchange.next(said_)));
    if (!exchange.life().empty()) said_.life = exchange.life();
    if (heard == RedisHeard::kUntold) {
      tellings_[config_.instance].tell_again();
      tell(upstream_of(exchange.call()), clock);
    } else if (heard != RedisHeard::kMore) {
      return heard;
    }
  }
}

void RedisRig::tell(const std::string& upstream, StoreTime clock) {
  Telling& telling = tellings_[config_.instance];
  RedisExchange limits(config_, SetLimits{upstream, "settings", {}, 0, 0, {}, telling.told()});
  EXPECT_EQ(limits.hear(evaluate(limits.next(said_))), RedisHeard::kDone) << limits.what();
  said_.life = limits.life();
  telling.heard(limits.spans_version(), clock.us);
}

std::vector<StoreReply> RedisRig::say(const std::vector<StoreAsk>& asks, StoreTime clock) {
  set_clock(clock);
  std::vector<StoreReply> replies;
  for (const StoreAsk& ask : asks) {
    StoreReply reply;
    reply.call_id = ask.call_id;
    if (find_upstream(config_, upstream_of(ask.call)) == nullptr) {
      reply.answer = StoreFailed{"no such upstream in the settings: " + upstream_of(ask.call)};
      replies.push_back(std::move(reply));
      continue;
    }
    if (tellings_[config_.instance].due(clock.us)) tell(upstream_of(ask.call), clock);
    RedisExchange call(config_, ask.call);
    EXPECT_EQ(exchange(call, clock), RedisHeard::kDone) << call.what();
    reply.answer = call.answer();
    reply.now = call.now();
    reply.limits_version = call.limits_version();
    replies.push_back(std::move(reply));
  }
  return replies;
}

void RedisRig::start_with(const StoreConfig& config, StoreTime) {
  config_ = config;
  said_.life.clear();
  tellings_[config_.instance] = {};
}

void RedisRig::come_back_forgetting(StoreTime) {
  promote();
  said_ = {};
  tellings_.clear();
}

void RedisRig::promote() {
  CHECK(is_good(at().command({"REPLICAOF", "127.0.0.1", "1"})));
  CHECK(is_good(at().command({"REPLICAOF", "NO", "ONE"})));
}

void RedisRig::put_back(StoreTime clock) {
  Keeping older = std::exchange(backup_, keep(at()));
  put(older);
  come_back_forgetting(clock);
}

RedisRig::Keeping RedisRig::keep(RedisServer& from) {
  Keeping keeping;
  for (const RedisValue& key : from.command({"KEYS", "*"}).items) {
    const RedisValue value = from.command({"GET", key.text});
    if (value.kind != RedisValue::Kind::kString) continue;  // over
    keeping[key.text] = {value.text, from.command({"PEXPIRETIME", key.text}).integer};
  }
  return keeping;
}

void RedisRig::put(const Keeping& keeping) {
  CHECK(is_good(at().command({"FLUSHALL"})));
  for (const auto& [key, kept] : keeping) {
    std::vector<std::string> words{"SET", key, kept.value};
    if (kept.expires_ms > 0) {
      words.insert(words.end(), {"PXAT", std::to_string(kept.expires_ms)});
    }
    CHECK(is_good(at().command(words)));
  }
}

}  // namespace sluice::limiter
