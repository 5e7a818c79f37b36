// A call of an AWS operation, as HTTP: what goes where in each protocol ("AWS protocols" of
// Smithy). Pure. A protocol's operations need no code here: a caller names the operation and gives
// what it takes in the protocol's own form.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/aws/service.h"
#include "lib/aws/sigv4.h"
#include "lib/base/instant.h"

namespace sluice::aws {

struct Request {
  ServiceRef service;
  std::string operation;               // "SendMessageBatch"
  std::vector<NameValue> fields = {};  // query, ec2: flat, as "Attributes.entry.1.key"; rest: query
  std::string body = {};               // json, rest
  std::string method = "POST";         // rest
  std::string path = "/";              // rest: percent-encoded
  std::vector<NameValue> headers = {};  // more of them; all are signed
  bool is_signed = true;                // AssumeRoleWithWebIdentity is not
  Duration timeout = seconds(10);       // of an attempt; long polls need more
  std::size_t answer_max = 1U << 20U;   // bytes of the answer's body
  // Operations that it does with its own, and that AWS allows each by itself: a transaction's.
  std::vector<std::string> contains = {};
};

struct HttpRequest {
  std::string method;
  std::string url;
  std::vector<NameValue> headers;  // without host, which the URL says
  std::string body;
};

// Signed at `at`, unless the request is not.
HttpRequest http_request(const Request& request, const Endpoint& endpoint, const Keys& keys,
                         StoreTime at);

}  // namespace sluice::aws
