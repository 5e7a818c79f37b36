// Measured without sanitizers, which have an allocator of their own.
#include <gtest/gtest.h>
#include <malloc.h>

#include "lib/wire/identity.h"
#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;

// What each of many waiting messages costs beyond its body, with its share of its key.
std::size_t bytes_of_a_waiting_message(std::size_t of_a_key) {
  constexpr std::size_t kMessages = 32'000;
  Bench bench(Bench::config());
  const auto ingest = bench.up(wire::Role::kIngest);
  const auto before = mallinfo2().uordblks;
  for (std::size_t i = 0; i < kMessages; ++i) {
    auto offer = bench.offer("message-" + std::to_string(i), static_cast<std::int64_t>(i + 1));
    offer.key = "onlyfans:user-" + std::to_string(i / of_a_key);
    offer.identity = wire::identity_of(offer.source, offer.key, offer.id, 0);
    offer.request.path = "/v1/chats/messages";
    offer.request.headers = {{"Content-Type", "application/json"}};
    offer.request.body.clear();
    bench.say(ingest, std::move(offer));
  }
  EXPECT_EQ(bench.core->messages(), kMessages);
  return (mallinfo2().uordblks - before) / kMessages;
}

TEST(Memory, AWaitingMessageIsSmall) {
  const std::size_t of_many = bytes_of_a_waiting_message(32);
  EXPECT_GE(of_many, 100U) << "not counted: an allocator that mallinfo2 does not see?";
  EXPECT_LE(of_many, 600U);
  EXPECT_LE(bytes_of_a_waiting_message(1), 1'300U);
}

}  // namespace
}  // namespace sluice::limiter
