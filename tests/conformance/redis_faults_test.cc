// What can go wrong in and around a script: a write that fails in its middle, a log that is gone, a
// server that forgets, is full, or says nothing of its life, and records that are not ours.
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/prng.h"
#include "tests/conformance/redis_rig.h"
#include "tests/conformance/store_trace.h"

namespace sluice::limiter {
namespace {

using wire::Ended;

// Says now and then a call first with a script whose n-th write raises an error, then as it is.
// Watches that no message is granted twice at once.
class FailingRig final : public RedisRig {
 public:
  FailingRig(const StoreConfig& config, StoreTime clock, std::uint64_t seed)
      : RedisRig(config, clock), prng_(seed) {}

  port::RedisValue evaluate(const RedisCommand& command) override {
    if (prng_.chance(200'000)) {
      const auto nth = prng_.between(std::int64_t{1}, std::int64_t{5});
      failed_ += static_cast<int>(fail(command, nth).kind == port::RedisValue::Kind::kError);
    }
    return RedisRig::evaluate(command);
  }
  static port::RedisValue fail(const RedisCommand& command, std::int64_t nth) {
    std::string text = text_of(command.script).text;
    const std::string was = "local call = redis.call\n";
    const std::size_t at = text.find(was);
    CHECK(at != std::string::npos);
    text.replace(at, was.size(),
                 "local left = " + std::to_string(nth) +
                     "\nlocal call = function(name, ...)"
                     " if name == 'SET' or name == 'DEL' then left = left - 1"
                     " if left == 0 then error('on purpose') end end"
                     " return redis.call(name, ...) end\n");
    std::vector<std::string> words{"EVAL", text, std::to_string(command.keys.size())};
    words.insert(words.end(), command.keys.begin(), command.keys.end());
    words.insert(words.end(), command.args.begin(), command.args.end());
    return server().command(words);
  }

  std::vector<StoreReply> say(const std::vector<StoreAsk>& asks, StoreTime clock) override {
    auto replies = RedisRig::say(asks, clock);
    for (std::size_t i = 0; i < asks.size(); ++i) watch(asks[i].call, replies[i]);
    return replies;
  }
  [[nodiscard]] int failed() const { return failed_; }
  [[nodiscard]] int granted() const { return granted_; }

 private:
  struct Open {
    std::uint32_t serial = 0;
    StoreTime lease_end;
  };
  void watch(const Call& call, const StoreReply& reply) {
    if (const auto* complete = std::get_if<Complete>(&call)) {
      for (const Completion& one : complete->completions) {
        const auto open = open_.find(one.outcome.attempt.identity);
        if (open != open_.end() && open->second.serial == one.outcome.attempt.serial) {
          open_.erase(open);
        }
      }
    }
    const auto* granted = std::get_if<GrantReply>(&reply.answer);
    for (std::size_t i = 0; granted != nullptr && i < granted->answers.size(); ++i) {
      const GrantAnswer& answer = granted->answers[i];
      if (answer.granted != Granted::kYes) continue;
      Open& open = open_[std::get<Grant>(call).asks[i].line.identity];
      if (answer.serial != open.serial) {
        EXPECT_GE(answer.granted_at, open.lease_end) << "granted twice at once";
        ++granted_;
      }
      open = {answer.serial, answer.lease_end};
    }
  }

  Prng prng_;
  std::map<std::string, Open> open_;
  int failed_ = 0;
  int granted_ = 0;
};

TEST(RedisFaults, a_script_that_fails_at_any_write_can_be_said_again) {
  const char* wanted = std::getenv("SLUICE_TRACES");
  const std::uint64_t seeds = wanted == nullptr ? 8 : std::strtoull(wanted, nullptr, 10);
  int failed = 0, granted = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const StoreConfig config = trace_config(seed);
    FailingRig rig(config, kStart, seed);
    StoreTrace trace({&rig}, config, seed);
    for (int i = 0; i < 1'500; ++i) trace.step();
    ASSERT_EQ(trace.over(), 0u) << "seed " << seed;
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    failed += rig.failed(), granted += rig.granted();
  }
  EXPECT_GT(failed, static_cast<int>(seeds) * 20);
  EXPECT_GT(granted, static_cast<int>(seeds) * 20);
}

class RedisFault : public testing::Test {
 protected:
  RedisFault()
      : config_(config_of({Limit{"window", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}})),
        rig_(config_, kStart),
        teller_(rig_) {
    teller_.peek();
  }
  static std::vector<std::string> key_named(const std::string& key) {
    return {"{sluice:up}:k:" + key};
  }
  // A call that must not be answered, and what it left behind.
  RedisHeard refused(Call call) {
    const auto before = RedisRig::keep();
    RedisExchange exchange(config_, std::move(call));
    const RedisHeard heard = rig_.exchange(exchange, teller_.now);
    EXPECT_EQ(RedisRig::keep(), before) << "it wrote";
    what_ = exchange.what();
    return heard;
  }
  Grant grant_of(int n) { return Grant{teller_.caller(), {ask_of(n)}}; }
  static RedisServer& server() { return RedisRig::server(); }

