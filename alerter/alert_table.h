// A table of DynamoDB that says which alerts there were, and what became of them at each sink: a
// record for others. What is delivered goes by the state (sqlite_state.h), of which this is a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "alerter/sqlite_state.h"
#include "lib/aws/client.h"
#include "lib/aws/dynamodb.h"
#include "lib/port/log.h"

namespace sluice::alerter {

// pk ALERT#<alert_id>, sk its time; label_<name> of each label, sink_<name> of each sink:
// "undelivered", "delivered", "given_up". Kept for 30 days from `now`.
aws::dynamodb::Item alert_item(const Unrecorded& what, StoreTime now);

class AlertTable {
 public:
  struct World {
    aws::Client& client;
    aws::Transport& time;
    port::Log& log;
  };
  // What it is given outlives it; it may go while a call is under way.
  AlertTable(std::string name, SqliteState& state, World world)
      : name_(std::move(name)), state_(state), world_(world) {}
  AlertTable(const AlertTable&) = delete;
  AlertTable& operator=(const AlertTable&) = delete;

  // Writes what has changed, one after the other. To be called now and then.
  void look();
  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  void next();
  void took(const Unrecorded& what, const aws::Outcome& outcome);
  void trouble(const std::string& why);

  std::string name_;
  SqliteState& state_;
  World world_;
  std::deque<Unrecorded> waiting_;
  bool is_busy_ = false;
  Instant again_at_;
  std::string trouble_;
  std::uint64_t written_ = 0;
  std::uint64_t failed_ = 0;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace sluice::alerter
