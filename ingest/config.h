// What sluice-ingest can be told. All durations of the core are already scaled (time_scale).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/replies.h"
#include "lib/base/instant.h"
#include "lib/base/upstream.h"

namespace sluice::ingest {

struct Config {
  std::string store = "ingest-1";   // the parking store's name: one per data directory
  std::string source = "embedded";  // of the embedded queue: what producers post, and files
  std::vector<Upstream> upstreams;
  Duration max_wait{0};  // 0: two windows of the upstream's longest limit
  Duration quote_wait = milliseconds(100);
  Duration parking_wait = seconds(5);  // an answer later than this is taken for lost
  Duration cost_wait = seconds(5);
  Duration announce_every = seconds(60);
  Duration sweep_every = minutes(10);
  Duration remember = hours(14 * 24);
  std::vector<std::string> queues = {};  // names of those that it reads
  std::string door_queue = {};           // of them the one that the front door sends to, if it does
  std::uint32_t door_max = 1'000;        // messages on their way there at a time
  Duration priority_age = minutes(10);
  Duration hold_visibility = seconds(120);   // of a queue copy that waits here; renewed at half
  Duration credit_wait = milliseconds(100);  // of a queue copy that the limiter does not take
  std::uint32_t line_max =
      256;  // queue copies that await credit; with more, no others are asked for
  Duration full_visibility = seconds(60);  // more than key_max of its key wait for parking
  Duration away_visibility = minutes(5);   // parking is away
  std::uint32_t key_max = 1'000;
  std::uint32_t open_max = 10'000;  // requests and queue copies that ingest works on at a time
  std::uint32_t read_max = 256;     // rows of one read, and keys of one page
  std::uint64_t read_bytes_max = 4 * 1024 * 1024;
  ReplyConfig replies = {};

  // Of what is posted.
  [[nodiscard]] const std::string& posted_source() const {
    return door_queue.empty() ? source : door_queue;
  }
};

}  // namespace sluice::ingest
