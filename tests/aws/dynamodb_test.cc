#include "lib/aws/dynamodb.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/aws/outcome.h"

namespace sluice::aws::dynamodb {
namespace {

using nlohmann::json;

json body_of(const Request& request) { return json::parse(request.body); }

Write put(const std::string& key) { return {Write::Kind::kPut, "t", {{"pk", text(key)}}}; }

TEST(DynamoDb, ATransaction) {
  Write add{Write::Kind::kUpdate, "t", {{"pk", text("a")}}, "ADD #n :v"};
  add.terms = {{{"#n", "amount"}}, {{":v", number(-3)}}};
  Write once = put("b");
  once.item["body"] = bytes(std::string("\0\xff", 2));
  once.condition = "attribute_not_exists(pk)";
  const Request request = transact_write({add, once}, "token");
  EXPECT_EQ(request.operation, "TransactWriteItems");
  EXPECT_EQ(body_of(request), json::parse(R"j({"ClientRequestToken":"token","TransactItems":[
      {"Update":{"TableName":"t","Key":{"pk":{"S":"a"}},"UpdateExpression":"ADD #n :v",
        "ExpressionAttributeNames":{"#n":"amount"},"ExpressionAttributeValues":{":v":{"N":"-3"}}}},
      {"Put":{"TableName":"t","Item":{"pk":{"S":"b"},"body":{"B":"AP8="}},
        "ConditionExpression":"attribute_not_exists(pk)"}}]})j"));
}

TEST(DynamoDb, WhyATransactionWasCancelled) {
  EXPECT_TRUE(read_transaction(answered("{}"), 2)->written);
  const auto cancelled = [](const std::string& reasons) {
    return read_transaction(
        refused("TransactionCanceledException", R"({"CancellationReasons":)" + reasons + "}"), 2);
  };
  const auto condition = cancelled(R"([{"Code":"None"},{"Code":"ConditionalCheckFailed"}])");
  ASSERT_TRUE(condition.ok());
  EXPECT_EQ(condition->causes, (std::vector<Cause>{Cause::kNone, Cause::kCondition}));
  EXPECT_FALSE(condition->may_pass());
  EXPECT_TRUE(condition->has(Cause::kCondition));
  const auto conflict = cancelled(R"([{"Code":"TransactionConflict"},{"Code":"ThrottlingError"}])");
  EXPECT_TRUE(conflict->may_pass());
  const auto other = cancelled(R"([{"Code":"TransactionConflict"},{"Code":"ValidationError"}])");
  EXPECT_FALSE(other->may_pass());
  EXPECT_EQ(other->codes[1], "ValidationError");
  for (const char* few : {"[]", R"([{"Code":"None"}])", "7"}) {
    EXPECT_FALSE(cancelled(few).ok()) << few;
  }
}

TEST(DynamoDb, ATransactionContainsItsWrites) {
  Write gone = put("c");
  gone.kind = Write::Kind::kDelete;
  EXPECT_EQ(transact_write({put("a"), gone, put("b")}, "t").contains,
            (std::vector<std::string>{"PutItem", "DeleteItem"}));
}

TEST(DynamoDb, Items) {
  EXPECT_FALSE(read_item(answered("{}"))->has_value());
  const auto found = read_item(answered(
      R"({"Item":{"s":{"S":""},"n":{"N":"7"},"b":{"B":"AP8="},"t":{"BOOL":true},"z":{"NULL":true},
          "l":{"L":[{"S":"x"}]}}})"));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ(**found, (Item{{"s", text("")},
                           {"n", number(7)},
                           {"b", bytes(std::string("\0\xff", 2))},
                           {"t", {Value::Kind::kBool, "true"}},
                           {"z", {Value::Kind::kNull, ""}},
                           {"l", {Value::Kind::kOther, R"({"L":[{"S":"x"}]})"}}}));
  const json back = body_of(write_item({Write::Kind::kPut, "t", **found}));
  EXPECT_EQ(back["Item"], json::parse(R"({"s":{"S":""},"n":{"N":"7"},"b":{"B":"AP8="},
      "t":{"BOOL":true},"z":{"NULL":true},"l":{"L":[{"S":"x"}]}})"));
}

TEST(DynamoDb, HowLargeAnItemIs) {
  EXPECT_EQ(bytes_of({}), 0U);
  EXPECT_EQ(bytes_of({{"pk", text("\u00e4")}, {"b", bytes(std::string(100, '\0'))}}), 105U);
  EXPECT_EQ(bytes_of({{"n", number(-12345)}, {"z", {Value::Kind::kNull, ""}}}), 9U);
}

TEST(DynamoDb, AConditionThatDidNotHold) {
  EXPECT_TRUE(*read_written(answered("{}")));
  Outcome failed = refused("ConditionalCheckFailedException");
  EXPECT_FALSE(*read_written(failed));
  failed.may_be_done = true;
  ASSERT_FALSE(read_written(failed).ok());
  EXPECT_TRUE(read_written(failed).refusal().may_be_done);
  EXPECT_EQ(write_item(put("a")).operation, "PutItem");
}

TEST(DynamoDb, PagesOfAQuery) {
  Query what{"t", "by_day", "pk = :k"};
  what.terms.values = {{":k", text("a")}};
  what.items_max = 5;
  EXPECT_EQ(body_of(query(what, R"({"pk":{"S":"z"}})")),
            json::parse(R"({"TableName":"t","IndexName":"by_day","KeyConditionExpression":"pk = :k",
              "ConsistentRead":false,"ScanIndexForward":true,"Limit":5,
              "ExclusiveStartKey":{"pk":{"S":"z"}},
              "ExpressionAttributeValues":{":k":{"S":"a"}}})"));
  const auto page = read_page(
      answered(R"({"Items":[{"pk":{"S":"a"}}],"Count":1,"LastEvaluatedKey":{"pk":{"S":"a"}}})"));
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->items, (std::vector<Item>{{{"pk", text("a")}}}));
  EXPECT_EQ(page->next, R"({"pk":{"S":"a"}})");
  EXPECT_EQ(read_page(answered(R"({"Items":[]})"))->next, "");
}

}  // namespace
}  // namespace sluice::aws::dynamodb
