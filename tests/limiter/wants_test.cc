// When a line is short of rows, and its Want waits for nothing.
#include <gtest/gtest.h>

#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

// A line of four rows, of more.
struct ShortLine {
  Bench bench;
  wire::PeerId ingest;

  ShortLine() : bench(config()), ingest(bench.up(wire::Role::kIngest)) {
    bench.say(ingest, bench.parked(9, 1));
  }
  static Config config() {
    Config config = Bench::config();
    config.line_min = 4;
    return config;
  }
  // The first so many rows, and whether there are more.
  void answer(int rows, bool more) {
    const auto want = bench.said<wire::Want>().back();
    for (int i = 1; i <= rows; ++i) {
      auto row = bench.offer(std::to_string(i), i);
      row.want_id = want.want_id;
      bench.say(ingest, row);
    }
    bench.say(ingest,
              wire::Rows{want.want_id, "p", "api:k", static_cast<std::uint32_t>(rows), more});
    bench.clear();
  }
  // Two leave the line, which is half empty then.
  void shrink() {
    for (int i = 1; i <= 2; ++i) {
      auto row = bench.offer(std::to_string(i), i);
      row.cancelled = true;
      bench.say(ingest, row);
    }
  }
};

TEST(Rule3, TheLastRowOfAllIsAskedForAgainWhenItFoundNoRoom) {
  ShortLine line;
  line.answer(5, false);
  line.shrink();
  EXPECT_EQ(line.bench.said<wire::Want>().size(), 1U);
}

// What comes in between is looked for in a full line, and is not there: when the line is short of
// messages a moment later, that is no reason to wait.
TEST(Rule3, NoPauseAfterAnAnswerWithNothingNewToAFullLine) {
  ShortLine line;
  line.answer(4, true);
  line.bench.say(line.ingest, line.bench.parked(10, 1));
  line.bench.pass(Bench::config().line_span);
  line.answer(4, true);
  line.shrink();
  EXPECT_EQ(line.bench.said<wire::Want>().size(), 1U);
}

TEST(Rule3, ARowThatIsGoneEndsThePauseAfterAnAnswerWithNothingNew) {
  Started s;
  s.bench.say(s.ingest, s.bench.parked(9, 1));
  wire::Offer row = s.bench.offer("1", 1);
  row.want_id = s.bench.said<wire::Want>().back().want_id;
  s.bench.say(s.ingest, row);
  s.bench.say(s.ingest, wire::Rows{row.want_id, "p", "api:k", 1, true});
  const auto again = s.bench.said<wire::Want>().back();
  s.bench.say(s.ingest, wire::Rows{again.want_id, "p", "api:k", 1, true});
  s.settle(s.bench.said<wire::Dispatch>().front());
  s.bench.clear();
  s.bench.say(s.ingest, wire::Forgotten{row.identity, "api"});
  EXPECT_EQ(s.bench.said<wire::Want>().size(), 1U);
}

}  // namespace
}  // namespace sluice::limiter
