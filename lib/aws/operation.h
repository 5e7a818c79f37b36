// The operations of AWS that Sluice calls, a row each: what has no row is not called, so a policy
// that allows the rows' actions is enough ("Service Authorization Reference", AWS). Pure.
#pragma once

#include <span>
#include <string_view>

#include "lib/aws/request.h"

namespace sluice::aws {

struct Operation {
  std::string_view service;  // a row of service.h
  std::string_view name;     // "SendMessageBatch"
  std::string_view actions;  // of IAM, a blank between two: "sqs:SendMessage"
};

std::span<const Operation> operations();

// A request for it, yet without what it takes. CHECKs that it has a row.
Request request_for(std::string_view service, std::string_view operation);

}  // namespace sluice::aws
