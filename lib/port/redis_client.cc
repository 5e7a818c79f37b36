#include "lib/port/redis_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/port/redis_nodes.h"
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
  [[nodiscard]] std::uint64_t connection(std::string_view key) const {
    const RedisNode* node = nodes_.of(key);
    return node == nullptr ? 0 : node->number();
  }
  [[nodiscard]] std::string trouble() const { return nodes_.trouble(); }
  [[nodiscard]] std::size_t calls_under_way() const {
    return nodes_.calls_under_way() + refused_.size();
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
  RedisNodes nodes_;
  std::vector<Refused> refused_;  // told after the next sleep, which is none
  std::uint64_t pulse_;
};

RedisClient::Body::Body(Poller& poller, Log& log, Told told)
    : config_(std::move(told.config)),
      up_(std::move(told.up)),
      world_{poller, log, config_, Prng(config_.seed)},
      nodes_(world_, std::move(told.urls)),
      pulse_(poller.add_pulse(
          {[this](Instant now) { return flush(now); }, [this](Instant now) { settle(now); }})) {}

void RedisClient::Body::command(std::span<const std::string_view> args, std::string_view key,
                                RedisAnswered answered) {
  RedisNode* node = nodes_.of(key);
  if (node == nullptr) {
    refused_.push_back({std::move(answered), nodes_.trouble_of(key)});
  } else if (node->full()) {
    refused_.push_back({std::move(answered), "too many calls are under way"});
  } else {
    node->command(args, std::move(answered));
  }
}

Instant RedisClient::Body::flush(Instant now) {
  const Instant next = nodes_.flush(now);
  return refused_.empty() ? next : now;
}

void RedisClient::Body::settle(Instant now) {
  nodes_.settle(now, up_);
  for (Refused& one : std::exchange(refused_, {})) {
    RedisAnswer answer;
    answer.end = RedisAnswer::End::kNotExecuted;
    answer.why = std::move(one.why);
    one.answered(answer);
  }
}

namespace {

Error wrong(std::string why) { return {Trouble::kSettings, "Redis: " + std::move(why)}; }

Status check_cluster(const std::vector<RedisUrl>& urls) {
  for (const RedisUrl& url : urls) {
    if (!url.socket.empty()) return wrong("a cluster has no unix socket");
    if (url.database != 0) return wrong("a cluster has no database but 0");
    if (url.tls != urls.front().tls) return wrong("all of a cluster's URLs have TLS, or none");
    if (url.user != urls.front().user) return wrong("a cluster's URLs name one user");
  }
  return Done{};
}

Result<std::vector<RedisUrl>> read_urls(const RedisConfig& config) {
  if (config.urls.empty()) return wrong("a URL is needed");
  if (config.urls.size() > 1 && !config.cluster)
    return wrong("several URLs are for a cluster only");
  std::vector<RedisUrl> urls;
  for (const std::string& text : config.urls) {
    auto url = parse_redis_url(text);
    if (!url) return url.error();
    urls.push_back(std::move(*url));
  }
  if (config.cluster) {
    if (const Status fits = check_cluster(urls); !fits) return fits.error();
  }
  return urls;
}

}  // namespace

Result<std::unique_ptr<RedisClient>> RedisClient::open(Poller& poller, Log& log, RedisConfig config,
                                                       Up up) {
  auto urls = read_urls(config);
  if (!urls) return urls.error();
  if (!config.password.empty() && !is_secret(config.password)) {
    return wrong("the password must be a secret's reference: secret://...");
  }
  if (urls->front().tls) {
    if (const Status usable = check_redis_tls(config.tls); !usable) return usable.error();
  }
  Body::Told told{std::move(config), std::move(*urls), std::move(up)};
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
