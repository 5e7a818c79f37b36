// What the limiter's embedded store costs a message: its grant, its completion, its outbox emptied
// and its record forgotten, in commits of as many messages as the argument says, each of another
// key. A commit completes what the one before granted, and forgets what the one before completed.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "bench/stores/scratch.h"
#include "lib/wire/identity.h"
#include "limiter/sqlite_store.h"

namespace sluice::bench {
namespace {

using namespace limiter;

constexpr std::uint64_t kKeys = 100'000;
constexpr const char* kUpstream = "onlyfans";

Upstream upstream() {
  Upstream made;
  made.name = kUpstream;
  made.limits = {Limit{"per-key", LimitScope::kKey, 100'000, seconds(1), 100'000, seconds(1)}};
  return made;
}

class Store {
 public:
  Store() {
    SqliteStoreOptions options;
    options.directory = scratch_.path();
    options.config.upstreams = {upstream()};
    auto opened = SqliteStore::open(std::move(options), clock());
    if (!opened) std::abort();
    store_.emplace(std::move(*opened));
  }
  void turn(std::uint64_t first, std::uint64_t count) {
    Grant grant{caller(), {}};
    for (std::uint64_t i = first; i < first + count; ++i) grant.asks.push_back(ask(i));
    std::vector<StoreAsk> asks{{1, std::move(grant)}};
    if (!granted_.empty()) asks.push_back({2, completion()});
    if (!completed_.empty()) asks.push_back({3, Forget{kUpstream, std::move(completed_)}});
    const auto replies = store_->perform(asks, clock());
    completed_ = std::move(granted_);
    granted_.clear();
    for (const GrantAnswer& answer : std::get<GrantReply>(replies.at(0).answer).answers) {
      if (answer.granted != Granted::kYes) std::abort();
    }
    for (const GrantAsk& one : std::get<Grant>(asks[0].call).asks) {
      granted_.push_back(one.line.identity);
      keys_.push_back(one.line.key);
    }
    if (keys_.size() > count) keys_.erase(keys_.begin(), keys_.end() - static_cast<long>(count));
  }

 private:
  Reading clock() {
    now_ += milliseconds(10);
    return {StoreTime{1'700'000'000'000'000 + now_.us}, Instant{now_.us}};
  }
  [[nodiscard]] Caller caller() const {
    const StoreTime at{1'700'000'000'000'000 + now_.us + 10'000};
    return {7,
            {at - milliseconds(20), at + milliseconds(20)},
            at + seconds(2),
            limits_version(kUpstream, upstream().limits)};
  }
  static GrantAsk ask(std::uint64_t number) {
    GrantAsk made;
    made.line.source = "bench";
    made.line.key = "onlyfans:user-" + std::to_string(number * 7'919 % kKeys);
    made.line.id = "message-" + std::to_string(number);
    made.line.identity = wire::identity_of(made.line.source, made.line.key, made.line.id, 0);
    made.line.content_hash = std::string(32, 'h');
    made.line.upstream = kUpstream;
    made.line.path = "/v1/messages";
    made.line.method = "POST";
    made.dispatcher_life = 9;
    return made;
  }
  Complete completion() {
    Complete call{caller(), {}};
    for (std::size_t i = 0; i < granted_.size(); ++i) {
      Completion one;
      one.outcome.attempt = {granted_[i], 1};
      one.outcome.upstream = kUpstream;
      one.outcome.key = keys_[i];
      one.outcome.ended = wire::Ended::kDelivered;
      one.outcome.status = 200;
      call.completions.push_back(std::move(one));
    }
    return call;
  }

  Scratch scratch_;
  std::optional<SqliteStore> store_;
  Duration now_;
  std::vector<std::string> granted_, completed_, keys_;
};

void limiter_message(benchmark::State& state) {
  Store store;
  const auto many = static_cast<std::uint64_t>(state.range(0));
  std::uint64_t next = 0;
  for (; next < kKeys; next += 1'000) store.turn(next, 1'000);  // all keys are known
  for (auto _ : state) {
    store.turn(next, many);
    next += many;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(limiter_message)->Arg(16)->Arg(64)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::bench
