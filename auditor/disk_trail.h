// The trail on disk: segments `trail-00000001.ndjson` ... in one directory (docs/trail.md). Every
// append is fsynced before it is answered; a segment is sealed (read-only) before the next begins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "auditor/trail_port.h"
#include "lib/base/result.h"
#include "lib/port/unique_fd.h"

namespace sluice::auditor {

std::string segment_path(const std::string& directory, std::uint64_t segment);
// Of a segment's file; `sealed`: when its mode was changed last.
struct SegmentFile {
  std::uint64_t bytes = 0;
  StoreTime sealed;
};
std::optional<SegmentFile> segment_file(const std::string& directory, std::uint64_t segment);
// Numbers of the segments that are there, rising.
Result<std::vector<std::uint64_t>> segments_in(const std::string& directory);

class DiskTrail {
 public:
  explicit DiskTrail(std::string directory) : directory_(std::move(directory)) {}

  // An Error is the world's: after a write or an fsync that failed nothing may be acknowledged any
  // more, and the process ends.
  Result<TrailAnswer> answer(const TrailCall& call);

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t first_line = 0;
  };
  // Where the next sequential read begins.
  struct Place {
    std::uint64_t line = 0;
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
  };

  Result<TrailAnswer> open();
  Status scan(std::uint64_t number, TrailOpened& found);
  Result<TrailAnswer> read(const TrailRead& ask);
  Place place_of(std::uint64_t line) const;
  Result<TrailAnswer> append(const TrailAppend& ask);
  Status open_for_append(std::uint64_t number);
  Status write(const std::string& bytes);
  Status sync();
  Status seal();

  std::string directory_;
  Tail tail_;
  bool is_open_ = false;
  std::vector<Segment> segments_;
  Place read_at_;
  port::UniqueFd fd_;  // of the last segment
  std::uint64_t fd_segment_ = 0;
};

}  // namespace sluice::auditor
