#include "ingest/dynamo_group.h"

#include <algorithm>
#include <tuple>

namespace sluice::ingest::dynamo {

namespace {

void apply(const Plan& plan, KeyItem& key) {
  KeyFacts& facts = key.facts;
  if (plan.adds) ++facts.count;
  if (plan.removes && facts.count > 0) --facts.count;
  if (plan.adds || plan.sets_holds) facts.upstream = plan.upstream;
  if (plan.sets_holds) facts.holds = plan.holds;
  key.last_in_order = std::max(key.last_in_order, plan.last_in_order);
}

bool is_before(const RowPlace& a, const RowPlace& b) {
  return std::tie(a.order, a.identity) < std::tie(b.order, b.identity);
}

}  // namespace

Group::Group(const World& world, std::string key, const std::vector<ParkingCall>& calls)
    : world_(world), key_(std::move(key)) {
  for (const ParkingCall& call : calls) {
    members_.push_back({call.call_id, change_of(world, call.call)});
  }
  for (Member& member : members_) open_.push_back(&member);
}

Group::Group(const World& world, std::string key, std::unique_ptr<Change> change)
    : world_(world), key_(std::move(key)) {
  members_.push_back({0, std::move(change)});
  open_.push_back(&members_.back());
}

void Group::reply(Member& member, ParkingAnswer answer) {
  replies_.push_back({member.call_id, std::move(answer)});
  member.over = true;
}

Step Group::fail_all(const ParkingFailed& why) {
  for (Member* member : open_) {
    if (!member->over) reply(*member, why);
  }
  return next_alone();
}

// ---- what is there

Step Group::look() {
  Step step{{world_.layout.get(world_.layout.key_key(key_))}};
  for (Member* member : open_) {
    for (auto& request : member->change->questions()) step.ask.push_back(std::move(request));
  }
  step.then = [this](const Got& got) { return looked(got); };
  return step;
}

// The first answer is the key's, where it was asked for; the others are the members', in order.
Step Group::looked(const Got& got) {
  std::optional<ParkingFailed> trouble;
  const auto item = item_of(got.at(0), trouble);
  if (trouble) return fail_all(*trouble);
  before_ = item ? read_key(*item) : KeyItem{{key_, {}, 0, 0, {}}, {}};
  std::size_t at = 1;
  for (Member* member : open_) {
    const std::size_t count = member->change->questions().size();
    if (count == 0) continue;
    const auto first = got.begin() + static_cast<std::ptrdiff_t>(at);
    member->change->see(Got(first, first + static_cast<std::ptrdiff_t>(count)));
    at += count;
  }
  return look_more();
}

Step Group::look_more() {
  const bool questions = std::any_of(open_.begin(), open_.end(), [](const Member* member) {
    return !member->change->trouble && !member->change->questions().empty();
  });
  return questions ? look() : plan();
}

// ---- what is to be

void Group::plan_members() {
  after_ = before_;
  for (Member* member : open_) {
    if (!member->change->trouble) member->plan = member->change->plan(after_);
    if (member->change->trouble) {
      reply(*member, *member->change->trouble);
    } else if (member->plan.nothing()) {
      reply(*member, member->change->answer(before_.facts));
    } else {
      apply(member->plan, after_);
    }
  }
  std::erase_if(open_, [](const Member* member) { return member->over; });
}

Step Group::plan() {
  plan_members();
  if (open_.empty()) return next_alone();
  std::uint32_t removed = 0;
  bool of_head = false;
  for (const Member* member : open_) {
    if (!member->plan.removes) continue;
    ++removed;
    of_head = of_head || member->plan.removes->order <= before_.facts.head_order;
  }
  if (!of_head || after_.facts.count == 0) {
    std::vector<RowPlace> head;
    if (before_.facts.count > 0) head.push_back({before_.facts.head_order, {}});
    set_head(head, true);
    return write();
  }
  aws::dynamodb::Query rows = world_.layout.all_of(world_.layout.rows_of(key_));
  rows.projection = "sk";
  rows.consistent = true;
  rows.items_max = removed + 1;
  return {{aws::dynamodb::query(rows)}, [this](const Got& got) { return seen_rows(got); }};
}

Step Group::seen_rows(const Got& got) {
  const auto page = aws::dynamodb::read_page(got.at(0));
  if (!page.ok()) return fail_all(failed(page.refusal()));
  std::vector<RowPlace> rows;
  for (const Item& one : page->items) {
    const auto sort = one.find("sk");
    if (sort != one.end()) rows.push_back(place_of_sort(sort->second.text));
  }
  set_head(rows, false);
  return write();
}

// The first of all rows that stay and come. `first_rows`: what was there, or (`all`) a row that is
// known to stay the first of them.
void Group::set_head(const std::vector<RowPlace>& first_rows, bool all) {
  std::optional<RowPlace> head;
  const auto is_removed = [this](const RowPlace& place) {
    return std::any_of(open_.begin(), open_.end(), [&](const Member* member) {
      const auto& removes = member->plan.removes;
      return removes && removes->order == place.order && removes->identity == place.identity;
    });
  };
  for (const RowPlace& place : first_rows) {
    if (!all && is_removed(place)) continue;
    if (!head || is_before(place, *head)) head = place;
  }
  for (const Member* member : open_) {
    const auto& adds = member->plan.adds;
    if (adds && (!head || is_before(*adds, *head))) head = *adds;
  }
  after_.facts.head_order = head && after_.facts.count > 0 ? head->order : 0;
}

// ---- how it is written

std::vector<Write> Group::writes() {
  std::vector<Write> all;
  for (Member* member : open_) {
    member->first_write = all.size();
    all.insert(all.end(), member->plan.writes.begin(), member->plan.writes.end());
  }
  after_.version = world_.version();
  const bool empty = after_.facts.count == 0 && after_.facts.holds.empty();
  if (empty && before_.version.empty()) return all;
  Write key =
      empty ? world_.layout.remove(world_.layout.key_key(key_)) : world_.layout.put_key(after_);
  only_if(key, before_.version);
  all.push_back(std::move(key));
  return all;
}

Step Group::write() {
  const std::vector<Write> all = writes();
  if (all.empty()) {
    answer_all();
    return next_alone();
  }
  return {{aws::dynamodb::transact_write(all, world_.token())},
          [this](const Got& got) { return written(got); }};
}

void Group::answer_all() {
  const bool empty = after_.facts.count == 0 && after_.facts.holds.empty();
  const KeyFacts facts = empty ? KeyFacts{key_, {}, 0, 0, {}} : after_.facts;
  for (Member* member : open_) reply(*member, member->change->answer(facts));
}

Step Group::written(const Got& got) {
  std::size_t asked = 0;
  for (const Member* member : open_) asked += member->plan.writes.size();
  const bool empty = after_.facts.count == 0 && after_.facts.holds.empty();
  if (!empty || !before_.version.empty()) ++asked;
  const auto how = aws::dynamodb::read_transaction(got.at(0), asked);
  if (!how.ok()) return refused(how.refusal());
  if (!how->written) return again(*how);
  answer_all();
  return next_alone();
}

// Somebody else was quicker, or is at the same items. What has changed is looked at again.
Step Group::again(const aws::dynamodb::Transaction& why) {
  using aws::dynamodb::Cause;
  if (why.has(Cause::kOther) || why.has(Cause::kTooLarge) || ++round_ > kRoundsMax) {
    std::string said = "a transaction is cancelled:";
    for (const std::string& code : why.codes) {
      if (code != "None") said += " " + code;
    }
    return fail_all({said});
  }
  for (Member* member : open_) {
    for (std::size_t n = 0; n < member->plan.writes.size(); ++n) {
      if (why.causes[member->first_write + n] == Cause::kCondition) member->change->stale(n);
    }
  }
  Step step = look();
  step.wait = jitter(world_.chance, round_);
  return step;
}

// One that can never be written, such as for its size, must not keep the others from it.
Step Group::refused(const aws::Refusal& why) {
  if (why.kind != aws::FaultKind::kRefused || why.may_be_done || open_.size() < 2) {
    return fail_all(failed(why));
  }
  alone_.insert(alone_.end(), open_.begin(), open_.end());
  open_.clear();
  return next_alone();
}

Step Group::next_alone() {
  open_.clear();
  if (alone_.empty()) return {};
  open_.push_back(alone_.back());
  alone_.pop_back();
  round_ = 0;
  return look();
}

}  // namespace sluice::ingest::dynamo