  StoreConfig config_;
  RedisRig rig_;
  Teller teller_;
  std::string what_;
};

TEST_F(RedisFault, completions_put_back_a_log_that_is_gone) {
  for (int n = 1; n <= 3; ++n) ASSERT_EQ(teller_.grant(n).granted, Granted::kYes);
  ASSERT_EQ(server().command({"DEL", "{sluice:up}:k:up:user"}).integer, 1);
  EXPECT_TRUE(teller_.peek().logs.at(0).slots.empty());
  for (int n = 1; n <= 3; ++n) teller_.complete(n, 1, Ended::kDelivered);
  EXPECT_EQ(teller_.peek().logs.at(0).slots.size(), 3u);
}

// Its policy was another one for a moment, between two looks of every limiter.
TEST_F(RedisFault, a_server_that_evicted_a_log_closes) {
  for (int n = 1; n <= 3; ++n) ASSERT_EQ(teller_.grant(n).granted, Granted::kYes);
  server().evict_one();
  ASSERT_EQ(server().command({"EXISTS", "{sluice:up}:k:up:user"}).integer, 0);
  ASSERT_EQ(server().command({"EXISTS", "{sluice:up}"}).integer, 1);
  teller_.wait(milliseconds(101));  // the life was read so long ago
  const GrantAnswer answer = teller_.grant(4);
  EXPECT_EQ(answer.why, wire::Wait::kClosure);
  const Spans spans = spans_of(config_, config_.upstreams[0]);
  EXPECT_GE(answer.until, teller_.now + spans.arrival() + spans.store_overlap + seconds(61));
  teller_.wait(milliseconds(101));
  EXPECT_EQ(teller_.grant(4).until, answer.until) << "once for each";
  EXPECT_EQ(teller_.grant(1).granted, Granted::kWait);
  teller_.now = answer.until;
  EXPECT_EQ(teller_.grant(4).granted, Granted::kYes);
}

// Nobody can know: what it costs is said in docs/guarantees.md.
TEST_F(RedisFault, what_a_person_deletes_is_forgotten) {
  const auto forget = [&](const std::string& name) {
    ASSERT_EQ(server().command({"DEL", name}).integer, 1) << name;
    teller_.wait(milliseconds(101));
  };
  for (int n = 1; n <= 3; ++n) ASSERT_EQ(teller_.grant(n).granted, Granted::kYes);
  EXPECT_EQ(teller_.grant(4).why, wire::Wait::kPacing);
  forget("{sluice:up}:k:up:user");  // the key's slots: as many more may go
  EXPECT_EQ(teller_.grant(4).granted, Granted::kYes);
  Teller heir(rig_, 2);
  heir.now = teller_.now;
  EXPECT_EQ(heir.grant(4).granted, Granted::kUnderway);
  forget("{sluice:up}:m:" + identity_of(4));  // that it is under way; its slot stays
  heir.now = teller_.now;
  EXPECT_EQ(heir.grant(4).granted, Granted::kYes);
  EXPECT_EQ(teller_.peek().logs.at(0).slots.size(), 2u);
  forget("{sluice:up}:s");  // what each limiter's settings said: they may say it as news
  EXPECT_EQ(teller_.grant(5).granted, Granted::kYes);
}

// Redis deletes by its own clock, whoever asks for a key while that is ahead.
TEST_F(RedisFault, a_glitch_of_hours_that_nobody_calls_in_deletes_no_slot_that_counts) {
  for (int n = 1; n <= 3; ++n) {
    ASSERT_EQ(teller_.grant(n).granted, Granted::kYes);
    teller_.complete(n, 1, Ended::kDelivered);
  }
  server().set_clock((teller_.now + hours(23)).us);
  ASSERT_EQ(server().command({"EXISTS", "{sluice:up}:k:up:user"}).integer, 1);
  server().set_clock(teller_.now.us);
  EXPECT_EQ(teller_.peek().logs.at(0).slots.size(), 3u);
}

TEST_F(RedisFault, a_server_that_was_killed_and_comes_back_from_its_file_closes) {
  ASSERT_EQ(teller_.grant(1).granted, Granted::kYes);
  server().command({"SAVE"});
  ASSERT_EQ(teller_.grant(2).granted, Granted::kYes);  // forgotten
  server().kill();
  server().start();
  teller_.wait(milliseconds(1));
  server().set_clock(teller_.now.us);
  rig_.restart(teller_.now);  // its connections are new
  const GrantAnswer answer = teller_.grant(3);
  EXPECT_EQ(answer.why, wire::Wait::kClosure);
  teller_.now = answer.until;
  EXPECT_EQ(teller_.grant(3).granted, Granted::kYes);
}

TEST_F(RedisFault, what_was_flushed_is_unset_and_closes) {
  ASSERT_EQ(teller_.grant(1).granted, Granted::kYes);
  server().command({"FLUSHALL"});
  EXPECT_EQ(RedisExchange(config_, grant_of(2))
                .hear(rig_.evaluate(RedisExchange(config_, grant_of(2)).next({}))),
            RedisHeard::kUntold);
  RedisExchange limits(config_, SetLimits{"up", "settings"});
  EXPECT_EQ(limits.hear(rig_.evaluate(limits.next({}))), RedisHeard::kDone);
  EXPECT_EQ(teller_.grant(2).why, wire::Wait::kClosure);
}

// Its limiter has other settings, which are none of the person's business.
TEST_F(RedisFault, a_persons_edit_says_no_spans) {
  const GrantAnswer before = teller_.grant(1);
  StoreConfig other = config_;
  other.upstreams[0].timeout = seconds(1);
  other.clock_error_max = seconds(5);
  const std::vector<Limit> limits = {{"window", LimitScope::kKey, 5, seconds(60), 5, seconds(1)}};
  for (const std::uint64_t instead_of : {77UL, 0UL}) {
    RedisExchange edit(other, SetLimits{"up", "ann", limits, instead_of});
    EXPECT_EQ(edit.hear(rig_.evaluate(edit.next({}))), RedisHeard::kDone);
    const auto& reply = std::get<LimitsReply>(edit.answer());
    EXPECT_EQ(reply.stale, instead_of != 0);
    EXPECT_EQ(reply.spans, spans_of(config_, config_.upstreams[0]));
  }
  rig_.limits_version = sluice::limits_version("up", limits);
  const GrantAnswer after = teller_.grant(2);
  EXPECT_EQ(after.granted, Granted::kYes);
  EXPECT_EQ(after.lease_end, before.lease_end);
}

TEST_F(RedisFault, a_user_without_info_is_no_user_of_ours) {
  RedisServer own(RedisServer::Options{});
  own.command({"ACL", "SETUSER", "limited", "on", ">secret", "~*", "+@all", "-info"});
  own.log_in("limited", "secret");
  const RedisCommand command = say_limits(config_, {"up", "settings"}, {});
  std::vector<std::string> words{"EVAL", text_of(command.script).text,
                                 std::to_string(command.keys.size())};
  words.insert(words.end(), command.keys.begin(), command.keys.end());
  words.insert(words.end(), command.args.begin(), command.args.end());
  RedisExchange exchange(config_, SetLimits{"up", "settings"});
  EXPECT_EQ(exchange.hear(own.command(words)), RedisHeard::kNoLife) << exchange.what();
  EXPECT_TRUE(own.command({"KEYS", "*"}).items.empty());
}

TEST_F(RedisFault, a_full_server_grants_nothing_and_is_emptied) {
  ASSERT_EQ(teller_.grant(1).granted, Granted::kYes);
  server().command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(refused(grant_of(2)), RedisHeard::kFull) << what_;
  // What has gone is on record all the same, and a pause is heard.
  const auto done = teller_.complete(1, 1, Ended::kDelivered);
  EXPECT_EQ(done.wrote, Wrote::kNow);
  const wire::Hold pause{wire::HoldKind::kPause, {}, "ann"};
  teller_.say(SetHold{"up", "up:user", true, pause});
  EXPECT_EQ(teller_.peek().holds.size(), 1u);
  teller_.say(SetHold{"up", "up:user", false, pause});
  teller_.say(Emptied{"up", {Emptied::Line::of(done.outbox.at(0))}});
  teller_.say(Forget{"up", {identity_of(1)}});
  teller_.say(AskClock{"up", teller_.caller()});
  EXPECT_EQ(teller_.peek().logs.at(0).slots.size(), 1u);
  server().command({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(teller_.grant(2).granted, Granted::kYes);
}

TEST_F(RedisFault, records_of_another_schema_or_type_and_damaged_ones_are_left_alone) {
  ASSERT_EQ(teller_.grant(1).granted, Granted::kYes);
  const std::string key = "{sluice:up}:k:up:user", state = "{sluice:up}";
  const std::string good = server().command({"GET", key}).text;
  server().command({"SET", key, good.substr(0, good.size() - 1)});
  EXPECT_EQ(refused(grant_of(2)), RedisHeard::kDamaged);
  EXPECT_EQ(what_, "CORRUPT {sluice:up}:k:") << "whose it is stays out of logs";
  server().command({"SET", key, '\7' + good.substr(1)});
  EXPECT_EQ(refused(grant_of(2)), RedisHeard::kSchema) << what_;
  server().command({"DEL", key});
  server().command({"LPUSH", key, "x"});
  EXPECT_EQ(rig_.evaluate(RedisExchange(config_, grant_of(2)).next({})).kind,
            port::RedisValue::Kind::kError);
  server().command({"DEL", key});
  const std::string was = server().command({"GET", state}).text;
  server().command({"SET", state, '\7' + was.substr(1)});
  EXPECT_EQ(refused(grant_of(2)), RedisHeard::kSchema) << what_;
  server().command({"SET", state, was + "x"});
  EXPECT_EQ(refused(grant_of(2)), RedisHeard::kDamaged) << what_;
}

// Of schema 2 the shard's record had a list of lives.
TEST_F(RedisFault, a_state_of_the_schema_before_is_read) {
  ASSERT_EQ(teller_.grant(1).granted, Granted::kYes);
  constexpr std::size_t kLean = 107;
  std::string state = server().command({"GET", "{sluice:up}"}).text;
  ASSERT_EQ(state.at(0), 3);
  state.insert(state.size() - kLean, "12345678abcdefgh");
  state.insert(5, std::string("\2\0", 2));
  state[0] = state[state.size() - kLean] = 2;
  server().command({"SET", "{sluice:up}", state});
  EXPECT_EQ(teller_.peek().logs.at(0).slots.size(), 1u);
  EXPECT_EQ(teller_.grant(1).granted, Granted::kYes);
  EXPECT_EQ(teller_.grant(2).granted, Granted::kYes);
  EXPECT_EQ(server().command({"GET", "{sluice:up}"}).text.at(0), 3);
  server().command({"SET", "{sluice:up}", state + "x"});
  EXPECT_EQ(refused(grant_of(2)), RedisHeard::kDamaged) << what_;
}

TEST_F(RedisFault, bad_arguments_write_nothing) {
  GrantAsk ask = ask_of(2);
  ask.line.identity = "short";
  EXPECT_EQ(refused(Grant{teller_.caller(), {ask}}), RedisHeard::kDamaged) << what_;
  RedisCommand command = RedisExchange(config_, grant_of(2)).next({});
  for (const std::size_t size : {0U, 1U, 20U, 70U}) {
    RedisCommand cut = command;
    cut.args.back().resize(std::min(cut.args.back().size(), size));
    const auto before = RedisRig::keep();
    EXPECT_EQ(rig_.evaluate(cut).kind, port::RedisValue::Kind::kError);
    EXPECT_EQ(RedisRig::keep(), before);
  }
}

// INFO costs more than all else: it is read when 100 ms have passed since, or nobody names a life.
TEST_F(RedisFault, the_life_is_read_each_100_ms) {
  const auto reads = [] {
    const std::string stats = server().command({"INFO", "commandstats"}).text;
    const std::size_t at = stats.find("cmdstat_info:calls=");
    return at == std::string::npos ? 0 : std::atoi(stats.c_str() + at + 19);
  };
  teller_.grant(1);
  const int before = reads() + 1;  // that itself counts
  teller_.grant(2);
  teller_.wait(milliseconds(100));
  teller_.grant(3);
  EXPECT_EQ(reads(), before);
  teller_.wait(milliseconds(1));
  teller_.grant(4);
  EXPECT_EQ(reads(), before + 2);
}

// Every answer that a script can give, cut short or with bytes turned: an error, never worse.
TEST_F(RedisFault, any_bytes_are_decoded_or_refused) {
  Prng prng(7);
  teller_.grant(1);
  teller_.complete(1, 1, Ended::kFailed);
  const std::vector<Call> calls{
      grant_of(1), Complete{teller_.caller(), {completion_of(1, 1, Ended::kFailed)}},
      Peek{"up", {"up:user"}}, AskClock{"up", teller_.caller()}, Emptied{"up", {}}};
  for (const Call& call : calls) {
    const port::RedisValue good = rig_.evaluate(RedisExchange(config_, call).next({}));
    ASSERT_EQ(RedisExchange(config_, call).hear(good), RedisHeard::kDone);
    for (int i = 0; i < 2'000; ++i) {
      port::RedisValue bad = good;
      std::string& text = bad.items[prng.below(bad.items.size())].text;
      if (text.empty()) continue;
      if (prng.chance(500'000)) text.resize(prng.below(text.size()));
      for (auto turns = prng.below(4); turns > 0 && !text.empty(); --turns) {
        text[prng.below(text.size())] = static_cast<char>(prng.below(256));
      }
      const RedisHeard heard = RedisExchange(config_, call).hear(bad);
      EXPECT_TRUE(heard == RedisHeard::kDone || heard == RedisHeard::kMore ||
                  heard == RedisHeard::kDamaged);
    }
    EXPECT_EQ(RedisExchange(config_, call).hear({}), RedisHeard::kDamaged);
  }
}

}  // namespace
}  // namespace sluice::limiter
