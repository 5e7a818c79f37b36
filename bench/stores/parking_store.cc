// What ingest's parking store costs a message: its put, the reading of its key's head, and its
// settlement, each in commits of as many messages as the argument says, each of another key.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/stores/scratch.h"
#include "ingest/sqlite_parking.h"
#include "lib/wire/identity.h"

namespace sluice::bench {
namespace {

constexpr std::uint64_t kKeys = 100'000;
constexpr StoreTime kNow{1'700'000'000'000'000};

wire::Offer message(std::uint64_t number) {
  wire::Offer offer;
  offer.source = "bench";
  offer.key = "onlyfans:user-" + std::to_string(number * 7'919 % kKeys);
  offer.id = "message-" + std::to_string(number);
  offer.identity = wire::identity_of(offer.source, offer.key, offer.id, 0);
  offer.upstream = "onlyfans";
  offer.store = "here";
  offer.order = kNow.us + static_cast<std::int64_t>(number);
  offer.first_seen = kNow;
  offer.expires_at = kNow + hours(96);
  offer.request = {"POST", "/v1/messages", {}, std::string(512, 'x')};
  offer.content_hash = wire::content_hash_of(offer.request);
  return offer;
}

class Parking {
 public:
  Parking() {
    auto opened = ingest::SqliteParking::open(scratch_.path() + "/parking.db");
    if (!opened) std::abort();
    store_ = std::move(*opened);
  }
  void put(std::uint64_t first, std::uint64_t count) {
    each(first, count, [](const wire::Offer& offer) { return ingest::Put{offer, false, kNow}; });
  }
  void read(std::uint64_t first, std::uint64_t count) {
    each(first, count, [](const wire::Offer& offer) {
      return ingest::ReadHead{offer.key, 32, 1 << 20, {}};
    });
  }
  void settle(std::uint64_t first, std::uint64_t count) {
    each(first, count, [](const wire::Offer& offer) {
      wire::Settled settled;
      settled.identity = offer.identity;
      settled.key = offer.key;
      settled.upstream = offer.upstream;
      settled.status = 200;
      settled.attempts = 1;
      settled.at = kNow;
      return ingest::SettleRow{settled, kNow + hours(24 * 14)};
    });
    store_->checkpoint_if_due(false);
  }

 private:
  template <class Make>
  void each(std::uint64_t first, std::uint64_t count, Make make) {
    std::vector<ingest::ParkingCall> calls;
    for (std::uint64_t i = first; i < first + count; ++i) calls.push_back({i, make(message(i))});
    for (const auto& reply : store_->apply(calls)) {
      if (std::holds_alternative<ingest::ParkingFailed>(reply.answer)) std::abort();
    }
  }
  Scratch scratch_;
  std::unique_ptr<ingest::SqliteParking> store_;
};

// One commit of each kind after the other, as behind a front door.
void parking_message(benchmark::State& state) {
  Parking parking;
  const auto many = static_cast<std::uint64_t>(state.range(0));
  std::uint64_t next = 0;
  for (; next < kKeys; next += 1'000) parking.put(next, 1'000);  // these wait, and stay
  for (auto _ : state) {
    parking.put(next, many);
    parking.read(next, many);
    parking.settle(next, many);
    next += many;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(parking_message)->Arg(16)->Arg(64)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::bench
