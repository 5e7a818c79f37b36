#include "limiter/redis_twin.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::limiter {

namespace {

// Two servers must be found out within store_overlap: twice in that.
constexpr Duration kEveryMin = milliseconds(200);
constexpr Duration kEveryMax = seconds(60);
constexpr Duration kSoon = seconds(1);
constexpr Duration kPatience = seconds(5);
// A failover may lie between two connections, but not each time; and chance may lead both to one of
// several servers, but not each time.
constexpr int kSure = 3;
constexpr std::array<std::string_view, 1> kInfo = {"INFO"};

}  // namespace

RedisTwin::RedisTwin(const stage::Room& room, const RedisOptions& options, Hooks hooks)
    : poller_(room.poller),
      quiet_({"limiter", port::Level::kError, false}),
      config_(options.client),
      hooks_(std::move(hooks)),
      every_(std::clamp(Duration{options.rules.overlap.us / 2}, kEveryMin, kEveryMax)) {
  config_.preamble.clear();
}

RedisTwin::~RedisTwin() { poller_.cancel(timer_); }

void RedisTwin::start(std::string key) {
  if (key == key_) return;
  key_ = std::move(key);
  second_.reset();  // it is of the other shard's server
  again(Duration{0});
}

void RedisTwin::open() {
  second_.reset();
  auto opened = port::RedisClient::open(poller_, quiet_, config_, [this](std::uint64_t) { ask(); });
  if (opened) client_ = std::move(*opened);
  again(kPatience);  // unless it is answered before
}

void RedisTwin::ask() {
  if (client_->connection(key_) == 0) return;  // of a cluster: not this shard's master yet
  client_->command(kInfo, key_, [this](const port::RedisAnswer& answer) { heard(answer); });
}

// This connection says no scripts, so it is here that a server is met which does not take them.
void RedisTwin::heard(const port::RedisAnswer& answer) {
  second_ = read_info(answer.value.text);
  if (!second_) return again(kSoon);
  if (std::string why = too_old(*second_); !why.empty()) {
    return hooks_.give_up({Trouble::kSettings, std::move(why)});
  }
  hooks_.look();
}

// A primary and its replicas are of one life.
void RedisTwin::looked(const RedisFacts& first) {
  if (!second_) return;
  const RedisFacts second = *std::exchange(second_, std::nullopt);
  if (second.life == first.life && second.replica == first.replica) {
    if (++agreed_ < kSure) return again(Duration{0});
    settled_ = true;
    differed_ = 0;
    set_doubt("");
    return again(every_);
  }
  agreed_ = 0;
  const auto one = [](const RedisFacts& facts) {
    return (facts.replica ? "a replica of life " : "one of life ") + facts.life;
  };
  set_doubt("two connections to the store reach two servers, " + one(second) + " and " +
            one(first) + ": nothing that stands between may spread them");
  // Once they agreed, a new start may find the one that has taken over.
  const Trouble trouble = settled_ ? Trouble::kUnavailable : Trouble::kSettings;
  if (++differed_ >= kSure) return hooks_.give_up({trouble, doubt_});
  again(kSoon);
}

// A connection of its own each time; never ended under a handler of its own.
void RedisTwin::again(Duration wait) {
  poller_.cancel(timer_);
  if (wait == every_) {
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
