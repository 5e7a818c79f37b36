// Replies over real HTTP on loopback, out of an honest store.
#include "ingest/reply_sender.h"

#include <gtest/gtest.h>

#include "lib/port/clock.h"
#include "lib/port/http_server.h"
#include "tests/ingest/memory_parking.h"
#include "tests/ingest/replies_suite.h"

namespace sluice::ingest {
namespace {

TEST(ReplySender, GoesOnWhenAReplyIsThroughThoughNothingElseHappens) {
  port::Poller poller;
  std::size_t told = 0;
  std::unique_ptr<port::HttpServer> hook;
  port::HttpServerConfig listen;
  listen.listen = "127.0.0.1:0";
  auto opened = port::HttpServer::open(poller, listen, [&](const port::HttpRequest& request) {
    ++told;
    hook->respond(request.id, {200, "{}"});
  });
  ASSERT_TRUE(opened.ok());
  hook = std::move(*opened);
  ReplyConfig config;
  config.hosts = {"http://127.0.0.1:" + std::to_string(hook->port())};
  config.in_flight = 1;
  MemoryParking parking;
  for (const char* id : {"a", "b", "c"}) {
    const wire::Offer one = suite::wanting(id, config.hosts[0] + "/done");
    parking.apply(Put{one, true, StoreTime{1}});
    wire::Settled word = suite::settled(one, wire::Settlement::kDelivered);
    word.at = port::wall_now();
    parking.apply(SettleRow{word, word.at + hours(1)});
  }
  port::Log log({"test", port::Level::kError, false});
  ReplySender sender(config, parking.replies(), {poller, log, port::wall_now, 1});
  sender.look();
  const Instant end = port::steady_now() + seconds(20);
  while (sender.counts().delivered < 3 && port::steady_now() < end) {
    poller.poll(port::steady_now() + milliseconds(10));
  }
  EXPECT_EQ(told, 3U);
  EXPECT_EQ(sender.counts().delivered, 3U);
}

}  // namespace
}  // namespace sluice::ingest
