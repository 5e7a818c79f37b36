// Ingest's core in a small hostile world, many seeds: parking calls are lost before or after they
// were applied, or answered late; limiters come and go; queue copies come twice. Then all is
// healed. Whatever was said to be accepted ends once, nothing is stuck, no queue copy was deleted
// that has neither a row nor an end (design 4.2).
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "lib/base/prng.h"
#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

class HostileWorld {
 public:
  explicit HostileWorld(std::uint64_t seed) : prng_(seed), core_(config()) {}

  void run() {
    for (int step = 0; step < 1'500; ++step) act(true);
    hostile_ = false;
    if (limiters_.empty()) limiter_up();
    for (int step = 0; step < 4'000 && !over(); ++step) act(false);
  }

  void check() {
    EXPECT_TRUE(parking_.rows().empty()) << parking_.rows().size() << " rows are stuck";
    EXPECT_TRUE(queue_.empty()) << queue_.size() << " copies are stuck";
    for (const std::string& id : accepted_) {
      EXPECT_TRUE(ended_.contains(id)) << id << " was accepted and lost";
    }
    for (const std::string& id : queued_) {
      EXPECT_TRUE(ended_.contains(id)) << id << " was queued and lost";
    }
    EXPECT_TRUE(core_.idle());
    EXPECT_GT(ended_.size(), 100U);
  }

 private:
  struct Later {
    Instant at;
    IngestCore::Reply reply;
  };
  struct Copy {
    wire::Offer message;
    Instant visible;
    std::uint64_t received = 0;
  };
  struct Line {
    std::map<std::string, wire::Offer> offers;  // by identity
    std::set<std::string> keys;                 // announced
  };

  static Config config() {
    Config config;
    config.parking_wait = milliseconds(500);
    config.announce_every = seconds(5);
    config.sweep_every = seconds(5);
    config.hold_visibility = seconds(4);
    config.away_visibility = seconds(5);
    config.full_visibility = seconds(5);
    config.key_max = 5;
    config.read_max = 4;
    return World::with_upstream(config);
  }

  bool over() {
    return parking_.rows().empty() && queue_.empty() && core_.idle() && later_.empty();
  }

  void act(bool more) {
    now_ = now_ + prng_.between(milliseconds(1), milliseconds(60));
    deliver_late();
    if (more && prng_.chance(300'000)) submit();
    if (more && prng_.chance(150'000)) enqueue();
    if (prng_.chance(400'000)) receive();
    if (hostile_ && prng_.chance(8'000)) limiter_up();
    if (hostile_ && prng_.chance(8'000)) limiter_down();
    while (core_.deadline() <= now_) {
      core_.tick(now_, out_);
      pump();
    }
    limiters_work();
    pump();
  }

  void deliver_late() {
    std::vector<Later> ready;
    for (std::size_t at = 0; at < later_.size();) {
      if (later_[at].at <= now_) {
        ready.push_back(later_[at]);
        later_.erase(later_.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        ++at;
      }
    }
    for (const Later& one : ready) core_.complete(one.reply, now_, out_);
    pump();
  }

  std::string some_key() { return "k" + std::to_string(prng_.below(4)); }
  StoreTime wall() { return StoreTime{1'700'000'000'000'000 + now_.us}; }

  void submit() {
    const std::string id = "s" + std::to_string(++named_);
    requests_[named_] = id;
    wire::Offer m = message(id, some_key());
    core_.accept(Submit{named_, m, {Preference::Kind::kAsync, {}}, wall()}, now_, out_);
    pump();
  }

  void enqueue() {
    const std::string id = "q" + std::to_string(++named_);
    Copy copy{message(id, some_key()), now_};
    copy.message.first_seen = wall();
    copy.message.expires_at = wall() + hours(96);
    queue_[id] = copy;
    queued_.insert(id);
  }

  void receive() {
    for (auto& [id, copy] : queue_) {
      const bool twice = hostile_ && prng_.chance(20'000);
      if (copy.visible > now_ && !twice) continue;
      copy.visible = now_ + seconds(4);
      ++copy.received;
      const std::string receipt = id + "/" + std::to_string(copy.received);
      core_.accept(QueueCopy{receipt, copy.message}, now_, out_);
      pump();
      return;
    }
  }

  void limiter_up() {
    if (limiters_.size() == 2) return;
    const wire::PeerId peer{++peers_};
    limiters_[peer];
    const std::string instance = "limiter-" + std::to_string(peers_ % 3);
    core_.complete(wire::PeerUp{peer, wire::Role::kLimiter, instance, peer.n}, now_, out_);
    pump();
  }
  void limiter_down() {
    if (limiters_.empty()) return;
    const wire::PeerId peer = limiters_.begin()->first;
    limiters_.erase(peer);
    core_.complete(wire::PeerDown{peer}, now_, out_);
    pump();
  }

  // Settles or parks what is in its line, wants what was announced.
  void limiters_work() {
    std::vector<wire::FromPeer> said;
    for (auto& [peer, line] : limiters_) {
      if (!line.offers.empty() && prng_.chance(500'000)) {
        const wire::Offer offer = line.offers.begin()->second;
        line.offers.erase(line.offers.begin());
        said.push_back({peer, word_about(offer)});
      }
      for (const std::string& key : line.keys) {
        if (!prng_.chance(100'000)) continue;
        said.push_back({peer, wire::Want{++wants_, "ingest-1", key, 3}});
      }
    }
    for (const wire::FromPeer& one : said) {
      core_.accept(one, now_, out_);
      pump();
    }
  }

  wire::Item word_about(const wire::Offer& offer) {
    const bool row = offer.origin == wire::Origin::kRow;
    if (!ended_.contains(offer.id) && prng_.chance(300'000)) {
      const StoreTime due = prng_.chance(300'000) ? wall() + seconds(20) : StoreTime{};
      return wire::Park{offer.identity, offer.key,
                        row ? wire::Origin::kRow : wire::Origin::kQueueCopy, wire::Wait::kBehind,
                        due};
    }
    ended_.insert(offer.id);
    const auto how = prng_.chance(200'000) ? wire::Settlement::kDead : wire::Settlement::kDelivered;
    return settled(offer.identity, offer.key, how);
  }

  void pump() {
    std::vector<IngestCore::Effect> effects;
    while (!out_.empty()) {
      out_.take(effects);
      for (const auto& effect : effects) {
        std::visit([this](const auto& one) { perform(one); }, effect);
      }
    }
  }

  void reply(IngestCore::Reply one) {
    const Duration wait =
        hostile_ && prng_.chance(50'000) ? prng_.between({0}, seconds(1)) : milliseconds(1);
    later_.push_back({now_ + wait, std::move(one)});
  }

  void perform(const ListCall&) {}
  void perform(const ParkingCall& call) {
    if (hostile_ && prng_.chance(30'000)) return;  // lost before
    if (hostile_ && prng_.chance(30'000)) {
      return reply(ParkingReply{call.call_id, ParkingFailed{"refused", false}});
    }
    ParkingAnswer answer = parking_.apply(call.call);
    if (hostile_ && prng_.chance(30'000)) return;  // lost after
    reply(ParkingReply{call.call_id, std::move(answer)});
  }

  void perform(const QueueCall& call) {
    const bool lost = hostile_ && prng_.chance(50'000);
    const std::string& receipt = receipt_of(call);
    const std::string id = receipt.substr(0, receipt.find('/'));
    const auto copy = queue_.find(id);
    if (!lost && copy != queue_.end()) {
      if (std::holds_alternative<DeleteCopy>(call.call)) {
        EXPECT_TRUE(known(id)) << id << " was deleted with neither a row nor an end";
        queue_.erase(copy);
      } else if (const auto* set = std::get_if<SetVisibility>(&call.call)) {
        copy->second.visible = now_ + set->visibility;
      }
    }
    if (hostile_ && prng_.chance(30'000)) return;
    reply(QueueReply{call.call_id, !lost});
  }

  bool known(const std::string& id) {
    if (ended_.contains(id)) return true;
    for (const auto& [identity, row] : parking_.rows()) {
      if (row.id == id) return true;
    }
    return false;
  }

  void perform(const Respond& answer) {
    const std::string id = requests_[answer.request_id];
    if (!std::holds_alternative<Accepted>(answer.answer)) return;
    accepted_.insert(id);
    EXPECT_TRUE(known(id)) << id << " was accepted without a row";
  }

  void perform(const wire::Send& send) {
    const auto line = limiters_.find(send.peer);
    if (line == limiters_.end()) return;
    if (const auto* offer = std::get_if<wire::Offer>(&send.item)) {
      line->second.offers[offer->identity] = *offer;
    } else if (const auto* parked = std::get_if<wire::Parked>(&send.item)) {
      line->second.keys.insert(parked->key);
    } else if (const auto* rows = std::get_if<wire::Rows>(&send.item)) {
      if (rows->count == 0) line->second.keys.erase(rows->key);
    } else if (const auto* forgotten = std::get_if<wire::Forgotten>(&send.item)) {
      EXPECT_FALSE(parking_.rows().contains(forgotten->identity));
    }
  }

  Prng prng_;
  IngestCore core_;
  IngestCore::Out out_;
  MemoryParking parking_;
  Instant now_{1'000'000};
  bool hostile_ = true;
  std::uint64_t named_ = 0;
  std::uint64_t peers_ = 0;
  std::uint64_t wants_ = 0;
  std::vector<Later> later_;
  std::map<wire::PeerId, Line> limiters_;
  std::map<std::string, Copy> queue_;
  std::map<std::uint64_t, std::string> requests_;
  std::set<std::string> accepted_;
  std::set<std::string> queued_;
  std::set<std::string> ended_;
};

TEST(HostileWorld, NothingIsLostAndNothingIsStuck) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    HostileWorld world(seed);
    world.run();
    world.check();
    if (testing::Test::HasFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::ingest
