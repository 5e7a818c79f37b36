// Whatever bytes come: a decoder answers, and what it lets through is what it would send itself.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "lib/wire/codec.h"
#include "lib/wire/valid.h"
#include "tests/wire/filled.h"
#include "tests/wire/links_process.h"

namespace sluice::wire {
namespace {

std::string some_frame(Prng& prng) {
  Frame frame;
  frame.from_life = 1 + prng.below(3);
  frame.to_life = prng.below(2) == 0 ? 0 : 77;
  frame.sequence = prng.below(1'000'000);
  const std::uint64_t items = prng.below(6);
  for (std::uint64_t i = 0; i < items; ++i) {
    fill_kind(prng.below(std::variant_size_v<Item>), frame.items.emplace_back(), prng);
  }
  return encode(frame);
}

// Cut, flipped, doubled, spliced: near enough to a frame to get far into the decoder.
std::string spoiled(std::string bytes, Prng& prng) {
  for (std::uint64_t n = prng.below(4); n > 0 && !bytes.empty(); --n) {
    const std::size_t at = prng.below(bytes.size());
    switch (prng.below(4)) {
      case 0:
        bytes[at] = static_cast<char>(prng.below(256));
        break;
      case 1:
        bytes.insert(at, 1 + prng.below(10), static_cast<char>(0xff));
        break;
      case 2:
        bytes.insert(at, bytes.substr(prng.below(bytes.size()), prng.below(40)));
        break;
      default:
        bytes.erase(at, 1 + prng.below(8));
    }
  }
  return bytes;
}

RC_GTEST_PROP(Fuzz, WhatIsReadIsWhatWouldBeWritten, (std::uint64_t seed)) {
  Prng prng(seed);
  for (int round = 0; round < 100; ++round) {
    const auto heard = hear(spoiled(some_frame(prng), prng));
    if (!heard) continue;
    for (const Item& item : heard->frame.items) RC_ASSERT(!invalid(item));
    const std::string written = encode(heard->frame);
    if (written.size() > kFrameMax) continue;
    const auto again = decode(written);
    RC_ASSERT(again.ok());
    RC_ASSERT(encode(*again) == written);
  }
}

RC_GTEST_PROP(Fuzz, AListenerAndADialerOutliveAnyFrames, (std::uint64_t seed)) {
  Prng prng(seed);
  Process process{Role::kLimiter, 77, {Role::kIngest, Role::kDispatcher}, seed};
  const ConnId dialed = process.links.dial(Role::kDispatcher, {1});
  std::vector<LinkOut> outs;
  for (std::int64_t now = 1; now < 200; ++now) {
    const ConnId conn = prng.below(2) == 0 ? kListener : dialed;
    const std::string route = conn == kListener ? std::to_string(prng.below(3)) : std::string();
    process.links.receive(conn, route, spoiled(some_frame(prng), prng), {now * 10'000});
    process.links.tick({now * 10'000});
    process.links.flush({now * 10'000});
    process.links.take(outs);
    RC_ASSERT(process.links.peers_up() <= 4U);
  }
}

}  // namespace
}  // namespace sluice::wire
