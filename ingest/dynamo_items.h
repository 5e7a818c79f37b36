// Parking in a table of DynamoDB: which items there are, and what is in them. Pure.
//
// Several stores share one table: `pk` of all items begins with the store's name and "#". Keys are
// texts; an order or a time in `sk` is 16 hex digits that sort as the number does.
//
//   pk                sk                what
//   name#<identity>   -                 a name; `ttl` once it has ended
//   id#<source>#<id>  -                 which identity has this id, of the front door's messages
//   rows#<key>        order, identity   a row: the message, and its marks
//   keys              key               how many rows, the first one's order, the last one's that
//                                       goes in order, holds
//   ends              when, identity    a row's end: expires_at, or the least of all once cancelled
//   dead              when, identity    a dead letter, without its message
//   letter#<identity> -                 its message
//   life              -                 which process has the store (dynamo_lease.h)
//
// `v` of names, ids, rows and keys is another one with each change: a write's condition is that the
// item is still what was read, or still not there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ingest/parking.h"
#include "lib/aws/dynamodb.h"

namespace sluice::ingest::dynamo {

using aws::dynamodb::Item;
using aws::dynamodb::Write;

struct NameItem {
  Name name;
  std::int64_t order = 0;  // its row's place
  bool id_alone = false;   // its id has an item
  StoreTime until;         // when settled: it is remembered until then
  std::string version;
};
struct IdItem {
  std::string identity;
  std::string version;
};
struct RowItem {
  wire::Offer row;  // as ReadHead gives it
  std::string message;
  std::string version;
  bool readable = true;
};
struct KeyItem {
  KeyFacts facts;
  std::string version;             // empty: it is not there
  std::int64_t last_in_order = 0;  // the greatest order that a row in order was given
};
struct EndItem {
  std::string identity;
  std::string key;
  RowPlace place;
  StoreTime when;
};

// What expressions say of `v`: the item is not there (empty), or has this version.
void only_if(Write& write, const std::string& version);

class Layout {
 public:
  Layout(std::string table, std::string store)
      : table_(std::move(table)), store_(std::move(store)) {}
  [[nodiscard]] const std::string& table() const { return table_; }
  [[nodiscard]] const std::string& store() const { return store_; }

  [[nodiscard]] Item name_key(const std::string& identity) const;
  [[nodiscard]] Item id_key(const std::string& source, const std::string& id) const;
  [[nodiscard]] Item row_key(const std::string& key, const RowPlace& place) const;
  [[nodiscard]] Item key_key(const std::string& key) const;
  [[nodiscard]] Item end_key(StoreTime when, const std::string& identity) const;
  [[nodiscard]] Item dead_key(StoreTime when, const std::string& identity) const;
  [[nodiscard]] Item letter_key(const std::string& identity) const;
  [[nodiscard]] Item life_key() const;

  [[nodiscard]] std::string rows_of(const std::string& key) const;  // pk
  [[nodiscard]] std::string keys() const;
  [[nodiscard]] std::string ends() const;
  [[nodiscard]] std::string dead() const;

  // All that stands under this pk.
  [[nodiscard]] aws::dynamodb::Query all_of(const std::string& partition) const;

  [[nodiscard]] Write put(Item item) const;
  [[nodiscard]] Write remove(Item key) const;
  [[nodiscard]] aws::Request get(const Item& key) const;  // consistent

  [[nodiscard]] Write put_name(const NameItem& name) const;
  [[nodiscard]] Write put_row(const wire::Offer& row, const std::string& version) const;
  [[nodiscard]] Write put_key(const KeyItem& key) const;
  [[nodiscard]] Write put_end(const EndItem& end) const;

  // Of what stands under a name's or row's key.
  [[nodiscard]] Item place_of(const NameItem& name) const;
  [[nodiscard]] StoreTime end_of(const NameItem& name) const;

 private:
  [[nodiscard]] Item at(const std::string& what, const std::string& sort = "-") const;
  std::string table_;
  std::string store_;
};

// Of an attribute; empty, or 0, when the item has none of this name.
std::string text_of(const Item& item, const char* name);
std::int64_t number_of(const Item& item, const char* name);

// DynamoDB drops an item some time after this.
aws::dynamodb::Value ttl_of(StoreTime until);

std::string sortable(std::int64_t number);
std::string sort_of(const RowPlace& place);
RowPlace place_of_sort(const std::string& sort);

NameItem read_name(const Item& item);
IdItem read_id(const Item& item);
RowItem read_row(const Item& item);
KeyItem read_key(const Item& item);
EndItem read_end(const Item& item);

// A cancelled row ends before all others.
inline constexpr StoreTime kCancelledEnd{INT64_MIN};

}  // namespace sluice::ingest::dynamo
