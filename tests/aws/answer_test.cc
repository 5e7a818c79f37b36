#include "lib/aws/answer.h"

#include <gtest/gtest.h>

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

TEST(Answer, WhatAFaultIs) {
  EXPECT_EQ(kind_of(400, "ThrottlingException"), FaultKind::kThrottled);
  EXPECT_EQ(kind_of(429, "HTTP 429"), FaultKind::kThrottled);
  EXPECT_EQ(kind_of(403, "RequestTimeTooSkewed"), FaultKind::kClock);
  EXPECT_EQ(kind_of(403, "ExpiredToken"), FaultKind::kKeys);
  EXPECT_EQ(kind_of(503, "HTTP 503"), FaultKind::kTransient);
  EXPECT_EQ(kind_of(0, ""), FaultKind::kTransient);
  EXPECT_EQ(kind_of(400, "QueueDoesNotExist"), FaultKind::kRefused);
}

}  // namespace
}  // namespace sluice::aws
