// The servers of one client: the one that it was told, or the masters of a cluster as its nodes say
// that they are: asked at first, now and then, and whenever something shows that it has changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/port/redis_node.h"
#include "lib/port/redis_slots.h"

namespace sluice::port {

class RedisNodes {
 public:
  // `world` outlives it; `urls` has one, or nodes of the cluster to ask first.
  RedisNodes(RedisNode::World& world, std::vector<RedisUrl> urls);

  // Where a command for this key goes now; nullptr: nowhere.
  [[nodiscard]] RedisNode* of(std::string_view key) const;
  // Why that is nowhere.
  [[nodiscard]] std::string trouble_of(std::string_view key) const;

  Instant flush(Instant now);
  // `up` is called for each new connection to a node that has keys.
  void settle(Instant now, const std::function<void(std::uint64_t)>& up);

  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] std::size_t calls_under_way() const;

 private:
  struct Member {
    RedisNode node;
    std::uint64_t told = 0;  // the connection that `up` was called for
    bool connected = false;  // when it was looked at last
    std::size_t slots = 0;
    bool leaving = false;
    Member(RedisNode::World& world, RedisUrl url) : node(world, std::move(url)) {}
    // A connection that nobody was told of is not used yet.
    [[nodiscard]] bool usable() const { return told != 0 && told == node.number(); }
  };
  [[nodiscard]] bool single() const { return !world_.config.cluster; }
  [[nodiscard]] Member* member_of(std::string_view key) const;
  [[nodiscard]] static std::string trouble_of(const Member& member);
  Member& member_at(const RedisUrl& url);
  [[nodiscard]] RedisUrl url_at(const RedisPlace& place) const;
  void settle(Member& member, Instant now, const std::function<void(std::uint64_t)>& up);
  void redirected(const RedisUrl& by, const std::string& text);
  void give_slot(std::size_t slot, Member* to);
  void want_topology(Instant now);
  void ask_topology(Instant now);
  void learn(const RedisUrl& by, const RedisAnswer& answer);
  void apply_topology();
  void let_go();

  RedisNode::World& world_;
  std::vector<RedisUrl> urls_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Member*> slots_;  // of a cluster: who has each slot
  std::vector<RedisSlotRange> learnt_;
  std::string why_;         // the topology is not known
  std::string redirected_;  // by the one server, which is a node of a cluster
  Instant redirected_until_;
  bool known_ = false;
  bool asking_ = false;
  std::size_t asked_ = 0;  // times; who is asked goes round
  Instant ask_at_;
  Instant last_asked_;
};

}  // namespace sluice::port
