#include "lib/digest/seal.h"

#include <gtest/gtest.h>

#include "lib/digest/digest.h"

namespace sluice {
namespace {

const std::string kSecret(kSealSecret, 's');
const std::string kNonce(kSealNonce, 'n');

TEST(Seal, OnlyItsMakerReadsIt) {
  const std::string text = sealed(kSecret, kNonce, "onlyfans:somebody-else");
  EXPECT_EQ(unsealed(kSecret, text), "onlyfans:somebody-else");
  EXPECT_EQ(from_hex(text).find("somebody"), std::string::npos);
  EXPECT_FALSE(unsealed(std::string(kSealSecret, 't'), text));
  for (std::size_t at = 0; at < text.size(); at += 7) {
    std::string changed = text;
    changed[at] = changed[at] == '0' ? '1' : '0';
    EXPECT_FALSE(unsealed(kSecret, changed)) << at;
  }
  for (const char* none : {"", "00", "w1.2.3.4", "zz"}) EXPECT_FALSE(unsealed(kSecret, none));
  EXPECT_FALSE(unsealed(kSecret, text.substr(0, text.size() - 2)));
}

TEST(Seal, HowLongATextIsIsNotSeen) {
  EXPECT_EQ(sealed(kSecret, kNonce, "").size(),
            sealed(kSecret, kNonce, std::string(255, 'x')).size());
  EXPECT_EQ(unsealed(kSecret, sealed(kSecret, kNonce, "")), "");
  const std::string long_one(700, 'x');
  EXPECT_EQ(unsealed(kSecret, sealed(kSecret, kNonce, long_one)), long_one);
}

// NIST's test case 14 of AES-256-GCM begins with the same 16 bytes: key, nonce and text of zeros.
TEST(Seal, IsAes256Gcm) {
  const std::string text = sealed(std::string(32, '\0'), std::string(12, '\0'), "");
  EXPECT_EQ(text.substr(2 * (12 + 16), 32), "cea7403d4d606b6e074ec5d3baf39d18");
}

}  // namespace
}  // namespace sluice
