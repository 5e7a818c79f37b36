#include "limiter/shell_embedded.h"

#include <utility>

#include "lib/port/clock.h"
#include "lib/port/lockfile.h"

namespace sluice::limiter {

namespace {

constexpr Duration kRestAfter = milliseconds(200);  // without a call
constexpr Duration kRestAgain = seconds(1);

Reading read_clocks() { return {port::wall_now(), port::steady_now()}; }

}  // namespace

Result<std::unique_ptr<StorePort>> EmbeddedStore::open(const stage::Room& room,
                                                       StoreConfig config) {
  SqliteStoreOptions options;
  options.directory = room.settings.shared.text("data_dir") + "/limiter";  // whoever asks: one
  if (auto made = port::make_directory(options.directory); !made) return made.error();
  options.config = std::move(config);
  auto store = SqliteStore::open(std::move(options), read_clocks());
  if (!store) return store.error();
  if (!store->closed_because().empty()) {
    room.log.warning("nothing is granted for a while: the store may have forgotten",
                     {{"why", store->closed_because()}});
  }
  return std::unique_ptr<StorePort>(std::make_unique<EmbeddedStore>(room, std::move(*store)));
}

EmbeddedStore::EmbeddedStore(const stage::Room& room, SqliteStore store)
    : poller_(room.poller),
      latency_(room.metrics.histogram("sluice_limiter_store_seconds",
                                      "One transaction of the store, commit included.")),
      store_(std::move(store)) {}

void EmbeddedStore::start(Events events) {
  answered_ = std::move(events.answered);
  poller_.after(kRestAgain, [this] { rest(); });
}

void EmbeddedStore::perform(std::vector<StoreAsk>& asks) {
  const Instant sent = port::steady_now();
  auto replies = store_.perform(asks, read_clocks());
  const Instant received = port::steady_now();
  latency_.observe(received - sent);
  asked_at_ = received;
  for (StoreReply& reply : replies) {
    reply.sent = sent;
    reply.received = received;
    answered_(reply);
  }
}

void EmbeddedStore::set_config(StoreConfig config, std::string by) {
  store_.set_config(std::move(config), std::move(by));
}

void EmbeddedStore::rest() {
  const bool quiet = poller_.now() - asked_at_ >= kRestAfter;
  const bool more = quiet && store_.rest(read_clocks());
  const Duration again = more ? milliseconds(5) : quiet ? kRestAgain : kRestAfter;
  poller_.after(again, [this] { rest(); });
}

}  // namespace sluice::limiter
