#include "lib/wire/identity.h"

#include <gtest/gtest.h>

#include <set>

#include "lib/digest/digest.h"

namespace sluice::wire {
namespace {

// Every released version must compute the same identities: rows and records outlive programs.
TEST(Identity, KnownAnswers) {
  EXPECT_EQ(to_hex(identity_of("http", "onlyfans:user-42", "m-1", 0)),
            "868246dd8269974d5c27a165fe3f20d2");
  Request request{"POST", "/send", {{"Content-Type", "application/json"}}, "{}"};
  EXPECT_EQ(to_hex(content_hash_of(request)),
            "55576c8dca7b19ec3f58f38e0d103e6105264c19a54b9db4eddfc3fbef55a97e");
}

TEST(Identity, NoTwoWaysToSayTheSame) {
  std::set<std::string> seen;
  seen.insert(identity_of("a", "bc", "d", 0));
  seen.insert(identity_of("ab", "c", "d", 0));
  seen.insert(identity_of("a", "b", "cd", 0));
  seen.insert(identity_of("a", "bc", "d", 1));
  seen.insert(identity_of("a", "bc", "", 0));
  EXPECT_EQ(seen.size(), 5U);
  for (const std::string& identity : seen) EXPECT_EQ(identity.size(), 16U);
}

TEST(ContentHash, EveryPartCounts) {
  const Request base{"POST", "/send", {{"A", "1"}, {"B", "2"}}, "body"};
  std::set<std::string> seen{content_hash_of(base)};
  Request other = base;
  other.method = "PUT";
  seen.insert(content_hash_of(other));
  other = base;
  other.path = "/sen";
  seen.insert(content_hash_of(other));
  other = base;
  std::swap(other.headers[0], other.headers[1]);
  seen.insert(content_hash_of(other));
  other = base;
  other.headers.pop_back();
  seen.insert(content_hash_of(other));
  other = base;
  other.body += " ";
  seen.insert(content_hash_of(other));
  EXPECT_EQ(seen.size(), 6U);
}

TEST(ShortHash, IsTheFirstEightBytes) {
  EXPECT_EQ(short_hash(std::string("\x01\x02\x03\x04\x05\x06\x07\x08rest", 12)),
            0x0102030405060708U);
}

}  // namespace
}  // namespace sluice::wire
