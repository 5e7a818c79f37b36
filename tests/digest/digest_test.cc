#include "lib/digest/digest.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// FIPS 180-4, examples for SHA-256; RFC 4231, test cases 1, 2 and 6 for HMAC-SHA-256.
TEST(Digest, KnownAnswers) {
  EXPECT_EQ(to_hex(to_bytes(sha256(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(to_bytes(sha256("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(to_bytes(hmac_sha256(std::string(20, '\x0b'), "Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(to_bytes(hmac_sha256("Jefe", "what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(to_bytes(hmac_sha256(std::string(131, '\xaa'),
                                        "Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// RFC 4231's case 2 again, its secret filled up to the block and one byte beyond it.
TEST(Digest, SecretsAtTheBlocksEdge) {
  const std::string text = "what do ya want for nothing?";
  const std::string full = "Jefe" + std::string(60, '\0');
  EXPECT_EQ(hmac_sha256(full, text), hmac_sha256("Jefe", text));
  EXPECT_EQ(hmac_sha256(full + "x", text), hmac_sha256(to_bytes(sha256(full + "x")), text));
  EXPECT_NE(hmac_sha256(full + "x", text), hmac_sha256(full, text));
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
