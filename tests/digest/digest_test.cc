#include "lib/digest/digest.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// FIPS 180-4, examples for SHA-256; RFC 4231, test cases 1 and 2 for HMAC-SHA-256.
TEST(Digest, KnownAnswers) {
  EXPECT_EQ(to_hex(to_bytes(sha256(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(to_bytes(sha256("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(to_bytes(hmac_sha256(std::string(20, '\x0b'), "Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(to_bytes(hmac_sha256("Jefe", "what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digest, HexThereAndBack) {
  const std::string bytes("\x00\x7f\xff\x10", 4);
  EXPECT_EQ(to_hex(bytes), "007fff10");
  EXPECT_EQ(from_hex("007fFf10"), bytes);
  EXPECT_EQ(from_hex("007"), "");
  EXPECT_EQ(from_hex("0g"), "");
}

TEST(Digest, Sha1OfTheStandard) {
  const auto digest = sha1("abc");
  EXPECT_EQ(to_hex(std::string(digest.begin(), digest.end())),
            "a9993e364706816aba3e25717850c26c9cd0d89d");
}

}  // namespace
}  // namespace sluice
