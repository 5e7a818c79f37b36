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

RedisRig::RedisRig(const StoreConfig& config, StoreTime clock) : config_(config) {
  limits_version = version_of(config);
  server().set_clock(clock.us);
  CHECK(is_good(server().command({"FLUSHALL"})));
  said_.fresh = true;
}

RedisValue RedisRig::evaluate(const RedisCommand& command) {
  const RedisScriptText& script = text_of(command.script);
  std::vector<std::string> words{"EVALSHA", script.sha1, std::to_string(command.keys.size())};
  words.insert(words.end(), command.keys.begin(), command.keys.end());
  words.insert(words.end(), command.args.begin(), command.args.end());
  RedisValue value = server().command(words);
  if (value.text.rfind("NOSCRIPT", 0) != 0) return value;
  EXPECT_EQ(server().command({"SCRIPT", "LOAD", script.text}).text, script.sha1);
  return server().command(words);
}

RedisHeard RedisRig::exchange(RedisExchange& exchange) {
  for (;;) {
    const RedisHeard heard = exchange.hear(evaluate(exchange.next(said_)));
    if (!exchange.life().empty()) said_.life = exchange.life();
    if (heard == RedisHeard::kUnset) {
      set_limits(upstream_of(exchange.call()));
    } else if (heard != RedisHeard::kMore) {
      return heard;
    }
  }
}

void RedisRig::set_limits(const std::string& upstream) {
  RedisExchange limits(config_, SetLimits{upstream, "settings"});
  EXPECT_EQ(limits.hear(evaluate(limits.next(said_))), RedisHeard::kDone) << limits.what();
  said_.life = limits.life();
  told_ = true;
}

std::vector<StoreReply> RedisRig::say(const std::vector<StoreAsk>& asks, StoreTime clock) {
  server().set_clock(clock.us);
  std::vector<StoreReply> replies;
  for (const StoreAsk& ask : asks) {
    StoreReply reply;
    reply.call_id = ask.call_id;
    if (find_upstream(config_, upstream_of(ask.call)) == nullptr) {
      reply.answer = StoreFailed{"no such upstream in the settings: " + upstream_of(ask.call)};
      replies.push_back(std::move(reply));
      continue;
    }
    if (!told_) set_limits(upstream_of(ask.call));
    RedisExchange call(config_, ask.call);
    EXPECT_EQ(exchange(call), RedisHeard::kDone) << call.what();
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
  told_ = false;
}

void RedisRig::come_back_forgetting(StoreTime) {
  CHECK(is_good(server().command({"REPLICAOF", "127.0.0.1", "1"})));
  CHECK(is_good(server().command({"REPLICAOF", "NO", "ONE"})));
  said_ = {};
}

void RedisRig::put_back(StoreTime clock) {
  Keeping older = std::exchange(backup_, keep());
  put(older);
  told_ = false;
  come_back_forgetting(clock);
}

RedisRig::Keeping RedisRig::keep() {
  Keeping keeping;
  for (const RedisValue& key : server().command({"KEYS", "*"}).items) {
    const RedisValue value = server().command({"GET", key.text});
    if (value.kind != RedisValue::Kind::kString) continue;  // over
    keeping[key.text] = {value.text, server().command({"PEXPIRETIME", key.text}).integer};
  }
  return keeping;
}

void RedisRig::put(const Keeping& keeping) {
  CHECK(is_good(server().command({"FLUSHALL"})));
  for (const auto& [key, kept] : keeping) {
    std::vector<std::string> words{"SET", key, kept.value};
    if (kept.expires_ms > 0) {
      words.insert(words.end(), {"PXAT", std::to_string(kept.expires_ms)});
    }
    CHECK(is_good(server().command(words)));
  }
}

}  // namespace sluice::limiter
