// Is the trail whole? Pure: fed with the lines of its segments, oldest first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "auditor/trail_line.h"

namespace sluice::auditor {

class Verifier {
 public:
  // Lines up to this one, with this hash, are not at hand, and are taken for good.
  void begin_after(std::uint64_t line, std::string hash) { last_ = line, hash_ = std::move(hash); }
  // The file whose lines follow. Its first line must be a segment header that names this number and
  // the hash of the line before it.
  void begin_segment(std::uint64_t segment);
  // `text` without its line feed. Nothing when the line is good; else why it is not. After a bad
  // line there is no point in going on.
  std::optional<std::string> check(std::string_view text);
  // The last good line as it was read.
  [[nodiscard]] const Line& line() const { return line_; }

  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  [[nodiscard]] std::uint64_t segments() const { return segments_; }
  // Number and hash of the last good line; 0 and zeros before the first.
  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] const std::string& hash() const { return hash_; }

 private:
  [[nodiscard]] std::optional<std::string> check_header() const;

  std::uint64_t lines_ = 0;
  std::uint64_t segments_ = 0;
  std::uint64_t segment_ = 0;
  std::uint64_t last_ = 0;
  bool at_header_ = false;
  std::string hash_ = no_hash();
  Line line_;
};

}  // namespace sluice::auditor
