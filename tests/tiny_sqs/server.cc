#include "tests/tiny_sqs/server.h"

#include <utility>

#include "lib/base/check.h"
#include "lib/port/clock.h"
#include "tests/tiny_sqs/fault.h"

namespace sluice::tiny_sqs {

namespace {

constexpr std::string_view kTarget = "AmazonSQS.";
constexpr const char* kJson = "application/x-amz-json-1.0";

port::HttpResponse refused(const Fault& why) {
  const json body = {{"__type", "com.amazonaws.sqs#" + why.code}, {"message", why.message}};
  return {400, body.dump(-1, ' ', false, json::error_handler_t::replace), kJson};
}

}  // namespace

Server::Server(port::Poller& poller, std::uint16_t port) : poller_(poller) {
  port::HttpServerConfig config;
  config.listen = "127.0.0.1:" + std::to_string(port);
  config.body_max = 16UL << 20U;
  auto opened = port::HttpServer::open(
      poller, config, [this](const port::HttpRequest& request) { answer(request); });
  CHECK(opened.ok());
  server_ = std::move(*opened);
  service_.emplace(url());
}

std::string Server::url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

Now Server::now() const { return {poller_.now(), port::wall_now()}; }

void Server::answer(const port::HttpRequest& request) {
  if (request.method == "GET" && request.path == "/counts") {
    return server_->respond(request.id, {200, service_->counts().dump()});
  }
  try {
    const std::string* target = request.header("x-amz-target");
    if (request.method != "POST" || target == nullptr || !target->starts_with(kTarget)) {
      throw Fault{"UnknownOperationException", request.method};
    }
    service_->call(target->substr(kTarget.size()), json::parse(request.body, nullptr, false), now(),
                   [this, id = request.id](std::string said) {
                     server_->respond(id, {200, std::move(said), kJson});
                   });
  } catch (const Fault& why) {
    server_->respond(request.id, refused(why));
  }
  turn();
}

// Also when it is time for a poll's end, or for what was hidden.
void Server::turn() {
  service_->turn(now());
  const Instant due = service_->due();
  if (timer_ && timer_at_ <= due) return;  // early at worst
  if (timer_) poller_.cancel(*timer_);
  timer_.reset();
  if (due >= Instant::never()) return;
  timer_at_ = due;
  timer_ = poller_.at(due, [this] {
    timer_.reset();
    turn();
  });
}

}  // namespace sluice::tiny_sqs
