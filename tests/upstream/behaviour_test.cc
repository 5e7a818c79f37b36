#include "tests/upstream/behaviour.h"

#include <gtest/gtest.h>

#include "tests/upstream/options.h"

namespace sluice::upstream {
namespace {

TEST(Behaviour, SpecsMeanWhatTheySay) {
  EXPECT_EQ(parse_behaviour("ok")->status, 200u);
  EXPECT_EQ(parse_behaviour("slow:250")->delay_ms, 250);
  EXPECT_EQ(parse_behaviour("404")->status, 404u);
  EXPECT_FALSE(parse_behaviour("503")->has_retry_after);
  EXPECT_EQ(parse_behaviour("429:7")->retry_after_s, 7);
  EXPECT_TRUE(parse_behaviour("503-date:2")->as_date);
  EXPECT_EQ(parse_behaviour("lost*2")->times, 2u);
  EXPECT_EQ(parse_behaviour("lost")->act, Act::kLost);
  EXPECT_TRUE(parse_behaviour("lost")->accepts());
  EXPECT_FALSE(parse_behaviour("hangup")->accepts());
  for (const char* wrong : {"", "okay", "slow", "slow:x", "slow:-1", "999", "429-date", "ok*0",
                            "ok*", "429:7x", "-date:3"}) {
    EXPECT_FALSE(parse_behaviour(wrong)) << wrong;
  }
}

TEST(Behaviour, RatesAreSharesOfTheRequests) {
  const std::vector<Rate> rates = {*parse_rate("reset=0.25"), *parse_rate("429:3=0.5")};
  Prng prng(7);
  int resets = 0;
  int throttles = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Behaviour drawn = draw(rates, prng);
    resets += drawn.act == Act::kReset ? 1 : 0;
    throttles += drawn.status == 429 ? 1 : 0;
  }
  EXPECT_NEAR(resets, 2500, 200);
  EXPECT_NEAR(throttles, 5000, 250);
  EXPECT_FALSE(parse_rate("reset"));
  EXPECT_FALSE(parse_rate("reset=1.5"));
}

TEST(Options, AreRefusedWithTheArgumentThatIsWrong) {
  const auto good = parse_options({"--n=3", "--window", "0.5", "--key=header:X-User", "--no-ban",
                                   "--listen", "127.0.0.1:0", "--behave", "slow:5=0.1"});
  ASSERT_TRUE(good);
  EXPECT_EQ(good->rules.n, 3u);
  EXPECT_EQ(good->rules.window, 500'000'000);
  EXPECT_EQ(good->key_header, "X-User");
  EXPECT_FALSE(good->rules.ban);
  for (const char* wrong : {"--n=0", "--n", "--window=-1", "--key=userId", "--listen=8090",
                            "--frobnicate", "extra", "--behave=ok=2", "--seed=x"}) {
    const auto refused = parse_options({wrong});
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, Trouble::kUsage);
  }
}

}  // namespace
}  // namespace sluice::upstream
