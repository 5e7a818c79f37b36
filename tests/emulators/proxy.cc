#include "tests/emulators/proxy.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "lib/base/ascii.h"
#include "lib/base/calendar.h"
#include "lib/base/check.h"
#include "lib/port/clock.h"

namespace sluice {

namespace {

port::HttpResponse trouble(int status, std::string body) { return {status, std::move(body)}; }

// As SigV4 has it: "20261122T120000Z".
StoreTime signed_at(const std::string& text) {
  const auto part = [&](std::size_t from, std::size_t count) {
    return text.size() == 16 ? text.substr(from, count) : std::string();
  };
  const auto at = parse_time(part(0, 4) + "-" + part(4, 2) + "-" + part(6, 5) + ":" + part(11, 2) +
                             ":" + part(13, 3));
  return at.value_or(StoreTime{});
}

std::string http_date_of(StoreTime at) {
  const std::time_t second = at.us / 1'000'000;
  std::tm parts{};
  std::array<char, 64> text{};
  gmtime_r(&second, &parts);
  return {text.data(),
          std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

bool is_forwarded(const std::string& name) {
  const std::string lower = lower_case(name);
  return lower != "content-length" && lower != "connection" && lower != "host";
}

}  // namespace

Proxy::Proxy(port::Poller& poller, std::string url)
    : poller_(poller), url_(std::move(url)), client_(poller) {
  port::HttpServerConfig config;
  config.listen = "127.0.0.1:0";
  auto opened = port::HttpServer::open(poller, config,
                                       [this](const port::HttpRequest& request) { take(request); });
  CHECK(opened.ok());
  server_ = std::move(*opened);
}

std::string Proxy::url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

void Proxy::forward(const port::HttpRequest& request, Answered done) {
  port::HttpCall call;
  call.method = request.method;
  call.url = url_ + request.path + (request.query.empty() ? "" : "?" + request.query);
  for (const auto& [name, value] : request.headers) {
    if (is_forwarded(name)) call.headers.emplace_back(name, value);
  }
  call.body = request.body;
  call.timeout = seconds(30);
  call.body_max = 1U << 20U;
  client_.send(std::move(call), std::move(done));
}

void Proxy::answer(std::uint64_t id, const port::HttpAnswer& with) {
  server_->respond(id, {with.status == 0 ? 502 : with.status, with.body});
}

std::optional<port::HttpResponse> Proxy::refusal(const port::HttpRequest& request) const {
  const StoreTime now = port::wall_now() + ahead_;
  const std::string* date = request.header("x-amz-date");
  const Duration off = date == nullptr ? Duration{0} : now - signed_at(*date);
  const port::HttpHeaders headers = {{"Date", http_date_of(now)}};
  if (std::max(off, -off) > minutes(5)) {
    return {{403, R"({"__type":"RequestTimeTooSkewed"})", "application/json", headers}};
  }
  const std::string* token = request.header("x-amz-security-token");
  if (token_.empty() || (token != nullptr && *token == token_)) return {};
  return {{403, R"({"__type":"ExpiredTokenException"})", "application/json", headers}};
}

void Proxy::take(const port::HttpRequest& request) {
  ++requests_;
  if (auto no = refusal(request)) return server_->respond(request.id, std::move(*no));
  const Fate fate = fates_.empty() ? Fate::kPass : fates_.front();
  if (!fates_.empty()) fates_.pop_front();
  const std::uint64_t id = request.id;
  const auto back = [this, id](const port::HttpAnswer& with) { answer(id, with); };
  switch (fate) {
    case Fate::kPass:
      return forward(request, back);
    case Fate::kLate:
      return forward(request, [this, back](const port::HttpAnswer& with) {
        poller_.after(milliseconds(300), [back, with] { back(with); });
      });
    case Fate::kTwice:
      return forward(request,
                     [this, request, back](const port::HttpAnswer&) { forward(request, back); });
    case Fate::kLost:
      return;
    case Fate::kAnswerLost:
      return forward(request, [](const port::HttpAnswer&) {});
    case Fate::kTrouble:
      return server_->respond(id, trouble(500, R"({"__type":"InternalFailure"})"));
    case Fate::kTroubleLate:
      return forward(request, [this, id](const port::HttpAnswer&) {
        server_->respond(id, trouble(500, "oh"));
      });
    case Fate::kBusy:
      return server_->respond(id, {503, "", "text/plain", {{"Retry-After", "1"}}});
    case Fate::kThrottled:
      return server_->respond(id, trouble(400, R"({"__type":"ThrottlingException"})"));
    case Fate::kGarbage:
      return forward(request, [this, id](const port::HttpAnswer& with) {
        server_->respond(id, {200, with.body.substr(0, with.body.size() / 2)});
      });
  }
}

}  // namespace sluice
