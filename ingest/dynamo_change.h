// Calls that change which rows a key has, or its holds: Put, SettleRow, Reorder, SetHolds. Several
// of one key are written together (dynamo_group.h). Each looks at its items, plans its writes, and
// looks again when they have changed meanwhile.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ingest/dynamo_step.h"

namespace sluice::ingest::dynamo {

struct Plan {
  std::vector<Write> writes = {};
  std::optional<RowPlace> removes = {};
  std::optional<RowPlace> adds = {};
  bool sets_holds = false;
  std::vector<wire::Hold> holds = {};
  std::string upstream = {};       // of the key, with `adds` or `sets_holds`
  std::int64_t last_in_order = 0;  // of the row that it adds, if that goes in order

  [[nodiscard]] bool nothing() const { return writes.empty() && !sets_holds; }
};

class Change {
 public:
  explicit Change(const World& world) : world_(world) {}
  virtual ~Change() = default;
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  // What it must see before it plans; asked until it has no more questions.
  virtual std::vector<aws::Request> questions() = 0;
  virtual void see(const Got& got) = 0;
  // `key`: as the changes before it leave it.
  virtual Plan plan(const KeyItem& key) = 0;
  // The condition of its write `which` did not hold: what it has seen is over.
  virtual void stale(std::size_t which) = 0;
  // After its plan was written, or was nothing.
  [[nodiscard]] virtual ParkingAnswer answer(const KeyFacts& key) const = 0;

  // What it could not read; it has failed then.
  std::optional<ParkingFailed> trouble;

 protected:
  const World& world_;
};

// The place that the row gets among those of its key.
std::int64_t order_in(const KeyItem& key, const wire::Offer& row);

// A Change of the call, or nothing: it is not one of these.
std::unique_ptr<Change> change_of(const World& world, const Call& call);
// Of the key whose rows or holds it changes; empty: it is no such call.
std::string key_of(const Call& call);
// Calls that may be written together, of one key: alike, of different messages, not too large.
class Together {
 public:
  // Whether it may be one more; then it is.
  bool takes(const Call& call);

 private:
  std::size_t kind_ = 0;
  std::set<std::string> names_;
  std::size_t bytes_ = 0;
};

class PutChange final : public Change {
 public:
  // At first nothing is there: mostly that is so, but for the name of what was posted.
  PutChange(const World& world, Put call)
      : Change(world), call_(std::move(call)), look_(call_.posted ? Look::kItems : Look::kNot) {}
  std::vector<aws::Request> questions() override;
  void see(const Got& got) override;
  Plan plan(const KeyItem& key) override;
  void stale(std::size_t which) override;
  [[nodiscard]] ParkingAnswer answer(const KeyFacts& key) const override;

 private:
  void judge();
  [[nodiscard]] Write id_of(const NameItem& name) const;
  void add_row(const NameItem& name, Write put_row, Plan& plan) const;
  enum class Look { kNot, kItems, kHolder, kDone };
  Put call_;
  Look look_;
  std::optional<NameItem> own_;     // of this identity
  std::optional<IdItem> id_;        // of this id
  std::optional<NameItem> holder_;  // whom the id names
  std::optional<Name> there_;       // what stands in the way
  bool is_awaited_ = false;         // the name that is there was accepted for this row
  Name made_;
  PutEnd end_ = PutEnd::kCreated;
};

// Of one message: looks at its name, and then, where that is wanted, at its row.
class MessageChange : public Change {
 public:
  MessageChange(const World& world, std::string identity)
      : Change(world), identity_(std::move(identity)) {}
  std::vector<aws::Request> questions() override;
  void see(const Got& got) override;
  void stale(std::size_t which) override;

 protected:
  [[nodiscard]] virtual bool wants_row() const = 0;  // of a message that waits
  std::optional<NameItem> name_;
  std::optional<RowItem> row_;

 private:
  std::string identity_;
  bool looked_ = false;
  bool row_looked_ = false;
};

class SettleChange final : public MessageChange {
 public:
  SettleChange(const World& world, SettleRow call)
      : MessageChange(world, call.settled.identity), call_(std::move(call)) {}
  Plan plan(const KeyItem& key) override;
  void stale(std::size_t which) override;
  [[nodiscard]] ParkingAnswer answer(const KeyFacts& key) const override;

 private:
  [[nodiscard]] bool wants_row() const override {
    return call_.settled.settlement == wire::Settlement::kDead;
  }
  void bury(const Name& name, Plan& plan) const;
  void stop(const KeyItem& key, Plan& plan);
  SettleRow call_;
  bool with_id_ = true;
  std::size_t id_write_ = 0;
  SettleEnd end_ = SettleEnd::kSettled;
  bool stopped_ = false;
};

class ReorderChange final : public MessageChange {
 public:
  ReorderChange(const World& world, Reorder call)
      : MessageChange(world, call.identity), call_(std::move(call)) {}
  Plan plan(const KeyItem& key) override;
  [[nodiscard]] ParkingAnswer answer(const KeyFacts& key) const override;

 private:
  [[nodiscard]] bool wants_row() const override { return name_->order != call_.order; }
  Reorder call_;
  bool there_ = false;
};

class HoldsChange final : public Change {
 public:
  HoldsChange(const World& world, SetHolds call) : Change(world), call_(std::move(call)) {}
  std::vector<aws::Request> questions() override { return {}; }
  void see(const Got&) override {}
  Plan plan(const KeyItem& key) override;
  void stale(std::size_t) override {}
  [[nodiscard]] ParkingAnswer answer(const KeyFacts&) const override { return Acknowledged{}; }

 private:
  SetHolds call_;
};

}  // namespace sluice::ingest::dynamo
