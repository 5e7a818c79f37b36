// DynamoDB, as far as Sluice calls it: JSON in, JSON out. It is stricter than the real one: a
// field, an operation or an expression that it does not know is a ValidationException.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "lib/base/instant.h"
#include "tests/tiny_dynamodb/fault.h"
#include "tests/tiny_dynamodb/table.h"

namespace sluice::tiny {

// What a test wants to go wrong: so many of the next calls.
struct Troubles {
  std::uint32_t throttle = 0;           // ThrottlingException
  std::uint32_t conflict = 0;           // of TransactWriteItems: TransactionConflict
  std::uint32_t unprocessed = 0;        // of BatchWriteItem: the last entry is left
  std::size_t page_bytes = 1UL << 20U;  // of a Query
};

class Service {
 public:
  // Throws a Fault.
  json call(const std::string& operation, const json& request, Instant now);

  Troubles& troubles() { return troubles_; }
  void expire(std::int64_t now_s);
  // How often each operation was called, and the units that it used, in halves: a read that need
  // not be consistent takes half a unit.
  [[nodiscard]] json counts() const;

 private:
  struct Op {
    json (Service::*run)(const json&);
    const char* fields;  // that it may have, with a blank behind each
  };
  static const std::map<std::string, Op>& ops();

  json create_table(const json& request);
  json describe_table(const json& request);
  json delete_table(const json& request);
  json update_ttl(const json& request);
  json describe_ttl(const json& request);
  json get_item(const json& request);
  json put_item(const json& request);
  json update_item(const json& request);
  json delete_item(const json& request);
  json query(const json& request);
  json batch_get(const json& request);
  json batch_write(const json& request);
  json transact_write(const json& request);

  // A write that was looked at, and what it makes of its item.
  struct Planned {
    Table* table = nullptr;
    json key;
    json after = {};        // null: deleted; of a check: what is there
    bool allowed = true;    // its condition holds
    std::size_t bytes = 0;  // the larger of before and after
  };
  Table& table_of(const json& request);
  Planned plan(const std::string& kind, const json& write);
  void apply(const Planned& write, int units_each);
  json write_alone(const std::string& kind, const json& request);
  json cancelled(const std::vector<Planned>& writes, bool conflict) const;
  void count_read(std::size_t bytes, bool consistent);

  std::map<std::string, Table> tables_;
  struct Said {
    std::string request;
    Instant at;
  };
  std::map<std::string, Said> tokens_;  // of transactions
  Troubles troubles_;
  Instant now_;
  std::map<std::string, std::uint64_t> calls_;
  std::uint64_t read_halves_ = 0;
  std::uint64_t write_units_ = 0;
};

}  // namespace sluice::tiny
