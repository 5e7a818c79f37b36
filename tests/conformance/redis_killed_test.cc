// A server that dies between any two commands, in the middle of what a script writes, or of a word:
// what it comes back with is what it had after some script, whole, and it closes.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

#include "lib/base/prng.h"
#include "tests/conformance/redis_log.h"
#include "tests/conformance/redis_rig.h"
#include "tests/conformance/store_medley.h"
#include "tests/conformance/store_trace.h"

namespace sluice::limiter {
namespace {

// What a server was told, and what it had then.
struct Said {
  RedisCommand command;
  StoreTime clock;
  RedisRig::Keeping kept;
  std::size_t log_size = 0;
};

// Speaks to a server that keeps a log, and notes all of it.
class NotingRig final : public RedisRig {
 public:
  NotingRig(const StoreConfig& config, StoreTime clock, RedisServer& server,
            std::vector<Said>& said)
      : RedisRig(config), server_(server), said_(said) {
    NotingRig::set_clock(clock);
  }
  RedisServer& at() override { return server_; }
  port::RedisValue evaluate(const RedisCommand& command) override {
    port::RedisValue value = RedisRig::evaluate(command);
    said_.push_back({command, clock_, keep(server_), size_of_log(server_)});
    return value;
  }

 protected:
  void set_clock(StoreTime clock) override {
    clock_ = clock;
    server_.set_clock(clock.us);
  }

 private:
  RedisServer& server_;
  std::vector<Said>& said_;
  StoreTime clock_;
};

// A limiter that starts on what is there.
class HeirRig final : public RedisRig {
 public:
  HeirRig(const StoreConfig& config, RedisServer& server)
      : RedisRig(config, false), server_(server) {}
  RedisServer& at() override { return server_; }

