#include "tests/tiny_dynamodb/service.h"

#include <gtest/gtest.h>

namespace sluice::tiny {
namespace {

json item(const std::string& pk, const std::string& sk) {
  return {{"pk", {{"S", pk}}}, {"sk", {{"S", sk}}}};
}

class TinyDynamoDb : public ::testing::Test {
 protected:
  void SetUp() override {
    call("CreateTable", json::parse(R"({"TableName":"table","BillingMode":"PAY_PER_REQUEST",
      "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},
                              {"AttributeName":"sk","AttributeType":"S"}],
      "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},
                   {"AttributeName":"sk","KeyType":"RANGE"}]})"));
  }
  json call(const std::string& operation, json request) {
    if (!request.contains("TableName") && operation.find("Items") == std::string::npos) {
      request["TableName"] = "table";
    }
    return service_.call(operation, request, Instant{});
  }
  // The code that it is refused with; empty: it is not.
  std::string refused(const std::string& operation, json request) {
    try {
      call(operation, std::move(request));
    } catch (const Fault& why) {
      return why.code;
    }
    return "";
  }
  Service service_;
};

TEST_F(TinyDynamoDb, RefusesWhatItDoesNotKnow) {
  const std::string wrong = "ValidationException";
  EXPECT_EQ(refused("PutItem", {{"Item", item("a", "a")}, {"ReturnValues", "ALL_OLD"}}), wrong);
  EXPECT_EQ(refused("PutItem", {{"Item", item("", "a")}}), wrong);
  EXPECT_EQ(refused("PutItem", {{"Item", {{"pk", {{"S", "a"}}}}}}), wrong);
  json set = item("a", "a");
  set["set"] = {{"SS", {"x"}}};
  EXPECT_EQ(refused("PutItem", {{"Item", set}}), wrong);
  EXPECT_EQ(refused("GetItem", {{"Key", {{"pk", {{"S", "a"}}}}}}), wrong);
  EXPECT_EQ(refused("Scan", json::object()), "UnknownOperationException");
  EXPECT_EQ(refused("GetItem", {{"TableName", "none"}, {"Key", item("a", "a")}}),
            "ResourceNotFoundException");
}

TEST_F(TinyDynamoDb, RefusesExpressionsAsTheRealOneDoes) {
  const auto put = [&](const std::string& condition, const json& values) {
    json request = {{"Item", item("a", "a")}, {"ConditionExpression", condition}};
    if (!values.is_null()) request["ExpressionAttributeValues"] = values;
    return refused("PutItem", request);
  };
  const std::string wrong = "ValidationException";
  EXPECT_EQ(put("attribute_not_exists(pk)", {}), "");
  EXPECT_EQ(put("attribute_not_exists(pk)", {}), "ConditionalCheckFailedException");
  EXPECT_EQ(put("attribute_not_exists(pk", {}), wrong);
  EXPECT_EQ(put("attribute_not_exists(ttl)", {}), wrong) << "a reserved word";
  EXPECT_EQ(put("v = :v", {}), wrong) << "a value that is not said";
  EXPECT_EQ(put("attribute_exists(pk)", {{":v", {{"N", "1"}}}}), wrong) << "one that is not used";
  EXPECT_EQ(put("size(pk) > :v", {{":v", {{"N", "1"}}}}), wrong);
  EXPECT_EQ(put("", {}), wrong);
}

TEST_F(TinyDynamoDb, ItemsHaveALimit) {
  json large = item("a", "a");
  large["m"] = {{"S", std::string(kItemBytesMax - 6, 'x')}};
  EXPECT_EQ(refused("PutItem", {{"Item", large}}), "ValidationException");
  large["m"] = {{"S", std::string(kItemBytesMax - 7, 'x')}};
  EXPECT_EQ(refused("PutItem", {{"Item", large}}), "");
}

TEST_F(TinyDynamoDb, ATransactionIsWholeAndKnownByItsToken) {
  const auto transact = [&](const std::string& token, const json& first) {
    const json check = {{"ConditionCheck",
                         {{"TableName", "table"},
                          {"Key", item("b", "b")},
                          {"ConditionExpression", "attribute_not_exists(pk)"}}}};
    const json put = {{"Put", {{"TableName", "table"}, {"Item", first}}}};
    return refused("TransactWriteItems",
                   {{"TransactItems", {put, check}}, {"ClientRequestToken", token}});
  };
  EXPECT_EQ(transact("one", item("a", "1")), "");
  call("PutItem", {{"Item", item("b", "b")}});
  EXPECT_EQ(transact("one", item("a", "1")), "") << "it was executed before";
  EXPECT_EQ(transact("one", item("a", "2")), "IdempotentParameterMismatchException");
  EXPECT_EQ(transact("two", item("a", "3")), "TransactionCanceledException");
  EXPECT_EQ(transact("two", item("b", "b")), "ValidationException") << "an item twice";
  EXPECT_TRUE(call("GetItem", {{"Key", item("a", "3")}}).empty());
}

TEST_F(TinyDynamoDb, PagesOfAQuery) {
  for (char c = 'a'; c < 'k'; ++c) call("PutItem", {{"Item", item("p", std::string(1, c))}});
  json ask = {{"KeyConditionExpression", "pk = :p AND sk BETWEEN :a AND :b"},
              {"ExpressionAttributeValues",
               {{":p", {{"S", "p"}}}, {":a", {{"S", "c"}}}, {":b", {{"S", "f"}}}}},
              {"Limit", 2}};
  std::string seen;
  int pages = 0;
  for (;; ++pages) {
    const json page = call("Query", ask);
    for (const json& one : page["Items"]) seen += one["sk"]["S"].get<std::string>();
    if (!page.contains("LastEvaluatedKey")) break;
    ask["ExclusiveStartKey"] = page["LastEvaluatedKey"];
  }
  EXPECT_EQ(seen, "cdef");
  EXPECT_EQ(pages, 2) << "a full page names its last item, even if it is the last of all";
  ask["ExclusiveStartKey"] = item("other", "c");
  EXPECT_EQ(refused("Query", ask), "ValidationException");
}

TEST_F(TinyDynamoDb, ThrottlesConflictsAndForgetsOnRequest) {
  service_.troubles().throttle = 1;
  EXPECT_EQ(refused("GetItem", {{"Key", item("a", "a")}}), "ThrottlingException");
  service_.troubles().conflict = 1;
  const json put = {{"Put", {{"TableName", "table"}, {"Item", item("a", "a")}}}};
  EXPECT_EQ(refused("TransactWriteItems", {{"TransactItems", {put}}}),
            "TransactionCanceledException");
  call("UpdateTimeToLive",
       {{"TimeToLiveSpecification", {{"Enabled", true}, {"AttributeName", "until"}}}});
  json mortal = item("a", "a");
  mortal["until"] = {{"N", "100"}};
  call("PutItem", {{"Item", mortal}});
  service_.expire(100);
  EXPECT_FALSE(call("GetItem", {{"Key", item("a", "a")}}).empty());
  service_.expire(101);
  EXPECT_TRUE(call("GetItem", {{"Key", item("a", "a")}}).empty());
}

}  // namespace
}  // namespace sluice::tiny
