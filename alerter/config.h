// What the alerter's core is told by the settings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/instant.h"

namespace sluice::alerter {

enum class SinkKind : std::uint8_t { kStandardOutput, kFile, kWebhook };

struct Sink {
  std::string name;
  SinkKind kind = SinkKind::kStandardOutput;
  std::string path;  // kFile
  std::string url;   // kWebhook
  Duration timeout = seconds(10);
};

struct Config {
  std::vector<Sink> sinks;
  Duration follow_interval = seconds(1);
  Duration follow_timeout = seconds(5);
  std::uint32_t follow_max = 100;
  Duration state_timeout = seconds(10);
  Duration deliver_timeout = seconds(30);  // longer than any sink's own
  Duration backoff_base = seconds(5);      // doubles
  Duration backoff_max = minutes(15);
  std::uint32_t jobs_max =
      1'000;  // undelivered alerts in memory, for each sink; others wait on disk
  Duration rescan_interval = seconds(10);
};

}  // namespace sluice::alerter
