#include "lib/aws/client.h"

#include <utility>

#include "lib/aws/operation.h"
#include "lib/aws/xml.h"
#include "lib/base/check.h"
#include "lib/base/http_date.h"

namespace sluice::aws {

namespace {

// Signatures are good for five minutes either way.
constexpr Duration kSkewThatMatters = minutes(4);

bool is_xml(Protocol protocol) {
  return protocol == Protocol::kQuery || protocol == Protocol::kEc2;
}

Fault unreadable(const Error& error) { return {"UnreadableAnswer", error.what}; }

}  // namespace

struct Client::Call {
  Request request;
  Done done;
  Keys keys = {};
  std::uint32_t attempts = 0;
  int taken = 0;              // of the quota, for the attempt under way
  bool keys_doubted = false;  // once a call
  bool skew_learnt = false;   // once a call
  bool may_be_done = false;
};

template <class... Args>
auto Client::later(void (Client::*run)(const Shared&, Args...), const Shared& call) {
  return [this, run, call, here = std::weak_ptr<bool>(here_)](Args... args) {
    if (!here.expired()) (this->*run)(call, std::move(args)...);
  };
}

Client::Client(Transport& transport, KeySource& keys, ClientConfig config)
    : transport_(transport), keys_(keys), config_(std::move(config)), chance_(config_.seed) {}

Client::~Client() = default;

void Client::call(Request request, Done done) {
  CHECK(!config_.uses || is_among(*config_.uses, request));
  take_turn(std::make_shared<Call>(Call{std::move(request), std::move(done)}));
}

void Client::take_turn(const Shared& call) {
  Pace& pace =
      paces_.try_emplace(std::string(call->request.service->name), config_.calls_per_second)
          .first->second;
  const Duration wait = pace.take(transport_.now());
  if (wait == Duration{}) return ask_keys(call);
  transport_.after(wait, later(&Client::ask_keys, call));
}

void Client::ask_keys(const Shared& call) {
  if (!call->request.is_signed) return attempt(call, Keys{});
  keys_.ask(later(&Client::attempt, call));
}

void Client::attempt(const Shared& call, Result<Keys> keys) {
  if (!keys.ok()) {
    Fault none{"NoCredentials", keys.error().what};
    return finish(call, {std::move(none), FaultKind::kKeys, 0, call->attempts});
  }
  ++call->attempts;
  call->keys = *keys;
  const Request& request = call->request;
  const Endpoint endpoint = endpoint_of(*request.service, config_.region, config_.endpoints);
  transport_.send(http_request(request, endpoint, call->keys, transport_.wall() + skew_),
                  {request.timeout, request.answer_max}, later(&Client::answered, call));
}

void Client::answered(const Shared& call, HttpText answer) {
  const Protocol protocol = call->request.service->protocol;
  if (answer.status / 100 != 2) {
    Fault fault =
        answer.status == 0 ? Fault{"NoAnswer", answer.trouble} : fault_of(protocol, answer);
    return failed(call, answer, std::move(fault));
  }
  call->may_be_done = true;
  // It would be as large again.
  if (answer.body.size() > call->request.answer_max) {
    const std::string most = std::to_string(call->request.answer_max);
    return finish(call, {Fault{"AnswerTooLarge", "more than " + most + " bytes"},
                         FaultKind::kRefused, answer.status, call->attempts});
  }
  auto read = is_xml(protocol) ? xml_to_json(answer.body) : Result<std::string>(answer.body);
  if (!read.ok()) return failed(call, answer, unreadable(read.error()));
  quota_.give_back(call->taken);
  finish(call, {std::nullopt, FaultKind::kRefused, answer.status, call->attempts, std::move(*read),
                std::move(answer.fields)});
}

// By the answer's own Date. False: our clock is right, so that is not what was wrong.
bool Client::learn_skew(const HttpText& answer) {
  const auto date = answer.fields.find("date");
  if (date == answer.fields.end()) return false;
  const auto said = parse_http_date(date->second, transport_.wall().us / 1'000'000);
  if (!said) return false;
  const Duration skew = StoreTime{*said * 1'000'000} - transport_.wall();
  const Duration off = skew - skew_;
  if (off < kSkewThatMatters && off > -kSkewThatMatters) return false;
  skew_ = skew;
  return true;
}

void Client::failed(const Shared& call, const HttpText& answer, Fault fault) {
  const FaultKind kind = kind_of(answer.status, fault.code);
  call->may_be_done |= answer.status == 0 || answer.status >= 500;
  Outcome outcome{std::move(fault), kind,        answer.status,
                  call->attempts,   answer.body, answer.fields};
  if (kind == FaultKind::kClock && !std::exchange(call->skew_learnt, true) && learn_skew(answer)) {
    return ask_keys(call);
  }
  if (kind == FaultKind::kKeys && !std::exchange(call->keys_doubted, true)) {
    keys_.doubt(call->keys);
    return ask_keys(call);
  }
  const bool may_help = kind == FaultKind::kTransient || kind == FaultKind::kThrottled;
  const Failure failure{call->attempts, answer.timed_out, answer.retry_after};
  const auto next = may_help ? again(failure, quota_, chance_) : std::nullopt;
  if (!next) return finish(call, std::move(outcome));
  call->taken = next->taken;
  transport_.after(next->after, later(&Client::take_turn, call));
}

void Client::finish(const Shared& call, Outcome outcome) {
  const Done done = std::move(call->done);
  outcome.may_be_done = outcome.fault.has_value() && call->may_be_done;
  done(std::move(outcome));
}

}  // namespace sluice::aws
