#include "lib/port/redis_nodes.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::port {

namespace {

// However often it is wanted; and while somebody is missing.
constexpr Duration kAskAtMost = milliseconds(200);
constexpr Duration kAskInTrouble = seconds(1);
// How long one call that was refused is told of: calls follow, and succeed, or say it again.
constexpr Duration kRedirectedFor = seconds(5);

}  // namespace

RedisNodes::RedisNodes(RedisNode::World& world, std::vector<RedisUrl> urls)
    : world_(world), urls_(std::move(urls)) {
  world_.redirected = [this](const RedisUrl& by, const std::string& text) { redirected(by, text); };
  for (const RedisUrl& url : urls_) member_at(url);
  if (!single()) slots_.resize(kRedisSlots);
  why_ = single() ? "" : "the cluster has not been asked yet who has which slots";
  last_asked_ = world_.poller.now() - kAskAtMost;
  ask_at_ = world_.poller.now();
}

RedisNodes::Member* RedisNodes::member_of(std::string_view key) const {
  return single() ? members_.front().get() : slots_[redis_slot(key)];
}

RedisNode* RedisNodes::of(std::string_view key) const {
  Member* member = member_of(key);
  return member != nullptr && member->usable() ? &member->node : nullptr;
}

std::string RedisNodes::trouble_of(std::string_view key) const {
  const Member* member = member_of(key);
  if (member == nullptr) return known_ ? "no master has this key's slot" : why_;
  return trouble_of(*member);
}

std::string RedisNodes::trouble_of(const Member& member) {
  if (member.usable()) return {};
  return member.node.number() == 0 ? member.node.trouble() : "not connected yet";
}

RedisNodes::Member& RedisNodes::member_at(const RedisUrl& url) {
  const std::string address = redis_address(url);
  for (const auto& member : members_) {
    if (!member->leaving && redis_address(member->node.url()) == address) return *member;
  }
  return *members_.emplace_back(std::make_unique<Member>(world_, url));
}

RedisUrl RedisNodes::url_at(const RedisPlace& place) const {
  RedisUrl url = urls_.front();
  url.host = place.host;
  url.port = place.port;
  return url;
}

// ---- each turn ---------------------------------------------------------------------------------

Instant RedisNodes::flush(Instant now) {
  Instant next = single() || asking_ ? Instant::never() : ask_at_;
  for (const auto& member : members_) next = std::min(next, member->node.flush(now));
  return next;
}

// By index: what a call's end brings about may add members.
void RedisNodes::settle(Instant now, const std::function<void(std::uint64_t)>& up) {
  for (std::size_t i = 0; i < members_.size(); ++i) settle(*members_[i], now, up);
  if (single()) return;
  if (!learnt_.empty()) apply_topology();
  let_go();
  if (!asking_ && now >= ask_at_) ask_topology(now);
}

void RedisNodes::settle(Member& member, Instant now, const std::function<void(std::uint64_t)>& up) {
  member.node.settle(now);
  const std::uint64_t number = member.node.number();
  const bool connected = number != 0;
  const bool has_keys = single() || member.slots > 0;
  // One is lost; or one is there that was connected to for nothing else than to be asked.
  const bool changed = connected != std::exchange(member.connected, connected);
  if (changed && !(connected && has_keys)) want_topology(now);
  if (!connected || number == member.told || !has_keys) return;
  member.told = number;
  up(number);
}

// ---- a cluster's topology ----------------------------------------------------------------------

// The slot's next call goes where the server said; whoever else has moved, the topology tells.
void RedisNodes::redirected(const RedisUrl& by, const std::string& text) {
  if (single()) {
    redirected_ = "this is a node of a cluster, and the settings say that it is none: " + text;
    redirected_until_ = world_.poller.now() + kRedirectedFor;
    return;
  }
  want_topology(world_.poller.now());
  const auto moved = read_moved(text, by.host);
  if (moved) give_slot(moved->slot, &member_at(url_at(moved->to)));
}

void RedisNodes::give_slot(std::size_t slot, Member* to) {
  if (slots_[slot] != nullptr) --slots_[slot]->slots;
  slots_[slot] = to;
  if (to != nullptr) ++to->slots;
}

void RedisNodes::want_topology(Instant now) {
  ask_at_ = std::min(ask_at_, std::max(now, last_asked_ + kAskAtMost));
}

// Whoever is connected, in turn; when nobody is, those of the settings are connected to again.
void RedisNodes::ask_topology(Instant now) {
  last_asked_ = now;
  ask_at_ = now + kAskInTrouble;
  ++asked_;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = *members_[(asked_ + i) % members_.size()];
    if (member.node.number() == 0) continue;
    const std::array<std::string_view, 2> words{"CLUSTER", "SLOTS"};
    asking_ = true;
    member.node.ask(words, [this, by = member.node.url()](const RedisAnswer& answer) {
      asking_ = false;
      learn(by, answer);
    });
    return;
  }
  for (const RedisUrl& url : urls_) member_at(url);
}

void RedisNodes::learn(const RedisUrl& by, const RedisAnswer& answer) {
  if (answer.end != RedisAnswer::End::kAnswered) return;
  auto ranges = read_cluster_slots(answer.value, by.host);
  const bool refused = answer.value.kind == RedisValue::Kind::kError;
  if (!ranges) {
    why_ = redis_address(by) + ": " + (refused ? answer.value.text : ranges.error().what);
  } else if (ranges->empty()) {
    why_ = redis_address(by) + ": knows of no slots";
  } else {
    learnt_ = std::move(*ranges);
  }
}

// What is connected and still a master stays as it is.
void RedisNodes::apply_topology() {
  std::vector<Member*> owners(kRedisSlots);
  for (const RedisSlotRange& range : std::exchange(learnt_, {})) {
    std::fill(owners.begin() + range.first, owners.begin() + range.last + 1,
              &member_at(url_at(range.master)));
  }
  for (std::size_t slot = 0; slot < kRedisSlots; ++slot) give_slot(slot, owners[slot]);
  known_ = true;
  why_.clear();
  for (const auto& member : members_) {
    if (member->slots > 0 || member->leaving) continue;
    member->leaving = true;
    member->node.retire();
  }
  const bool whole = trouble().empty();
  ask_at_ = last_asked_ + (whole ? world_.config.topology_every : kAskInTrouble);
}

void RedisNodes::let_go() {
  std::erase_if(members_,
                [](const auto& member) { return member->leaving && member->node.quiet(); });
}

// ---- what people ask ---------------------------------------------------------------------------

std::string RedisNodes::trouble() const {
  if (single()) {
    const bool redirected = world_.poller.now() < redirected_until_;
    return redirected ? redirected_ : trouble_of(*members_.front());
  }
  if (!known_) {
    for (const auto& member : members_) {
      if (member->node.number() != 0) return "cluster: " + why_;
    }
    return members_.front()->node.trouble();
  }
  for (const auto& member : members_) {
    if (member->slots > 0 && !member->usable()) return trouble_of(*member);
  }
  const auto missing = std::count(slots_.begin(), slots_.end(), nullptr);
  return missing == 0 ? "" : "cluster: " + std::to_string(missing) + " slots have no master";
}

std::size_t RedisNodes::calls_under_way() const {
  std::size_t calls = 0;
  for (const auto& member : members_) calls += member->node.calls_under_way();
  return calls;
}

}  // namespace sluice::port
