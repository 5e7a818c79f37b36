// Which process has a store in the table: an item that says so until a time, and is written again
// well before it. A second process that is given the same instance is refused at its start; so is
// one that comes before a former life's time is over, unless it has that one's data directory,
// which nobody else can have.
//
// It keeps people from a mistake. That two would not spoil the rows is not its doing.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ingest/dynamo_items.h"
#include "lib/aws/client.h"
#include "lib/base/result.h"
#include "lib/port/poller.h"

namespace sluice::ingest {

struct LeaseHolder {
  std::string life;       // of this process
  std::string host;       // for people
  std::string directory;  // what only this data directory says
};

class DynamoLease {
 public:
  static constexpr Duration kLasts = seconds(20);
  static constexpr Duration kEvery = seconds(5);

  // What it is given outlives it.
  DynamoLease(aws::Client& client, aws::Transport& world, const dynamo::Layout& layout,
              LeaseHolder holder)
      : client_(client), world_(world), layout_(layout), holder_(std::move(holder)) {}
  DynamoLease(const DynamoLease&) = delete;
  DynamoLease& operator=(const DynamoLease&) = delete;

  // Before the loop runs: waits for the table. kUnavailable: another one has the store (named), or
  // the table is not there or does not answer.
  Status take(port::Poller& poller);
  // From now on; `lost` is called once, when another process has it.
  void keep(std::function<void(const std::string& who)> lost);
  // Gives it back; released() when that was answered, whatever the answer.
  void release();
  [[nodiscard]] bool released() const { return released_; }

 private:
  [[nodiscard]] aws::Request claim(bool again) const;
  void renew();
  void lose();
  [[nodiscard]] Error why_not(const aws::Refusal& refusal) const;
  [[nodiscard]] std::string text_of(const dynamo::Item& item) const;

  aws::Client& client_;
  aws::Transport& world_;
  const dynamo::Layout& layout_;
  LeaseHolder holder_;
  std::function<void(const std::string&)> lost_;
  bool releasing_ = false;
  bool released_ = false;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

// Of this data directory, made when it has none: 32 hex digits.
Result<std::string> directory_id(const std::string& directory);

}  // namespace sluice::ingest
