#include "lib/digest/md5.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// RFC 1321, A.5
TEST(Md5, AsTheRfcHasIt) {
  ASSERT_TRUE(md5().is_there());
  EXPECT_EQ(md5().hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5().hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Md5, WhereThereIsNoneNothingIsSaid) {
  const Md5 none("fips=yes");
  EXPECT_FALSE(none.is_there());
  EXPECT_EQ(none.hex("message digest"), "");
}

}  // namespace
}  // namespace sluice
