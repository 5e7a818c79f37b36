#include "ingest/dynamo_parking.h"

#include <algorithm>
#include <utility>

#include "ingest/dynamo_group.h"
#include "ingest/dynamo_reads.h"
#include "lib/aws/pages.h"
#include "lib/base/check.h"

namespace sluice::ingest {

using dynamo::Deed;
using dynamo::Got;
using dynamo::Step;

DynamoParking::DynamoParking(aws::Client& client, aws::Transport& world, DynamoParkingConfig config,
                             Answered answered)
    : client_(client),
      transport_(world),
      config_(std::move(config)),
      answered_(std::move(answered)),
      layout_(config_.table, config_.store),
      chance_(config_.seed),
      world_{layout_, chance_, forgotten_before_} {}

void DynamoParking::apply(std::span<const ParkingCall> calls) {
  for (const ParkingCall& call : calls) take(call);
  start_more();
}

void DynamoParking::take(const ParkingCall& call) {
  ++open_;
  if (const auto* forget = std::get_if<ForgetNames>(&call.call)) {
    forgotten_before_ = std::max(forgotten_before_, forget->now);
  }
  const std::string key = dynamo::key_of(call.call);
  if (key.empty()) {
    reads_.push_back(call);
    return;
  }
  Lane& lane = lanes_[key];
  lane.waiting.push_back(call);
  if (!lane.under_way && lane.waiting.size() == 1) ready_.push_back(key);
}

void DynamoParking::perform(const std::shared_ptr<Deed>& deed) {
  ++open_;
  ++under_way_;
  run(deed, deed->start());
}

// Reads and keys take turns.
void DynamoParking::start_more() {
  while (under_way_ < config_.under_way_max && (!reads_.empty() || !ready_.empty())) {
    if (!reads_.empty()) {
      SharedDeed deed = dynamo::read_of(world_, reads_.front());
      CHECK(deed != nullptr);
      reads_.pop_front();
      ++under_way_;
      run(deed, deed->start());
    }
    if (!ready_.empty() && under_way_ < config_.under_way_max) {
      const std::string key = std::move(ready_.front());
      ready_.pop_front();
      start_lane(key);
    }
  }
}

void DynamoParking::start_lane(const std::string& key) {
  Lane& lane = lanes_.at(key);
  lane.under_way = true;
  std::vector<ParkingCall> group;
  dynamo::Together together;
  while (!lane.waiting.empty() && together.takes(lane.waiting.front().call)) {
    group.push_back(std::move(lane.waiting.front()));
    lane.waiting.pop_front();
  }
  const auto deed = std::make_shared<dynamo::Group>(world_, key, group);
  lane_of_[deed.get()] = key;
  ++under_way_;
  run(deed, deed->start());
}

void DynamoParking::run(const SharedDeed& deed, Step step) {
  if (!step.then) return ended(deed);
  if (step.wait == Duration{}) return ask(deed, std::move(step));
  const auto here = std::weak_ptr<bool>(here_);
  const Duration wait = step.wait;
  transport_.after(wait, [this, here, deed, step = std::move(step)] {
    if (!here.expired()) ask(deed, step);
  });
}

void DynamoParking::ask(const SharedDeed& deed, Step step) {
  struct Asked {
    Got got;
    std::size_t left;
    std::function<Step(const Got&)> then;
  };
  const std::size_t count = step.ask.size();
  if (count == 0) return run(deed, step.then({}));
  auto asked = std::make_shared<Asked>(Asked{Got(count), count, std::move(step.then)});
  const auto here = std::weak_ptr<bool>(here_);
  for (std::size_t n = 0; n < count; ++n) {
    client_.call(std::move(step.ask[n]), [this, here, deed, asked, n](aws::Outcome outcome) {
      if (here.expired()) return;
      asked->got[n] = std::move(outcome);
      if (--asked->left == 0) run(deed, asked->then(asked->got));
    });
  }
}

void DynamoParking::ended(const SharedDeed& deed) {
  --under_way_;
  if (const auto lane = lane_of_.extract(deed.get()); !lane.empty()) {
    const auto at = lanes_.find(lane.mapped());
    at->second.under_way = false;
    if (at->second.waiting.empty()) {
      lanes_.erase(at);
    } else {
      ready_.push_back(lane.mapped());
    }
  }
  const auto here = std::weak_ptr<bool>(here_);
  for (const ParkingReply& reply : deed->replies()) {
    --open_;
    answered_(reply);
    if (here.expired()) return;
  }
  start_more();
}

// ---- sums

namespace {

using Sums = std::function<void(std::optional<ParkingSums>)>;

void each_item(aws::Client& client, const aws::dynamodb::Query& what,
               const std::function<void(const dynamo::Item&)>& each,
               const std::function<void(bool)>& done) {
  aws::for_each_page<aws::dynamodb::Page>(
      client, {[what](const std::string& next) { return aws::dynamodb::query(what, next); },
               &aws::dynamodb::read_page,
               [each](const aws::dynamodb::Page& page) {
                 for (const dynamo::Item& item : page.items) each(item);
                 return true;
               },
               [done](const std::optional<aws::Refusal>& why) { done(!why); }});
}

}  // namespace

void DynamoParking::add_up(const Sums& done) {
  const auto sums = std::make_shared<ParkingSums>();
  const auto here = std::weak_ptr<bool>(here_);
  each_item(
      client_, layout_.all_of(layout_.keys()),
      [sums](const dynamo::Item& item) {
        const std::uint64_t rows = dynamo::read_key(item).facts.count;
        sums->rows += rows;
        sums->keys += rows > 0 ? 1 : 0;
      },
      [this, here, sums, done](bool whole) {
        if (here.expired()) return;
        if (!whole) return done(std::nullopt);
        count_dead(*sums, done);
      });
}

void DynamoParking::count_dead(ParkingSums sums, const Sums& done) {
  const auto dead = std::make_shared<std::uint64_t>(0);
  auto what = layout_.all_of(layout_.dead());
  what.projection = "sk";
  const auto here = std::weak_ptr<bool>(here_);
  each_item(
      client_, what, [dead](const dynamo::Item&) { ++*dead; },
      [here, dead, sums, done](bool whole) {
        if (here.expired()) return;
        ParkingSums all = sums;
        all.dead = *dead;
        done(whole ? std::optional(all) : std::nullopt);
      });
}

}  // namespace sluice::ingest
