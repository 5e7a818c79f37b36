// The operations of AWS that Sluice calls, a row each, with the action that a policy allows it by
// ("Service Authorization Reference", AWS). Pure.
#pragma once

#include <span>
#include <string_view>

#include "lib/aws/request.h"
#include "lib/aws/uses.h"

namespace sluice::aws {

struct Operation {
  std::string_view service;  // a row of service.h
  std::string_view name;     // "SendMessageBatch"
  std::string_view action;   // of IAM: "sqs:SendMessage"; empty: there is none for it
};

std::span<const Operation> operations();

// A request for it, yet without what it takes. CHECKs that it has a row.
Request request_for(std::string_view service, std::string_view operation);
// Whether it, and all that it contains, is among them.
bool is_among(Uses uses, const Request& request);

}  // namespace sluice::aws
