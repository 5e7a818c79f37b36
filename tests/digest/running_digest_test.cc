#include "lib/digest/running_digest.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(RunningDigest, IsTheDigestOfAllThatWasAdded) {
  RunningDigest digest;
  EXPECT_EQ(digest.so_far(), sha256(""));
  digest.add("ab");
  EXPECT_EQ(digest.so_far(), sha256("ab"));
  digest.add(std::string(100'000, 'c'));
  EXPECT_EQ(digest.so_far(), sha256("ab" + std::string(100'000, 'c')));
  EXPECT_EQ(digest.so_far(), digest.so_far());
}

}  // namespace
}  // namespace sluice
