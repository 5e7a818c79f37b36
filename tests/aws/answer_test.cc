#include "lib/aws/answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::aws {
namespace {

TEST(Answer, AFaultInJson) {
  EXPECT_EQ(
      fault_of(
          Protocol::kJson10,
          HttpText{400, {}, R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"})"}),
      (Fault{"QueueDoesNotExist", "no"}));
  EXPECT_EQ(
      fault_of(Protocol::kRestJson,
               HttpText{404, {{"x-amzn-errortype", "NotFound:http://x/"}}, R"({"Message":"m"})"}),
      (Fault{"NotFound", "m"}));
  for (const std::string body : {"", "[]", "<html>", R"({"__type":7})"}) {
    EXPECT_EQ(fault_of(Protocol::kJson11, HttpText{502, {}, body}), (Fault{"HTTP 502", ""}))
        << body;
  }
}

TEST(Answer, AFaultInXml) {
  const auto fault = [](std::string body) {
    return fault_of(Protocol::kQuery, HttpText{400, {}, std::move(body)});
  };
  EXPECT_EQ(fault("<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameter</Code>"
                  "<Message>bad</Message></Error><RequestId>1</RequestId></ErrorResponse>"),
            (Fault{"InvalidParameter", "bad"}));
  EXPECT_EQ(fault("<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>"),
            (Fault{"NoSuchBucket", "no"}));
  EXPECT_EQ(fault("<Response><Errors><Error><Code>AuthFailure</Code><Message>a</Message></Error>"
                  "</Errors></Response>"),
            (Fault{"AuthFailure", "a"}));
  for (const std::string body :
       {"", "{}", "<a>", "<Error>text</Error>", "<Error><Code/></Error>"}) {
    EXPECT_EQ(fault(body), (Fault{"HTTP 400", ""})) << body;
  }
}

// What DynamoDB and SNS say of a wrong signature.
TEST(Answer, AFaultDoesNotQuoteARequest) {
  const std::string says = "The signature we calculated does not match. ";
  for (const std::string quote :
       {"The Canonical String for this request should have been\n'POST\n/\n\n"
        "x-amz-security-token:hunter2'",
        "the canonical string is 'POST / x-amz-security-token:hunter2'",
        "\r\nx-amz-security-token:hunter2", "X-Amz-Security-Token: hunter2"}) {
    const std::string json =
        nlohmann::json{{"__type", "x#InvalidSignatureException"}, {"message", says + quote}}.dump();
    const Fault in_json = fault_of(Protocol::kJson10, HttpText{400, {}, json});
    EXPECT_EQ(in_json.code, "InvalidSignatureException");
    const Fault in_xml = fault_of(
        Protocol::kQuery, HttpText{403,
                                   {},
                                   "<ErrorResponse><Error><Code>SignatureDoesNotMatch"
                                   "</Code><Message>" +
                                       says + quote + "</Message></Error></ErrorResponse>"});
    EXPECT_EQ(in_xml.code, "SignatureDoesNotMatch");
    for (const Fault& fault : {in_json, in_xml}) {
      EXPECT_EQ(fault.message.find(says.substr(0, 40)), 0U) << fault.message;
      EXPECT_EQ(fault.message.find("hunter2"), std::string::npos) << fault.message;
    }
  }
}

TEST(Answer, AFaultIsShort) {
  const auto message = [](const std::string& text) {
    return fault_of(Protocol::kJson10, HttpText{400, {}, nlohmann::json{{"message", text}}.dump()})
        .message;
  };
  EXPECT_EQ(message(std::string(400, 'x')), std::string(300, 'x'));
  EXPECT_EQ(message("x" + std::string(299, 'y') + "\u00e9"), "x" + std::string(299, 'y'));
  EXPECT_EQ(message(std::string(299, 'y') + "\u00e9"), std::string(299, 'y'));
  EXPECT_EQ(message("one line\nanother"), "one line");
}

TEST(Answer, WhatAFaultIs) {
  EXPECT_EQ(kind_of(400, "ThrottlingException"), FaultKind::kThrottled);
  EXPECT_EQ(kind_of(429, "HTTP 429"), FaultKind::kThrottled);
  EXPECT_EQ(kind_of(403, "RequestTimeTooSkewed"), FaultKind::kClock);
  EXPECT_EQ(kind_of(403, "ExpiredToken"), FaultKind::kKeys);
  EXPECT_EQ(kind_of(403, "AccessDenied"), FaultKind::kRefused);  // no word on the keys
  EXPECT_EQ(kind_of(400, "AccessDeniedException"), FaultKind::kRefused);
  EXPECT_EQ(kind_of(503, "HTTP 503"), FaultKind::kTransient);
  EXPECT_EQ(kind_of(0, ""), FaultKind::kTransient);
  EXPECT_EQ(kind_of(400, "QueueDoesNotExist"), FaultKind::kRefused);
}

}  // namespace
}  // namespace sluice::aws
