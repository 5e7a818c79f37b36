// Counters, gauges and histograms, and their text for Prometheus (exposition format 0.0.4). Names
// are sluice_<noun>_<unit>, counters end in _total. A reference stays good as long as the registry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/instant.h"

namespace sluice::stage {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_ += n; }
  // For counts that somebody else keeps; never less than before.
  void set(std::uint64_t total) { value_ = total; }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

class Gauge {
 public:
  void set(double value) { value_ = value; }
  [[nodiscard]] double value() const { return value_; }

 private:
  double value_ = 0;
};

class Histogram {
 public:
  explicit Histogram(const std::vector<double>& bounds);
  void observe(double value);
  void observe(Duration span) { observe(static_cast<double>(span.us) / 1e6); }  // in seconds

 private:
  friend class Metrics;
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;  // one more than bounds
  double sum_ = 0;
};

class Metrics {
 public:
  // The same name and labels give the same one; `help` is the first one's.
  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
  // Bounds in seconds by default: 1 ms to 60 s.
  Histogram& histogram(std::string_view name, std::string_view help, Labels labels = {},
                       const std::vector<double>& bounds = {});
  // Called before each text(): sets gauges from what is.
  void on_scrape(std::function<void()> refresh) { refresh_.push_back(std::move(refresh)); }
  [[nodiscard]] std::string text();

 private:
  struct Family {
    std::string help;
    std::string type;
    std::map<Labels, std::unique_ptr<Counter>> counters;
    std::map<Labels, std::unique_ptr<Gauge>> gauges;
    std::map<Labels, std::unique_ptr<Histogram>> histograms;
  };
  static std::string histogram_text(const std::string& name, const Labels& labels,
                                    const Histogram& histogram);
  Family& family(std::string_view name, std::string_view help, std::string_view type);
  std::map<std::string, Family, std::less<>> families_;
  std::vector<std::function<void()>> refresh_;
};

}  // namespace sluice::stage
