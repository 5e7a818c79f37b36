#include "lib/port/redis_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/port/redis_node.h"
#include "lib/port/redis_tls.h"
#include "lib/port/redis_url.h"
#include "lib/port/secrets.h"

namespace sluice::port {

class RedisClient::Body {
 public:
  struct Told {
    RedisConfig config;
    std::vector<RedisUrl> urls;
    Up up;
  };
  Body(Poller& poller, Log& log, Told told);
  ~Body() { world_.poller.remove_pulse(pulse_); }
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  void command(std::span<const std::string_view> args, std::string_view key,
               RedisAnswered answered);
  [[nodiscard]] std::uint64_t connection(std::string_view) const { return node_.number(); }
  [[nodiscard]] std::string trouble() const { return node_.trouble(); }
  [[nodiscard]] std::size_t calls_under_way() const {
    return node_.calls_under_way() + refused_.size();
  }

 private:
  struct Refused {
    RedisAnswered answered;
    std::string why;
  };
  Instant flush(Instant now);
  void settle(Instant now);

  RedisConfig config_;
  Up up_;
  RedisNode::World world_;
  RedisNode node_;
  std::vector<Refused> refused_;  // told after the next sleep, which is none
  std::uint64_t pulse_;
};

RedisClient::Body::Body(Poller& poller, Log& log, Told told)
    : config_(std::move(told.config)),
      up_(std::move(told.up)),
      world_{poller, log, config_, Prng(config_.seed)},
      node_(world_, told.urls.front()),
      pulse_(poller.add_pulse(
          {[this](Instant now) { return flush(now); }, [this](Instant now) { settle(now); }})) {}

void RedisClient::Body::command(std::span<const std::string_view> args, std::string_view,
                                RedisAnswered answered) {
  if (node_.number() == 0) {
    refused_.push_back({std::move(answered), node_.trouble()});
  } else if (node_.full()) {
    refused_.push_back({std::move(answered), "too many calls are under way"});
  } else {
    node_.command(args, std::move(answered));
  }
}

Instant RedisClient::Body::flush(Instant now) {
  const Instant next = node_.flush(now);
  return refused_.empty() ? next : now;
}

void RedisClient::Body::settle(Instant now) {
  if (node_.settle(now)) up_(node_.number());
  for (Refused& one : std::exchange(refused_, {})) {
    RedisAnswer answer;
    answer.end = RedisAnswer::End::kNotExecuted;
    answer.why = std::move(one.why);
    one.answered(answer);
  }
}

Result<std::unique_ptr<RedisClient>> RedisClient::open(Poller& poller, Log& log, RedisConfig config,
                                                       Up up) {
  const auto wrong = [](std::string why) { return Error{Trouble::kSettings, std::move(why)}; };
  if (config.urls.size() != 1) return wrong("Redis: one URL is needed");
  std::vector<RedisUrl> urls;
  bool tls = false;
  for (const std::string& text : config.urls) {
    const auto url = parse_redis_url(text);
    if (!url) return url.error();
    urls.push_back(*url);
    tls = tls || url->tls;
  }
  if (!config.password.empty() && !is_secret(config.password)) {
    return wrong("Redis password: must be secret://env/NAME or secret://file/path");
  }
  if (tls) {
    if (const Status usable = check_redis_tls(config.tls); !usable) return usable.error();
  }
  Body::Told told{std::move(config), std::move(urls), std::move(up)};
  auto body = std::make_unique<Body>(poller, log, std::move(told));
  return std::unique_ptr<RedisClient>(new RedisClient(std::move(body)));
}

RedisClient::RedisClient(std::unique_ptr<Body> body) : body_(std::move(body)) {}
RedisClient::~RedisClient() = default;

void RedisClient::command(std::span<const std::string_view> args, std::string_view key,
                          RedisAnswered answered) {
  body_->command(args, key, std::move(answered));
}

std::uint64_t RedisClient::connection(std::string_view key) const { return body_->connection(key); }

std::string RedisClient::trouble() const { return body_->trouble(); }
std::size_t RedisClient::calls_under_way() const { return body_->calls_under_way(); }

}  // namespace sluice::port
