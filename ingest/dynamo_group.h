// Changes of one key, written in one transaction with the key's item, whose version is the word on
// who came first: no two transactions of a key succeed on what they have both seen. So its count
// and its first row's order are right whatever answers are lost, and whoever else writes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ingest/dynamo_change.h"

namespace sluice::ingest::dynamo {

class Group final : public Deed {
 public:
  // Calls of this key that are Together.
  Group(const World& world, std::string key, const std::vector<ParkingCall>& calls);
  // Of one that is no call.
  Group(const World& world, std::string key, std::unique_ptr<Change> change);
  Step start() override { return look(); }

 private:
  struct Member {
    std::uint64_t call_id;
    std::unique_ptr<Change> change;
    Plan plan = {};
    std::size_t first_write = 0;
    bool over = false;  // answered, or left for its turn alone
  };
  Step look();
  Step looked(const Got& got);
  Step look_more();
  Step plan();
  Step seen_rows(const Got& got);
  Step write();
  Step written(const Got& got);
  Step again(const aws::dynamodb::Transaction& why);
  Step refused(const aws::Refusal& why);
  Step next_alone();

  void plan_members();
  void set_head(const std::vector<RowPlace>& first_rows, bool all);
  [[nodiscard]] std::vector<Write> writes();
  void reply(Member& member, ParkingAnswer answer);
  void answer_all();
  Step fail_all(const ParkingFailed& why);

  const World& world_;
  std::string key_;
  std::vector<Member> members_;
  std::vector<Member*> open_;   // of this transaction
  std::vector<Member*> alone_;  // their turn comes, one after the other
  KeyItem before_;
  KeyItem after_;
  std::uint32_t round_ = 0;
};

}  // namespace sluice::ingest::dynamo
