// A store under test, and a caller with a clock of its own that says what the cases need in few
// words. Each case runs on every store.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "limiter/script.h"
#include "limiter/store.h"

namespace sluice::limiter {

class StoreRig {
 public:
  StoreRig() = default;
  StoreRig(const StoreRig&) = delete;
  StoreRig& operator=(const StoreRig&) = delete;
  virtual ~StoreRig() = default;
  // All calls in one batch.
  virtual std::vector<StoreReply> say(const std::vector<StoreAsk>& asks, StoreTime clock) = 0;
  // The process dies and comes back on the same data.
  virtual void restart(StoreTime clock) = 0;
  // ... and its settings have been edited.
  void restart_with(const StoreConfig& config, StoreTime clock) {
    limits_version = version_of(config);
    start_with(config, clock);
  }
  std::uint64_t limits_version = 0;  // that a caller knows
  static std::uint64_t version_of(const StoreConfig& config) {
    const Upstream& upstream = config.upstreams[0];
    return sluice::limits_version(upstream.name, upstream.limits);
  }
  // The calls that follow are those of a limiter with these settings; what each has told is kept,
  // where many can share the store.
  virtual void speak_as(const StoreConfig& config, StoreTime clock) { start_with(config, clock); }
  // The store comes back and may have forgotten.
  virtual void come_back_forgetting(StoreTime clock) = 0;
  // The store comes back as it was at the put_back() before, or empty, the first time.
  virtual void put_back(StoreTime clock) = 0;

 private:
  virtual void start_with(const StoreConfig& config, StoreTime clock) = 0;
};

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<StoreRig>(const StoreConfig&, StoreTime clock)> make;
};
// One of each that decides.
std::vector<StoreKind> store_kinds();
// And Redis as it is run: three masters with replicas; TLS, as a user with few rights.
std::vector<StoreKind> all_store_kinds();
StoreKind redis_kind();
// Those that several limiters can share.
std::vector<StoreKind> shared_kinds();
inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }

inline constexpr StoreTime kStart{1'790'000'000'000'000};

StoreConfig config_of(std::vector<Limit> limits);
inline std::string identity_of(int n) {
  std::string identity(16, '\0');
  for (std::size_t i = 0; i < 4; ++i) identity[i] = static_cast<char>(n >> (8 * i));
  identity[15] = 'm';
  return identity;
}
GrantAsk ask_of(int n, const std::string& key = "up:user");

// A limiter, as far as its store sees it.
class Teller {
 public:
  explicit Teller(StoreRig& rig, std::uint64_t life = 1) : rig_(&rig), life_(life) {}

  StoreTime now = kStart;
  Duration skew;  // what the store's clock is off

  [[nodiscard]] Caller caller() const;
  StoreReply say(Call call);
  // Gives up on the reply: the call was applied, or not; the caller cannot know.
  GrantAnswer grant(const GrantAsk& ask);
  GrantAnswer grant(int n) { return grant(ask_of(n)); }
  std::vector<GrantAnswer> grant(std::vector<GrantAsk> asks);
  CompleteAnswer complete(const Completion& completion);
  CompleteAnswer complete(int n, std::uint32_t serial, wire::Ended ended,
                          Duration retry_after = {});
  KeyState peek(const std::string& key = "up:user");
  void wait(Duration span) { now = now + span; }

 private:
  StoreRig* rig_;
  std::uint64_t life_;
  std::uint64_t calls_ = 0;
};

Completion completion_of(int n, std::uint32_t serial, wire::Ended ended, Duration retry_after = {});

class StoreTest : public testing::TestWithParam<StoreKind> {
 protected:
  void use(StoreConfig config) {
    config_ = std::move(config);
    rig_ = GetParam().make(config_, kStart);
    rig_->limits_version = StoreRig::version_of(config_);
    teller_ = std::make_unique<Teller>(*rig_);
  }
  void SetUp() override {
    use(config_of({Limit{"window", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}}));
  }
  Teller& teller() { return *teller_; }

  StoreConfig config_;
  std::unique_ptr<StoreRig> rig_;
  std::unique_ptr<Teller> teller_;
};

#define STORE_SUITE(suite)                                                      \
  class suite : public StoreTest {};                                            \
  INSTANTIATE_TEST_SUITE_P(Stores, suite, testing::ValuesIn(all_store_kinds()), \
                           [](const auto& kind) { return kind.param.name; })

}  // namespace sluice::limiter
