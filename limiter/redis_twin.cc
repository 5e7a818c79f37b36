#include "limiter/redis_twin.h"

#include <array>
#include <utility>

#include "limiter/redis_checks.h"

namespace sluice::limiter {

namespace {

constexpr Duration kEvery = seconds(60);
constexpr Duration kSoon = seconds(1);
constexpr Duration kVerySoon = milliseconds(20);  // both are being looked at for the first time
constexpr Duration kPatience = seconds(5);
// A failover may lie between two connections, but not each time; and chance may lead both to one of
// several servers, but not each time.
constexpr int kSure = 3;
constexpr std::array<std::string_view, 1> kInfo = {"INFO"};

}  // namespace

RedisTwin::RedisTwin(const stage::Room& room, port::RedisConfig config, Hooks hooks)
    : poller_(room.poller),
      quiet_({"limiter", port::Level::kError, false}),
      config_(std::move(config)),
      hooks_(std::move(hooks)) {
  config_.preamble.clear();
}

RedisTwin::~RedisTwin() { poller_.cancel(timer_); }

void RedisTwin::start(std::string key) {
  key_ = std::move(key);
  open();
}

void RedisTwin::open() {
  auto opened = port::RedisClient::open(poller_, quiet_, config_, [this](std::uint64_t) { ask(); });
  if (opened) client_ = std::move(*opened);
  again(kPatience);  // unless it is answered before
}

void RedisTwin::ask() {
  if (client_->connection(key_) == 0) return;  // of a cluster: not this shard's master yet
  client_->command(kInfo, key_, [this](const port::RedisAnswer& answer) {
    const auto facts = read_info(answer.value.text);
    compare(facts ? facts->life : "");
  });
}

void RedisTwin::compare(const std::string& life) {
  const std::string first = hooks_.life();
  if (life.empty() || first.empty()) return again(life.empty() ? kSoon : kVerySoon);
  if (life == first) {
    if (++agreed_ < kSure) return again(Duration{0});
    settled_ = true;
    differed_ = 0;
    set_doubt("");
    return again(kEvery);
  }
  agreed_ = 0;
  set_doubt("two connections to the store reach two servers, of lives " + life + " and " + first +
            ": nothing that stands between may spread them");
  // Once they agreed, a new start may find the one that has taken over.
  const Trouble trouble = settled_ ? Trouble::kUnavailable : Trouble::kSettings;
  if (++differed_ >= kSure) return hooks_.give_up({trouble, doubt_});
  again(kSoon);
}

// A connection of its own each time; never ended under a handler of its own.
void RedisTwin::again(Duration wait) {
  poller_.cancel(timer_);
  if (wait == kEvery) {
    poller_.after(Duration{0}, [this] { client_.reset(); });
  }
  timer_ = poller_.after(wait, [this] {
    client_.reset();
    open();
  });
}

void RedisTwin::set_doubt(std::string doubt) {
  if (doubt == doubt_) return;
  doubt_ = std::move(doubt);
  hooks_.changed();
}

}  // namespace sluice::limiter
