// Parking on DynamoDB: calls that read, and those that mark what they have read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ingest/dynamo_step.h"

namespace sluice::ingest::dynamo {

// Nothing: the call is a Change (dynamo_change.h).
std::unique_ptr<Deed> read_of(const World& world, const ParkingCall& call);

// One call.
class Single : public Deed {
 public:
  Single(const World& world, std::uint64_t call_id) : world_(world), call_id_(call_id) {}

 protected:
  Step end(ParkingAnswer answer);
  const World& world_;

 private:
  std::uint64_t call_id_;
};

// ---- by an id

class ById : public Single {
 public:
  using Single::Single;

 protected:
  // Then known() with the name, if there is one.
  Step find(const std::string& source, const std::string& id);
  virtual Step known(const std::optional<NameItem>& name) = 0;
};

class LookupDeed final : public ById {
 public:
  LookupDeed(const World& world, std::uint64_t call_id, LookupId call)
      : ById(world, call_id), call_(std::move(call)) {}
  Step start() override;

 private:
  Step known(const std::optional<NameItem>& name) override;
  Step count(const Got& got);
  Step counted(const Got& got);
  [[nodiscard]] aws::dynamodb::Query rows_beside() const;
  LookupId call_;
  std::optional<NameItem> name_;
  LookupAnswer answer_;
  std::uint64_t rows_ = 0;  // before it, or behind
  std::uint32_t pages_ = 0;
};

class CancelDeed final : public ById {
 public:
  CancelDeed(const World& world, std::uint64_t call_id, MarkCancelled call)
      : ById(world, call_id), call_(std::move(call)) {}
  Step start() override;

 private:
  Step known(const std::optional<NameItem>& name) override;
  Step mark(const Got& got);
  Step mark_name();
  Step write(const std::vector<Write>& writes);
  MarkCancelled call_;
  std::optional<NameItem> name_;
  RowItem row_;
  std::uint32_t round_ = 0;
};

// ---- by its identity

class RowDeed final : public Single {
 public:
  RowDeed(const World& world, std::uint64_t call_id, ReadRow call)
      : Single(world, call_id), call_(std::move(call)) {}
  Step start() override;

 private:
  Step known(const Got& got);
  Step read(const Got& got);
  ReadRow call_;
};

// ---- pages

class KeysDeed final : public Single {
 public:
  KeysDeed(const World& world, std::uint64_t call_id, ListKeys call)
      : Single(world, call_id), call_(std::move(call)) {}
  Step start() override { return ask({}); }

 private:
  Step ask(const std::string& next);
  Step take(const Got& got);
  ListKeys call_;
  KeysAnswer answer_;
};

// Rows are marked as offered before they are answered; of one that is never said to be new twice
// that must be so. `done` gets those that are still there.
class Marking : public Single {
 public:
  using Single::Single;

 protected:
  Step mark(std::vector<RowItem> rows);
  virtual Step marked(std::vector<wire::Offer> rows) = 0;

 private:
  Step next();
  Step written(const Got& got);
  Step seen_again(const Got& got);
  std::vector<RowItem> rows_;
  std::vector<std::size_t> left_;   // not marked yet
  std::vector<std::size_t> batch_;  // under way
  std::uint32_t round_ = 0;
};

class HeadDeed final : public Marking {
 public:
  HeadDeed(const World& world, std::uint64_t call_id, ReadHead call)
      : Marking(world, call_id), call_(std::move(call)) {}
  Step start() override { return ask({}); }

 private:
  Step ask(const std::string& next);
  Step take(const Got& got);
  Step marked(std::vector<wire::Offer> rows) override;
  ReadHead call_;
  HeadAnswer answer_;
  std::vector<RowItem> rows_;
  std::uint64_t bytes_ = 0;
};

class EndingDeed final : public Marking {
 public:
  EndingDeed(const World& world, std::uint64_t call_id, ListEnding call)
      : Marking(world, call_id), call_(std::move(call)) {}
  Step start() override;

 private:
  Step take(const Got& got);
  Step fetch();
  Step fetched(const Got& got);
  Step marked(std::vector<wire::Offer> rows) override;
  ListEnding call_;
  EndingAnswer answer_;
  std::vector<EndItem> ends_;
  bool more_ = false;
  std::size_t at_ = 0;  // of ends_: looked at so far
  std::size_t asked_ = 0;
  std::vector<RowItem> rows_;
  std::uint64_t bytes_ = 0;
};

class ForgetDeed final : public Single {
 public:
  using Single::Single;
  // The table drops names by their time to live.
  Step start() override { return end(ForgetAnswer{}); }
};

}  // namespace sluice::ingest::dynamo
