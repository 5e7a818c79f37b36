#include "tests/tiny_dynamodb/server.h"

#include "lib/base/check.h"

namespace sluice::tiny {

namespace {

constexpr std::string_view kTarget = "DynamoDB_20120810.";
constexpr const char* kJson = "application/x-amz-json-1.0";

port::HttpResponse refused(const Fault& why) {
  json body = why.more;
  body["__type"] = "com.amazonaws.dynamodb.v20120810#" + why.code;
  body["message"] = why.message;
  return {400, body.dump(-1, ' ', false, json::error_handler_t::replace), kJson};
}

}  // namespace

Server::Server(port::Poller& poller, std::uint16_t port) : poller_(poller) {
  port::HttpServerConfig config;
  config.listen = "127.0.0.1:" + std::to_string(port);
  config.body_max = 16UL << 20U;
  auto opened = port::HttpServer::open(poller, config, [this](const port::HttpRequest& request) {
    server_->respond(request.id, request.path == "/tiny" ? control(request) : answer(request));
  });
  CHECK(opened.ok());
  server_ = std::move(*opened);
}

std::string Server::url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

port::HttpResponse Server::answer(const port::HttpRequest& request) {
  try {
    const std::string* target = request.header("x-amz-target");
    if (request.method != "POST" || target == nullptr || !target->starts_with(kTarget)) {
      throw Fault{"UnknownOperationException", request.method};
    }
    const json asked = json::parse(request.body, nullptr, false);
    const json said = service_.call(target->substr(kTarget.size()), asked, poller_.now());
    return {200, said.dump(), kJson};
  } catch (const Fault& why) {
    return refused(why);
  }
}

port::HttpResponse Server::control(const port::HttpRequest& request) {
  if (request.method == "GET") return {200, service_.counts().dump()};
  const json asked = json::parse(request.body, nullptr, false);
  if (!asked.is_object()) return {400, "{}"};
  Troubles& troubles = service_.troubles();
  troubles.throttle = asked.value("throttle", troubles.throttle);
  troubles.conflict = asked.value("conflict", troubles.conflict);
  troubles.unprocessed = asked.value("unprocessed", troubles.unprocessed);
  troubles.page_bytes = asked.value("page_bytes", troubles.page_bytes);
  if (asked.contains("now")) service_.expire(asked["now"].get<std::int64_t>());
  return {200, "{}"};
}

}  // namespace sluice::tiny
