#include "lib/port/address.h"

#include <gtest/gtest.h>

namespace sluice::port {
namespace {

TEST(Address, WrittenOutItIsLinkLocalWhereverItHides) {
  for (const char* host :
       {"169.254.169.254", "169.254.0.1", "100.100.100.200", "192.0.0.192", "[fe80::1]", "fe80::1",
        "[fe80::1%eth0]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"}) {
    EXPECT_TRUE(is_link_local_host(host)) << host;
  }
  for (const char* host : {"127.0.0.1", "10.0.0.7", "[::1]", "hooks.example.com", "169.254", "",
                           "[]", "169.254.169.254.example.com"}) {
    EXPECT_FALSE(is_link_local_host(host)) << host;
  }
}

}  // namespace
}  // namespace sluice::port
