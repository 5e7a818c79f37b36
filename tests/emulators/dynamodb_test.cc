#include "lib/aws/dynamodb.h"

#include "lib/aws/pages.h"
#include "tests/emulators/rig.h"

namespace sluice::aws::dynamodb {
namespace {

using Kind = Write::Kind;

class DynamoDbTest : public EmulatorTest {
 protected:
  void SetUp() override {
    EmulatorTest::SetUp();
    if (session_ == nullptr) return;
    table_ = named("costs");
    prepare("dynamodb", "CreateTable", R"({"TableName":")" + table_ + R"(",
      "BillingMode":"PAY_PER_REQUEST",
      "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},
                              {"AttributeName":"sk","AttributeType":"S"}],
      "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},
                   {"AttributeName":"sk","KeyType":"RANGE"}]})");
  }
  static Item key(const std::string& pk, const std::string& sk = "a") {
    return {{"pk", text(pk)}, {"sk", text(sk)}};
  }
  Write once(const std::string& pk) const {
    Write put{Kind::kPut, table_, key(pk)};
    put.condition = "attribute_not_exists(pk)";
    return put;
  }
  Write add(const std::string& pk, std::int64_t amount) const {
    Write update{Kind::kUpdate, table_, key(pk), "ADD #n :v"};
    update.terms = {{{"#n", "amount"}}, {{":v", number(amount)}}};
    return update;
  }
  // Tokens are of the whole account.
  Reply<Transaction> transact(const std::vector<Write>& writes, const std::string& token) {
    return read_transaction(call(transact_write(writes, table_ + token)), writes.size());
  }
  std::optional<Item> get(const std::string& pk) {
    const auto found = read_item(call(get_item(table_, key(pk), true)));
    EXPECT_TRUE(found.ok());
    return *found;
  }
  std::string table_;
};

// Of more than tiny_dynamodb is quick with.
class LargeBatchTest : public DynamoDbTest {};
INSTANTIATE_TEST_SUITE_P(Emulators, LargeBatchTest,
                         testing::Values(Emulator::kMoto, Emulator::kDynamoDbLocal), emulator_name);

TEST_P(DynamoDbTest, AnEventIsCountedOnce) {
  const auto first = transact({once("EVENT#1"), add("COST#1", 5)}, "one");
  ASSERT_TRUE(first.ok()) << first.refusal().message;
  EXPECT_TRUE(first->written);
  const auto again = transact({once("EVENT#1"), add("COST#1", 5)}, "two");
  ASSERT_TRUE(again.ok()) << again.refusal().message;
  EXPECT_FALSE(again->written);
  EXPECT_EQ(again->causes, (std::vector<Cause>{Cause::kCondition, Cause::kNone}));
  ASSERT_TRUE(transact({once("EVENT#2"), add("COST#1", -7)}, "three")->written);
  EXPECT_EQ(get("COST#1")->at("amount"), number(-2));
}

TEST_P(DynamoDbTest, ADeletionStandsInATransaction) {
  ASSERT_TRUE(transact({once("EVENT#1")}, "one")->written);
  Write gone{Kind::kDelete, table_, key("EVENT#1"), {}, "attribute_exists(pk)"};
  EXPECT_TRUE(transact({gone, add("COST#1", 1)}, "two")->written);
  EXPECT_TRUE(transact({gone, add("COST#1", 1)}, "three")->has(Cause::kCondition));
  EXPECT_EQ(get("COST#1")->at("amount"), number(1));
}

