// The world of the core's tests: an honest parking store, and everything else that the core asks
// for, collected. (now, input) -> effects.
#pragma once

#include "ingest/core.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/wire/identity.h"
#include "tests/ingest/memory_parking.h"

namespace sluice::ingest {
using wire::PeerId;

inline Upstream onlyfans() {
  Upstream up;
  up.name = "onlyfans";
  up.limits = {Limit{}};
  return up;
}

// The core with its parking; everything else that it asks for is collected.
struct World {
  explicit World(Config config = {}) : core(with_upstream(std::move(config))) {}
  static Config with_upstream(Config config) {
    config.upstreams = {onlyfans()};
    return config;
  }

  IngestCore core;
  MemoryParking parking;
  Instant now{1'000'000};
  bool parking_answers = true;
  std::vector<ParkingCall> unanswered;
  std::vector<wire::Send> sends;
  std::vector<QueueCall> queue;
  std::vector<Respond> responds;

  void pump(IngestCore::Out& out) {
    std::vector<IngestCore::Effect> effects;
    while (!out.empty()) {
      out.take(effects);
      for (auto& effect : effects) perform(effect, out);
    }
  }
  void perform(IngestCore::Effect& effect, IngestCore::Out& out) {
    if (auto* call = std::get_if<ParkingCall>(&effect)) {
      if (parking_answers) {
        core.complete(ParkingReply{call->call_id, parking.apply(call->call)}, now, out);
      } else {
        unanswered.push_back(*call);
      }
    }
    if (auto* send = std::get_if<wire::Send>(&effect)) sends.push_back(*send);
    if (auto* call = std::get_if<QueueCall>(&effect)) queue.push_back(*call);
    if (auto* answer = std::get_if<Respond>(&effect)) responds.push_back(*answer);
  }
  void accept(const IngestCore::Work& work) {
    IngestCore::Out out;
    core.accept(work, now, out);
    pump(out);
  }
  void complete(const IngestCore::Reply& reply) {
    IngestCore::Out out;
    core.complete(reply, now, out);
    pump(out);
  }
  void pass(Duration span) {
    const Instant end = now + span;
    while (core.deadline() <= end) {
      now = std::max(now, core.deadline());
      IngestCore::Out out;
      core.tick(now, out);
      pump(out);
    }
    now = end;
  }
  void limiter_up(std::uint64_t n, const std::string& instance = "limiter-1") {
    complete(wire::PeerUp{PeerId{n}, wire::Role::kLimiter, instance, n});
  }
  void auditor_up(std::uint64_t n) {
    complete(wire::PeerUp{PeerId{n}, wire::Role::kAuditor, "auditor-1", n});
  }
  void from(std::uint64_t peer, wire::Item item) {
    accept(wire::FromPeer{PeerId{peer}, std::move(item)});
  }
  template <class Item>
  std::vector<Item> sent() {
    std::vector<Item> found;
    for (const wire::Send& send : sends) {
      if (const auto* item = std::get_if<Item>(&send.item)) found.push_back(*item);
    }
    return found;
  }
  template <class Ask>
  std::vector<Ask> asked() {
    std::vector<Ask> found;
    for (const QueueCall& call : queue) {
      if (const auto* ask = std::get_if<Ask>(&call.call)) found.push_back(*ask);
    }
    return found;
  }
  template <class Answer>
  const Answer* answer(std::uint64_t request) {
    for (const Respond& one : responds) {
      if (one.request_id == request) return std::get_if<Answer>(&one.answer);
    }
    return nullptr;
  }
  void clear() {
    sends.clear();
    queue.clear();
    responds.clear();
  }
};

inline wire::Offer message(const std::string& id, const std::string& key,
                           const std::string& body = "{}") {
  wire::Offer m;
  m.source = "sqs";
  m.id = id;
  m.key = key;
  m.upstream = "onlyfans";
  m.request = {"POST", "/", {}, body};
  return m;
}

inline Submit submission(std::uint64_t request, const std::string& id, const std::string& key = "k",
                         Preference preference = {}) {
  return {request, message(id, key), preference, StoreTime{1'700'000'000'000'000}};
}

inline Preference within(std::int64_t n) { return {Preference::Kind::kWithin, seconds(n)}; }

inline wire::Quoted quoted(const wire::Quote& quote, Duration wait) {
  wire::Quoted answer;
  answer.quote_id = quote.quote_id;
  answer.now = StoreTime{1'700'000'000'000'000};
  answer.departs_at = answer.now + wait;
  return answer;
}

inline wire::Settled settled(const std::string& identity, const std::string& key,
                             wire::Settlement how = wire::Settlement::kDelivered) {
  return {identity, key, "onlyfans", how, "", 200, 1, StoreTime{1'700'000'001'000'000}};
}

inline QueueCopy queue_copy(const std::string& id, const std::string& key,
                            const std::string& receipt, const std::string& body = "{}") {
  QueueCopy c{receipt, message(id, key, body)};
  c.message.first_seen = StoreTime{1'700'000'000'000'000};
  c.message.expires_at = c.message.first_seen + hours(96);
  return c;
}

inline std::string identity(const std::string& source, const std::string& id,
                            const std::string& key) {
  return wire::identity_of(source, key, id, 0);
}

}  // namespace sluice::ingest
