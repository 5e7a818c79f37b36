// Who is told apart by nothing.
#include "lib/wire/namesakes.h"

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

PeerUp peer(std::uint64_t n, Role role, const std::string& instance, std::uint64_t life) {
  return {PeerId{n}, role, instance, life};
}

TEST(Namesakes, ARestartIsNone) {
  Namesakes namesakes;
  EXPECT_TRUE(
      namesakes.look({peer(1, Role::kIngest, "a", 10), peer(2, Role::kIngest, "a", 11)}).empty());
  EXPECT_TRUE(namesakes.look({peer(2, Role::kIngest, "a", 11)}).empty());
  EXPECT_TRUE(
      namesakes.look({peer(2, Role::kIngest, "a", 11), peer(3, Role::kIngest, "a", 12)}).empty());
  EXPECT_TRUE(
      namesakes.look({peer(3, Role::kIngest, "a", 12), peer(4, Role::kIngest, "a", 13)}).empty())
      << "it restarts again and again";
}

TEST(Namesakes, TwoThatLiveAreNamedOnce) {
  const std::vector<PeerUp> two = {peer(1, Role::kIngest, "a", 10), peer(2, Role::kIngest, "a", 11),
                                   peer(3, Role::kDispatcher, "a", 12),
                                   peer(4, Role::kDispatcher, "a", 12)};  // one, connected twice
  Namesakes namesakes;
  EXPECT_TRUE(namesakes.look(two).empty());
  EXPECT_EQ(namesakes.look(two), std::vector<std::string>{"ingest a"});
  EXPECT_TRUE(namesakes.look(two).empty());
  EXPECT_TRUE(namesakes.look({}).empty());
  EXPECT_TRUE(namesakes.look(two).empty());
  EXPECT_EQ(namesakes.look(two).size(), 1U) << "it is so again";
}

}  // namespace
}  // namespace sluice::wire
