#include "lib/port/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>

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

bool loops(const char* written) {
  std::array<std::uint8_t, 16> bytes{};
  const bool six = inet_pton(AF_INET6, written, bytes.data()) == 1;
  EXPECT_TRUE(six || inet_pton(AF_INET, written, bytes.data()) == 1) << written;
  return is_loopback(std::span(bytes).first(six ? 16 : 4));
}

TEST(Address, LoopbackIsThisMachine) {
  for (const char* here : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(loops(here)) << here;
  }
  for (const char* elsewhere :
       {"10.0.0.7", "128.0.0.1", "::", "::2", "::ffff:10.0.0.7", "::127.0.0.1"}) {
    EXPECT_FALSE(loops(elsewhere)) << elsewhere;
  }
  EXPECT_FALSE(is_loopback({}));
}

}  // namespace
}  // namespace sluice::port
