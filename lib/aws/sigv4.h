// AWS Signature Version 4 in the Authorization header ("Create a signed AWS API request", AWS
// Identity and Access Management User Guide). Pure: what time it is and who signs are arguments.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/instant.h"

namespace sluice::aws {

struct Keys {
  std::string access_key_id;
  std::string secret_access_key;  // never in a log
  std::string session_token;      // of temporary keys; never in a log
  friend bool operator==(const Keys&, const Keys&) = default;
};

struct SigningScope {
  std::string region;   // "eu-west-1"
  std::string service;  // its signing name: "sqs", "s3" also for s3control
};

using NameValue = std::pair<std::string, std::string>;

struct UnsignedRequest {
  std::string method;
  std::string path;                // as it is sent, percent-encoded once; begins with '/'
  std::vector<NameValue> query;    // not encoded
  std::vector<NameValue> headers;  // "host" among them; all are signed
  std::string_view body;
};

// The headers to add: x-amz-date; x-amz-security-token where the keys have a token;
// x-amz-content-sha256 for S3; authorization. S3 signs the path as it is sent, every other service
// its normal form, encoded a second time.
std::vector<NameValue> sign(const UnsignedRequest& request, const Keys& keys,
                            const SigningScope& scope, StoreTime at);

// What is hashed and signed: to be compared with what a service that refuses a signature answers.
std::string canonical_request(const UnsignedRequest& request, std::string_view service);

// RFC 3986: all but letters, digits and "-._~" as %XX; '/' stays where it is said to.
std::string percent_encoded(std::string_view text, bool keep_slash = false);
// "a=1&b=2", encoded, in the order given.
std::string query_text(const std::vector<NameValue>& query);

}  // namespace sluice::aws
