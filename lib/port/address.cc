#include "lib/port/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

namespace sluice::port {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(std::span<const std::uint8_t> address) {
  return std::equal(kMapped.begin(), kMapped.end(), address.begin());
}

bool is_link_local_v4(std::span<const std::uint8_t> a) {
  constexpr std::array<std::uint8_t, 4> kAlibaba = {100, 100, 100, 200};
  constexpr std::array<std::uint8_t, 4> kOracle = {192, 0, 0, 192};
  return (a[0] == 169 && a[1] == 254) || std::equal(a.begin(), a.end(), kAlibaba.begin()) ||
         std::equal(a.begin(), a.end(), kOracle.begin());
}

}  // namespace

std::span<const std::uint8_t> address_bytes(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return {reinterpret_cast<const std::uint8_t*>(&v4->sin_addr), 4};
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    return {reinterpret_cast<const std::uint8_t*>(&v6->sin6_addr), 16};
  }
  return {};
}

bool is_loopback(std::span<const std::uint8_t> address) {
  if (address.size() == 4) return address[0] == 127;
  if (address.size() != 16) return false;
  constexpr std::array<std::uint8_t, 16> kOne = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return (is_mapped(address) && address[12] == 127) ||
         std::equal(kOne.begin(), kOne.end(), address.begin());
}

bool is_link_local(std::span<const std::uint8_t> address) {
  if (address.size() == 4) return is_link_local_v4(address);
  if (address.size() != 16) return true;  // nothing that we know: not let through
  constexpr std::array<std::uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b};
  constexpr std::array<std::uint8_t, 16> kAmazon = {0xfd, 0, 0x0e, 0xc2, 0, 0, 0,    0,
                                                    0,    0, 0,    0,    0, 0, 0x02, 0x54};
  const auto head = address.first(12);
  if (is_mapped(address) || std::equal(head.begin(), head.end(), kNat64.begin())) {
    return is_link_local_v4(address.subspan(12));
  }
  return (address[0] == 0xfe && (address[1] & 0xc0) == 0x80) ||
         std::equal(address.begin(), address.end(), kAmazon.begin());
}

bool is_link_local_host(const std::string& host) {
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) {
    return is_link_local(std::span(bytes).first(4));
  }
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  std::string plain = bracketed ? host.substr(1, host.size() - 2) : host;
  plain = plain.substr(0, plain.find('%'));  // without its zone
  return inet_pton(AF_INET6, plain.c_str(), bytes.data()) == 1 && is_link_local(bytes);
}

}  // namespace sluice::port
