#include "lib/aws/answer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "lib/aws/xml.h"
#include "lib/base/ascii.h"

namespace sluice::aws {

namespace {

using nlohmann::json;

constexpr std::size_t kMessageMax = 300;  // bytes

struct Known {
  std::string_view code;
  FaultKind kind;
};

// botocore's lists for the retry mode "standard", and AWS's common errors of signatures.
constexpr std::array kKnown{
    Known{"BandwidthLimitExceeded", FaultKind::kThrottled},
    Known{"EC2ThrottledException", FaultKind::kThrottled},
    Known{"LimitExceededException", FaultKind::kThrottled},
    Known{"OverLimit", FaultKind::kThrottled},
    Known{"PriorRequestNotComplete", FaultKind::kThrottled},
    Known{"ProvisionedThroughputExceededException", FaultKind::kThrottled},
    Known{"RequestLimitExceeded", FaultKind::kThrottled},
    Known{"RequestThrottled", FaultKind::kThrottled},
    Known{"RequestThrottledException", FaultKind::kThrottled},
    Known{"SlowDown", FaultKind::kThrottled},
    Known{"ThrottledException", FaultKind::kThrottled},
    Known{"Throttling", FaultKind::kThrottled},
    Known{"ThrottlingException", FaultKind::kThrottled},
    Known{"TooManyRequestsException", FaultKind::kThrottled},
    Known{"TransactionInProgressException", FaultKind::kThrottled},
    Known{"RequestTimeout", FaultKind::kTransient},
    Known{"RequestTimeoutException", FaultKind::kTransient},
    Known{"InternalError", FaultKind::kTransient},
    Known{"RequestExpired", FaultKind::kClock},
    Known{"RequestInTheFuture", FaultKind::kClock},
    Known{"RequestTimeTooSkewed", FaultKind::kClock},
    Known{"InvalidSignatureException", FaultKind::kClock},
    Known{"SignatureDoesNotMatch", FaultKind::kClock},
    Known{"ExpiredToken", FaultKind::kKeys},
    Known{"ExpiredTokenException", FaultKind::kKeys},
    Known{"InvalidAccessKeyId", FaultKind::kKeys},
    Known{"InvalidClientTokenId", FaultKind::kKeys},
    Known{"UnrecognizedClientException", FaultKind::kKeys},
};

// "com.amazonaws.sqs#QueueDoesNotExist:http://..." -> "QueueDoesNotExist"
std::string bare(std::string_view code) {
  code = code.substr(0, code.find(':'));
  code = code.substr(code.rfind('#') + 1);
  return std::string(code);
}

// The first of these members that is a string.
std::string text_of(const json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    if (object.is_object() && found != object.end() && found->is_string()) return *found;
  }
  return {};
}

json parsed(std::string_view text) { return json::parse(text, nullptr, false); }

Fault json_fault(const HttpText& answer) {
  const json body = parsed(answer.body);
  const auto field = answer.fields.find("x-amzn-errortype");
  const std::string code =
      field == answer.fields.end() ? text_of(body, {"__type", "code", "Code"}) : field->second;
  return {bare(code), text_of(body, {"message", "Message", "errorMessage"})};
}

// <ErrorResponse><Error>, S3's <Error>, EC2's <Response><Errors><Error>.
Fault xml_fault(const HttpText& answer) {
  const auto read = xml_to_json(answer.body);
  if (!read.ok()) return {};
  json body = parsed(*read);
  for (const char* inside : {"Errors", "Error"}) {
    if (body.is_object() && body.contains(inside)) body = json(body[inside]);
  }
  return {bare(text_of(body, {"Code"})), text_of(body, {"Message"})};
}

// Of a wrong signature several services quote the whole request that they would have signed, and so
// its session token.
std::string loggable(std::string message) {
  message.resize(std::min(message.find_first_of("\r\n"), message.size()));
  const std::string plain = lower_case(message);
  for (const char* quoted : {"canonical string", "x-amz-security-token"}) {
    message.resize(std::min(plain.find(quoted), message.size()));
  }
  if (message.size() <= kMessageMax) return message;
  std::size_t end = kMessageMax;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0U) == 0x80U) --end;
  message.resize(end);
  return message;
}

bool is_json(Protocol protocol) {
  return protocol == Protocol::kJson10 || protocol == Protocol::kJson11 ||
         protocol == Protocol::kRestJson;
}

}  // namespace

Fault fault_of(Protocol protocol, const HttpText& answer) {
  Fault fault = is_json(protocol) ? json_fault(answer) : xml_fault(answer);
  fault.message = loggable(std::move(fault.message));
  if (fault.code.empty()) fault.code = "HTTP " + std::to_string(answer.status);
  return fault;
}

FaultKind kind_of(std::uint32_t status, std::string_view code) {
  const auto* known = std::find_if(kKnown.begin(), kKnown.end(),
                                   [&](const Known& one) { return one.code == code; });
  if (known != kKnown.end()) return known->kind;
  if (status == 429) return FaultKind::kThrottled;
  return status == 0 || status >= 500 ? FaultKind::kTransient : FaultKind::kRefused;
}

}  // namespace sluice::aws
