#include "lib/stage/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "lib/base/check.h"

namespace sluice::stage {

namespace {

const std::vector<double> kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                      0.5,   1,      2.5,   5,    10,    30,   60};

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  // The shortest of few and of all digits that reads back the same.
  std::array<char, 32> brief{};
  std::snprintf(brief.data(), brief.size(), "%.9g", value);
  return std::strtod(brief.data(), nullptr) == value ? brief.data() : text.data();
}

std::string escaped(std::string_view text) {
  std::string into;
  for (const char c : text) {
    if (c == '\\' || c == '"') into += '\\';
    into += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return into;
}

std::string label_text(const Labels& labels, std::string_view le = {}) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += (text.empty() ? "" : ",") + name + "=\"" + escaped(value) + "\"";
  }
  if (!le.empty()) text += (text.empty() ? "" : ",") + ("le=\"" + std::string(le) + "\"");
  return text.empty() ? "" : "{" + text + "}";
}

template <class Kind, class... Args>
Kind& of(std::map<Labels, std::unique_ptr<Kind>>& kinds, Labels labels, Args&&... args) {
  auto& held = kinds[std::move(labels)];
  if (!held) held = std::make_unique<Kind>(std::forward<Args>(args)...);
  return *held;
}

}  // namespace

Histogram::Histogram(const std::vector<double>& bounds)
    : bounds_(bounds.empty() ? kSeconds : bounds), counts_(bounds_.size() + 1) {}

void Histogram::observe(double value) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  ++counts_[static_cast<std::size_t>(bound - bounds_.begin())];
  sum_ += value;
}

Metrics::Family& Metrics::family(std::string_view name, std::string_view help,
                                 std::string_view type) {
  const auto found = families_.find(name);
  Family& family = found != families_.end() ? found->second : families_[std::string(name)];
  if (family.type.empty()) {
    family.type = type;
    family.help = help;
  }
  CHECK(family.type == type);
  return family;
}

Counter& Metrics::counter(std::string_view name, std::string_view help, Labels labels) {
  return of(family(name, help, "counter").counters, std::move(labels));
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, Labels labels) {
  return of(family(name, help, "gauge").gauges, std::move(labels));
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, Labels labels,
                              const std::vector<double>& bounds) {
  return of(family(name, help, "histogram").histograms, std::move(labels), bounds);
}

std::string Metrics::histogram_text(const std::string& name, const Labels& labels,
                                    const Histogram& histogram) {
  std::string text;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.counts_.size(); ++i) {
    below += histogram.counts_[i];
    const bool last = i == histogram.bounds_.size();
    const std::string le = last ? "+Inf" : number(histogram.bounds_[i]);
    text += name + "_bucket" + label_text(labels, le) + " " + std::to_string(below) + "\n";
  }
  text += name + "_sum" + label_text(labels) + " " + number(histogram.sum_) + "\n";
  return text + name + "_count" + label_text(labels) + " " + std::to_string(below) + "\n";
}

std::string Metrics::text() {
  for (const auto& refresh : refresh_) refresh();
  std::string text;
  for (const auto& [name, family] : families_) {
    text += "# HELP " + name + " " + family.help + "\n# TYPE " + name + " " + family.type + "\n";
    for (const auto& [labels, counter] : family.counters) {
      text += name + label_text(labels) + " " + std::to_string(counter->value()) + "\n";
    }
    for (const auto& [labels, gauge] : family.gauges) {
      text += name + label_text(labels) + " " + number(gauge->value()) + "\n";
    }
    for (const auto& [labels, histogram] : family.histograms) {
      text += histogram_text(name, labels, *histogram);
    }
  }
  return text;
}

}  // namespace sluice::stage
