// DynamoDB ("Amazon DynamoDB API Reference"): items, conditions, transactions. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/aws/reply.h"
#include "lib/aws/request.h"

namespace sluice::aws::dynamodb {

constexpr std::size_t kTransactionMax = 100;              // writes
constexpr std::size_t kTransactionBytesMax = 4UL << 20U;  // of all of them
constexpr std::size_t kBatchGetMax = 100;                 // keys
constexpr std::size_t kItemBytesMax = 400UL * 1024;       // with the names of its attributes

struct Value {
  enum class Kind { kText, kNumber, kBytes, kBool, kNull, kOther };
  Kind kind = Kind::kText;
  std::string text;  // UTF-8, a number in decimal, bytes, "true" or "false"; of kOther: its JSON
  friend bool operator==(const Value&, const Value&) = default;
};
Value text(std::string value);
Value number(std::int64_t value);
Value bytes(std::string value);
using Item = std::map<std::string, Value>;
// At most so large as DynamoDB counts it ("Item sizes and formats", Developer Guide): what exceeds
// kItemBytesMax may be refused.
std::size_t bytes_of(const Item& item);

// Expressions, with what stands for names (#n) and values (:v) in them.
struct Terms {
  std::map<std::string, std::string> names = {};
  Item values = {};
};

struct Write {
  enum class Kind { kPut, kUpdate, kDelete };
  Kind kind = Kind::kPut;
  std::string table;
  Item item;  // kPut: all of it; else its key
  std::string update = {};
  std::string condition = {};
  Terms terms = {};
};

// PutItem, UpdateItem or DeleteItem. True: written; false: its condition did not hold. A condition
// that did not hold although `may_be_done` is a refusal: it may have been made to by ourselves.
Request write_item(const Write& what);
Reply<bool> read_written(const Outcome& outcome);

// All or nothing; 1 to 100 of different items. The token, of 1 to 36 characters, makes it one
// transaction however often it is said within ten minutes.
Request transact_write(const std::vector<Write>& writes, const std::string& token);

enum class Cause { kNone, kCondition, kConflict, kThrottled, kTooLarge, kOther };
struct Transaction {
  bool written = false;
  std::vector<Cause> causes = {};  // else: of each write; kNone: it was not to blame
  std::vector<std::string> codes = {};

  [[nodiscard]] bool has(Cause cause) const;
  // It was cancelled for what passes: conflicts and throttling, and nothing else.
  [[nodiscard]] bool may_pass() const;
};
// A refusal for all that is no cancellation.
Reply<Transaction> read_transaction(const Outcome& outcome, std::size_t asked);

Request get_item(const std::string& table, const Item& key, bool consistent);
Reply<std::optional<Item>> read_item(const Outcome& outcome);

// 1 to 100 different keys of one table. What is not there is not among the items.
Request batch_get(const std::string& table, const std::vector<Item>& keys, bool consistent);
struct Got {
  std::vector<Item> items;
  std::vector<Item> unread;  // keys, to be asked for again later
};
Reply<Got> read_got(const Outcome& outcome, const std::string& table);

struct Query {
  std::string table;
  std::string index = {};
  std::string key_condition;
  std::string filter = {};
  Terms terms = {};
  std::string projection = {};
  bool consistent = false;  // not of global indices
  bool backward = false;
  std::uint32_t items_max = 0;  // of a page, before the filter; 0: up to 1 MiB
};
struct Page {
  std::vector<Item> items;
  std::string next;  // for the next page; empty: there is none
};
Request query(const Query& what, const std::string& next = {});
Reply<Page> read_page(const Outcome& outcome);

}  // namespace sluice::aws::dynamodb