 private:
  RedisServer& server_;
};

std::string life_of(RedisServer& server) {
  const std::string info = server.command({"INFO", "replication"}).text;
  const std::size_t at = info.find("master_replid:");
  return at == std::string::npos ? "" : info.substr(at + 14, 40);
}

std::string with_life(std::string text, const std::string& was, const std::string& is) {
  for (std::size_t at = text.find(was); at != std::string::npos; at = text.find(was, at + 1)) {
    text.replace(at, was.size(), is);
  }
  return text;
}

void expect_closed(RedisServer& server, const StoreConfig& config, StoreTime clock) {
  HeirRig rig(config, server);
  Teller heir(rig, 99);
  heir.now = clock;
  const StoreReply time = heir.say(AskClock{"up", {}});
  rig.limits_version = time.limits_version;
  heir.now = time.now;
  heir.skew = clock - time.now;
  const GrantAnswer answer = heir.grant(ask_of(900'000));
  EXPECT_EQ(answer.why, wire::Wait::kClosure);
  const Spans spans = spans_of(config, config.upstreams[0]);
  EXPECT_GE(answer.until, time.now + spans.arrival() + spans.store_overlap);
}

const RedisServer::Options kOptions = {.clock = true, .memory = true, .conf = kKeepsALog};

class RedisKilled : public testing::Test {
 protected:
  using Kind = StoreMedley::Kind;

  // All kinds of calls, so many rounds of them; time passes after each `still` of them.
  void say_a_medley(std::uint64_t seed, int rounds, int still) {
    const StoreKind noted{"redis", [this](const StoreConfig& config, StoreTime clock) {
                            return std::make_unique<NotingRig>(config, clock, server_, said_);
                          }};
    medley_ = std::make_unique<StoreMedley>(std::vector<StoreKind>{noted}, seed);
    constexpr std::array<Kind, 12> kKinds = {Kind::kGrant,   Kind::kComplete, Kind::kGrant,
                                             Kind::kHold,    Kind::kConsume,  Kind::kGrant,
                                             Kind::kEmptied, Kind::kForget,   Kind::kRestore,
                                             Kind::kClock,   Kind::kComplete, Kind::kPeek};
    for (int round = 0; round < rounds; ++round) {
      for (const Kind kind : kKinds) medley_->say_any(kind);
      if (round % 3 == 2) medley_->say_any(Kind::kEdit);
      if ((round + 1) % still == 0) medley_->pass_time();
    }
    EXPECT_GT(medley_->granted(), 5u);
    EXPECT_GT(medley_->settled(), 5u);
  }
  // How often a script wrote something, and by how many commands.
  [[nodiscard]] std::map<RedisScript, int> writers() const {
    std::map<RedisScript, int> found;
    for (std::size_t i = 1; i < said_.size(); ++i) {
      if (said_[i].log_size > said_[i - 1].log_size) ++found[said_[i].command.script];
    }
    return found;
  }
  // It comes back from a log that ends there. Says nothing of what was past its time by then.
  void come_back_from(std::string_view log, StoreTime clock) {
    other_.kill();
    other_.set_clock(clock.us);
    put_log(other_, log);
    other_.start();
  }
  void expect_a_whole_number_of_scripts(std::string_view log, std::size_t end) {
    const auto after = std::find_if(said_.begin(), said_.end(),
                                    [&](const Said& one) { return one.log_size > end; });
    const StoreTime clock = after == said_.begin() ? kStart : std::prev(after)->clock;
    come_back_from(log.substr(0, end), clock);
    const RedisRig::Keeping expected =
        after == said_.begin() ? RedisRig::Keeping{} : std::prev(after)->kept;
    EXPECT_EQ(RedisRig::keep(other_), expected) << "cut at " << end;
    expect_closed(other_, medley_->config(), clock);
  }
  // The n-th and those that follow under the same clock, as they would be said to the other server.
  std::vector<std::vector<std::string>> said_at_once(std::size_t n) {
    const std::string was = life_of(server_), is = life_of(other_);
    std::vector<std::vector<std::string>> commands;
    for (std::size_t i = n; i < said_.size() && said_[i].clock == said_[n].clock; ++i) {
      const RedisCommand& command = said_[i].command;
      std::vector<std::string> words{"EVALSHA", text_of(command.script).sha1,
                                     std::to_string(command.keys.size())};
      words.insert(words.end(), command.keys.begin(), command.keys.end());
      for (const std::string& arg : command.args) words.push_back(with_life(arg, was, is));
      commands.push_back(std::move(words));
    }
    return commands;
  }
  // What it has is what the first one had after one of these; of which it had answered the first.
  void expect_one_of(std::size_t first, std::size_t last, const std::string& life) {
    const std::string was = life_of(server_);
    RedisRig::Keeping kept = RedisRig::keep(other_);
    for (auto& [name, value] : kept) value.value = with_life(value.value, life, was);
    const auto begin = said_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = said_.begin() + static_cast<std::ptrdiff_t>(last);
    const bool found = (first == 0 && kept.empty()) ||
                       std::any_of(first == 0 ? begin : std::prev(begin), end,
                                   [&](const Said& one) { return one.kept == kept; });
    EXPECT_TRUE(found) << "after " << first << " to " << last;
  }

  RedisServer server_{kOptions};
  RedisServer other_{kOptions};
  std::vector<Said> said_;
  std::unique_ptr<StoreMedley> medley_;
};

TEST_F(RedisKilled, between_any_two_commands) {
  say_a_medley(30, 6, 1);
  for (const RedisScript script :
       {RedisScript::kGrant, RedisScript::kComplete, RedisScript::kEmptied, RedisScript::kHold,
        RedisScript::kConsume, RedisScript::kLimits, RedisScript::kRestore, RedisScript::kForget}) {
    EXPECT_GT(writers()[script], 1) << text_of(script).name;
  }
  const std::string log = log_of(server_);
  Prng prng(1);
  std::size_t before = 0, cuts = 0;
  for (const std::size_t end : ends_of_commands(log)) {
    expect_a_whole_number_of_scripts(log, end);
    if (prng.chance(150'000)) {  // and in its middle
      expect_a_whole_number_of_scripts(log, before + 1 + prng.below(end - before - 1));
    }
    before = end, ++cuts;
    ASSERT_FALSE(testing::Test::HasFailure());
  }
  EXPECT_GT(cuts, said_.size() * 2);
}

TEST_F(RedisKilled, at_any_moment_while_it_is_told_much_at_once) {
  say_a_medley(30, 24, 6);
  Prng prng(1);
  constexpr std::size_t kRounds = 30;
  std::size_t amid = 0;  // some had been answered, and some not
  for (std::size_t round = 0; round < kRounds; ++round) {
    come_back_from("", kStart);
    for (const RedisScriptText& script : kRedisScriptTexts) {
      other_.command({"SCRIPT", "LOAD", script.text});
    }
    const std::string life = life_of(other_);
    const std::size_t last = prng.below(said_.size());
    std::size_t n = 0;
    for (;;) {
      const auto commands = said_at_once(n);
      other_.set_clock(said_[n].clock.us);
      if (n + commands.size() > last) {
        const Duration later = prng.between(Duration{}, milliseconds(round % 2 == 0 ? 4 : 1));
        const std::size_t answered = other_.kill_amid(commands, round % 2, later);
        if (answered > 0 && answered < commands.size()) ++amid;
        const StoreTime clock = said_[n].clock;
        other_.start();
        expect_one_of(n + answered, n + commands.size(), life);
        expect_closed(other_, medley_->config(), clock);
        break;
      }
      other_.pipeline(commands);
      n += commands.size();
    }
    ASSERT_FALSE(testing::Test::HasFailure()) << "round " << round;
  }
  EXPECT_GT(amid, 0u);
}

// Dies when the trace restarts it, and has lost the last of what it took, as a disk may that was
// told to hurry less.
class DyingRig final : public RedisRig {
 public:
  DyingRig(const StoreConfig& config, StoreTime clock, RedisServer& server, std::uint64_t seed)
      : RedisRig(config), server_(server), prng_(seed) {
    begin(clock);
  }
  RedisServer& at() override { return server_; }
  void restart(StoreTime clock) override {
    server_.kill();
    const std::string log = log_of(server_);
    const auto ends = ends_of_commands(log);
    const std::size_t lost = prng_.below(std::min<std::size_t>(ends.size(), 200));
    put_log(server_, std::string_view(log).substr(0, ends[ends.size() - 1 - lost]));
    server_.start();
    RedisRig::restart(clock);
    ++deaths_;
  }
  [[nodiscard]] int deaths() const { return deaths_; }

 private:
  RedisServer& server_;
  Prng prng_;
  int deaths_ = 0;
};

TEST(RedisKilledOften, with_the_last_of_it_lost_is_never_over) {
  RedisServer server(kOptions);
  int deaths = 0;
  std::size_t arrivals = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const StoreConfig config = trace_config(seed);
    DyingRig rig(config, kStart, server, seed);
    StoreTrace trace({&rig}, config, seed, {.restarts = 8'000, .put_back = 0});
    for (int i = 0; i < 1'500; ++i) trace.step();
    ASSERT_EQ(trace.over(), 0u) << "seed " << seed;
    deaths += rig.deaths(), arrivals += trace.arrivals();
  }
  EXPECT_GT(deaths, 10);
  EXPECT_GT(arrivals, 100u);
}

}  // namespace
}  // namespace sluice::limiter
