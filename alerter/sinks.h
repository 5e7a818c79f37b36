// The sinks on this machine: standard output, a file. Each is given an alert and says at once how
// it went.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>

#include "lib/base/result.h"
#include "lib/port/unique_fd.h"
#include "lib/wire/messages.h"

namespace sluice::alerter {

// One JSON object without a line feed: alert_id, at, severity, kind, title, text, dedup_key,
// period, labels.
std::string json_of(const wire::Alert& alert);
// "info", "warning", "critical".
std::string_view word_of(wire::Severity severity);
// One line for a person, with its line feed.
std::string text_of(const wire::Alert& alert);

// All of it or an error; goes on after an interruption.
Status write_whole(int fd, std::string_view bytes, const std::string& name);

// A stream that others write to as well, such as standard output: never waits for its reader. A
// line that did not fit whole is ended before anything else is written.
class StreamSink {
 public:
  explicit StreamSink(int fd) : fd_(fd) {}
  Status deliver(const wire::Alert& alert);

 private:
  Status write_rest();
  int fd_;
  std::string rest_;   // of the line that was begun
  std::string begun_;  // its alert, or the last one
};

// NDJSON, appended and fsynced. An alert whose id is among the last kIdsMax in the file is not
// written again: so a kill between the write and the mark leaves one line. A file that was moved
// away or deleted is made anew under its name. What is no regular file is refused.
class FileSink {
 public:
  static constexpr std::size_t kIdsMax = 10'000;

  explicit FileSink(std::string path) : path_(std::move(path)) {}
  Status deliver(const wire::Alert& alert);

 private:
  Status open();
  void remember(std::string id);
  [[nodiscard]] bool is_in_place() const;
  std::string path_;
  port::UniqueFd fd_;
  std::unordered_set<std::string> ids_;
  std::deque<std::string> order_;  // of ids_, the oldest first
};

}  // namespace sluice::alerter
