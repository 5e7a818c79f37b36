#include "tests/upstream/request.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::upstream {
namespace {

TEST(Request, IsWholeOnlyWithItsBody) {
  const std::string bytes = "POST /send HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\n\r\nhelloGET";
  for (std::size_t n = 0; n + 3 < bytes.size(); ++n) {
    EXPECT_EQ(parse_request(std::string_view(bytes).substr(0, n)).parsed, Parsed::kPartial) << n;
  }
  const ParsedRequest parsed = parse_request(bytes);
  ASSERT_EQ(parsed.parsed, Parsed::kWhole);
  EXPECT_EQ(parsed.size, bytes.size() - 3);
  EXPECT_EQ(parsed.request.method, "POST");
  EXPECT_EQ(parsed.request.target, "/send");
  EXPECT_EQ(parsed.request.header("HOST"), "x");
  EXPECT_EQ(parsed.request.body, "hello");
  EXPECT_TRUE(parsed.request.keep_alive);
}

TEST(Request, RefusesWhatItCannotFrame) {
  for (const char* bytes :
       {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "POST /\r\n\r\n", "\r\n\r\n",
        "POST / HTTP/2\r\n\r\n", "POST / HTTP/1.1\r\n: x\r\n\r\n"}) {
    EXPECT_EQ(parse_request(bytes).parsed, Parsed::kBad) << bytes;
  }
}

}  // namespace
}  // namespace sluice::upstream
