// What the alerter's core is told by the settings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/instant.h"
#include "lib/wire/messages.h"

namespace sluice::alerter {

enum class SinkKind : std::uint8_t { kStandardOutput, kFile, kWebhook, kSns };

struct Sink {
  std::string name;
  SinkKind kind = SinkKind::kStandardOutput;
  std::string path = {};  // kFile
  std::string url = {};   // kWebhook; or secret://..., when it has a token in it
  Duration timeout = seconds(10);
  std::vector<std::string> secrets = {};  // kWebhook: references; each makes a signature
  // What it takes; empty: any.
  std::vector<wire::Severity> severities = {};
  std::vector<std::string> kinds = {};
  std::vector<std::string> budgets = {};
  std::string topic = {};  // kSns: its ARN
};

struct Config {
  std::vector<Sink> sinks;
  std::uint64_t seed = 1;  // of the jitter
  Duration follow_interval = seconds(1);
  Duration follow_timeout = seconds(5);
  std::uint32_t follow_max = 100;
  Duration state_timeout = seconds(10);
  Duration deliver_timeout = seconds(30);  // longer than any sink's own
  Duration backoff_base = seconds(5);      // doubles; up to a quarter less by chance
  Duration backoff_max = minutes(15);
  std::uint32_t jobs_max =
      1'000;  // undelivered alerts in memory, for each sink; others wait on disk
  Duration rescan_interval = seconds(10);
  Duration group_wait;  // so long an alert waits for others of its group
  std::uint32_t group_max = 50;
  std::vector<std::string> group_by = {"upstream", "budget"};  // labels
  Duration repeat_interval = hours(4);
  std::uint32_t give_up_after = 5;    // refusals for good
  Duration silence_max = minutes(1);  // of the auditor
  bool beats = false;                 // a heartbeat goes out ...
  Duration beat_interval = minutes(1);
};

}  // namespace sluice::alerter