TEST_P(DynamoDbTest, ItemsAreWhatWasPut) {
  Item item = key("ITEM");
  item["bytes"] = bytes(std::string("\0\xff\x80", 3));
  item["text"] = text("\u00e4\"\\\n");
  item["number"] = number(-9'007'199'254'740'993);
  item["true"] = {Value::Kind::kBool, "true"};
  item["null"] = {Value::Kind::kNull, ""};
  EXPECT_TRUE(*read_written(call(write_item({Kind::kPut, table_, item}))));
  EXPECT_EQ(get("ITEM"), item);
  EXPECT_FALSE(*read_written(call(write_item(once("ITEM")))));
  EXPECT_TRUE(*read_written(call(write_item({Kind::kDelete, table_, key("ITEM")}))));
  EXPECT_EQ(get("ITEM"), std::nullopt);
  EXPECT_TRUE(*read_written(call(write_item(add("ITEM", 3)))));
  EXPECT_EQ(get("ITEM")->at("amount"), number(3));
}

TEST_P(DynamoDbTest, AQueryInPages) {
  std::vector<Write> writes;
  for (int i = 0; i < 25; ++i) {
    writes.push_back({Kind::kPut, table_, key("MANY", std::string(1, static_cast<char>('a' + i)))});
    writes.back().item["pad"] = text(std::string(100, 'x'));
  }
  ASSERT_TRUE(transact(writes, "many")->written);
  Query what{table_, {}, "pk = :p AND sk > :s"};
  what.terms.values = {{":p", text("MANY")}, {":s", text("b")}};
  what.consistent = true;
  what.items_max = 10;
  std::string seen;
  int pages = 0;
  std::optional<std::string> end;
  for_each_page<Page>(client(),
                      {[&](const std::string& next) { return query(what, next); }, &read_page,
                       [&](const Page& page) {
                         ++pages;
                         for (const Item& one : page.items) seen += one.at("sk").text;
                         return true;
                       },
                       [&](const auto& why) { end = why ? why->message : ""; }});
  run_until([&] { return end.has_value(); });
  EXPECT_EQ(*end, "");
  EXPECT_EQ(seen, "cdefghijklmnopqrstuvwxy");
  EXPECT_EQ(pages, 3);
}

TEST_P(DynamoDbTest, APageEndsWithItsMegabyte) {
  for (int i = 0; i < 6; ++i) {
    Item item = key("LARGE", std::string(1, static_cast<char>('a' + i)));
    item["pad"] = bytes(std::string(300'000, 'x'));
    ASSERT_TRUE(*read_written(call(write_item({Kind::kPut, table_, item}))));
  }
  Query what{table_, {}, "pk = :p"};
  what.terms.values = {{":p", text("LARGE")}};
  std::string seen;
  std::vector<std::size_t> pages;
  for (std::string next; pages.empty() || !next.empty();) {
    const auto page = read_page(call(query(what, next)));
    ASSERT_TRUE(page.ok()) << page.refusal().message;
    pages.push_back(page->items.size());
    for (const Item& one : page->items) seen += one.at("sk").text;
    next = page->next;
  }
  EXPECT_EQ(seen, "abcdef");
  // DynamoDB Local's page ends with the item that passes it, the others' before.
  EXPECT_EQ(pages.front(), GetParam() == Emulator::kDynamoDbLocal ? 4U : 3U);
}

TEST_P(LargeBatchTest, WhatItCannotHoldStaysUnread) {
  std::vector<Item> keys;
  for (int i = 0; i < 44; ++i) {
    keys.push_back(key("LARGE" + std::to_string(i)));
    Item item = keys.back();
    item["pad"] = bytes(std::string(390'000, 'x'));
    ASSERT_TRUE(*read_written(call(write_item({Kind::kPut, table_, item}))));
  }
  aws::Request all = batch_get(table_, keys, true);
  all.answer_max = 32U << 20U;
  all.timeout = seconds(25);
  const auto got = read_got(call(all), table_);
  ASSERT_TRUE(got.ok()) << got.refusal().message;
  EXPECT_EQ(got->items.size() + got->unread.size(), 44U);
  ASSERT_FALSE(got->unread.empty());
  const auto rest = read_got(call(batch_get(table_, got->unread, true)), table_);
  EXPECT_EQ(rest->items.size(), got->unread.size());
}

// As parking writes its items: whole, if they are what was read.
TEST_P(DynamoDbTest, AnItemIsReplacedIfItHasNotChanged) {
  const auto put = [&](const std::string& seen, const std::string& version) {
    Item item = key("ITEM");
    item["v"] = text(version);
    Write write{Kind::kPut, table_, item};
    write.condition = seen.empty() ? "attribute_not_exists(pk)" : "#v = :v";
    if (!seen.empty()) write.terms = {{{"#v", "v"}}, {{":v", text(seen)}}};
    return transact({write, add("SUM", 1)}, named("t"))->written;
  };
  EXPECT_TRUE(put("", "1"));
  EXPECT_FALSE(put("", "2"));
  EXPECT_TRUE(put("1", "2"));
  EXPECT_FALSE(put("1", "3"));
  Write mark{Kind::kUpdate, table_, key("ITEM"), "SET o = :o", "#v = :v"};
  mark.terms = {{{"#v", "v"}}, {{":v", text("2")}, {":o", number(1)}}};
  EXPECT_TRUE(transact({mark}, named("t"))->written);
  EXPECT_EQ(get("ITEM")->at("v"), text("2"));
  EXPECT_EQ(get("ITEM")->at("o"), number(1));
  EXPECT_EQ(get("SUM")->at("amount"), number(2));
}

TEST_P(DynamoDbTest, AStretchOfAPartition) {
  for (const char* sk : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(*read_written(call(write_item({Kind::kPut, table_, key("P", sk)}))));
  }
  Query what{table_, {}, "pk = :p AND sk BETWEEN :a AND :b"};
  what.terms.values = {{":p", text("P")}, {":a", text("a!")}, {":b", text("c")}};
  what.consistent = true;
  what.projection = "sk";
  const auto page = read_page(call(query(what)));
  ASSERT_TRUE(page.ok()) << page.refusal().message;
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_EQ(page->items[0], (Item{{"sk", text("b")}}));
  EXPECT_EQ(page->next, "");
}

TEST_P(DynamoDbTest, AnItemThatIsTooLarge) {
  Item item = key("ITEM");
  item["m"] = bytes(std::string(kItemBytesMax, 'x'));
  ASSERT_GT(bytes_of(item), kItemBytesMax);
  const auto alone = read_written(call(write_item({Kind::kPut, table_, item})));
  ASSERT_FALSE(alone.ok());
  EXPECT_EQ(alone.refusal().code, "ValidationException");
}

// moto takes each for a new one.
TEST_P(DynamoDbTest, ATokenIsOneTransaction) {
  if (GetParam() == Emulator::kMoto) return;
  EXPECT_TRUE(transact({once("EVENT#1"), add("COST#1", 5)}, "token-1")->written);
  EXPECT_TRUE(transact({once("EVENT#1"), add("COST#1", 5)}, "token-1")->written);
  EXPECT_EQ(get("COST#1")->at("amount"), number(5));
  const auto other = transact({once("EVENT#2")}, "token-1");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.refusal().code, "IdempotentParameterMismatchException");
}

TEST_P(DynamoDbTest, ATableThatIsNotThere) {
  const auto none = read_item(call(get_item(named("none"), key("a"), false)));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.refusal().code, "ResourceNotFoundException");
}

INSTANTIATE_TEST_SUITE_P(Emulators, DynamoDbTest,
                         testing::Values(Emulator::kMoto, Emulator::kTiny,
                                         Emulator::kDynamoDbLocal),
                         emulator_name);

}  // namespace
}  // namespace sluice::aws::dynamodb
