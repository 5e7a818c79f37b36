#include "lib/stage/metrics.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::stage {
namespace {

TEST(Metrics, TextForPrometheus) {
  Metrics metrics;
  metrics.counter("b_total", "Bs.", {{"way", "in \"x\"\n"}}).add(2);
  metrics.counter("b_total", "Bs.", {{"way", "in \"x\"\n"}}).add();
  metrics.gauge("a", "As.").set(0.1);
  Histogram& histogram = metrics.histogram("h_seconds", "Hs.", {{"k", "v"}}, {0.5, 1});
  histogram.observe(0.5);
  histogram.observe(seconds(2));
  metrics.on_scrape([&] { metrics.gauge("a", "").set(2); });
  EXPECT_EQ(metrics.text(),
            "# HELP a As.\n# TYPE a gauge\na 2\n"
            "# HELP b_total Bs.\n# TYPE b_total counter\nb_total{way=\"in \\\"x\\\"\\n\"} 3\n"
            "# HELP h_seconds Hs.\n# TYPE h_seconds histogram\n"
            "h_seconds_bucket{k=\"v\",le=\"0.5\"} 1\n"
            "h_seconds_bucket{k=\"v\",le=\"1\"} 1\n"
            "h_seconds_bucket{k=\"v\",le=\"+Inf\"} 2\n"
            "h_seconds_sum{k=\"v\"} 2.5\nh_seconds_count{k=\"v\"} 2\n");
}

TEST(Metrics, NumbersThatAreNone) {
  Metrics metrics;
  metrics.gauge("a", "As.").set(-std::numeric_limits<double>::quiet_NaN());
  metrics.gauge("b", "Bs.").set(-std::numeric_limits<double>::infinity());
  EXPECT_EQ(metrics.text(),
            "# HELP a As.\n# TYPE a gauge\na NaN\n"
            "# HELP b Bs.\n# TYPE b gauge\nb -Inf\n");
}

}  // namespace
}  // namespace sluice::stage
