// Copies of the trail's sealed segments in S3 (docs/trail.md): each is put once, oldest first, with
// its SHA-256, and is never overwritten, nor put again when its time there was over. What is there
// is read from S3 at start, so that nothing need be remembered here; what cannot be put is tried
// until it is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "auditor/disk_trail.h"
#include "lib/aws/client.h"
#include "lib/aws/s3.h"
#include "lib/base/prng.h"
#include "lib/port/log.h"

namespace sluice::auditor {

struct CopiesConfig {
  std::string bucket;  // empty: no copies
  std::string prefix;  // "trail/"
  std::string encryption;
  std::string kms_key;
  std::optional<aws::s3::Lock::Mode> lock;
  Duration lock_for;
};

// "trail/trail-00000001.ndjson", and back; nothing when it is no copy's.
std::string copy_key(const std::string& prefix, std::uint64_t segment);
std::optional<std::uint64_t> segment_of_copy(const std::string& prefix, const std::string& key);

class S3Copies {
 public:
  struct World {
    aws::Client& client;
    aws::Transport& time;
    port::Log& log;
    std::uint64_t seed = 1;
  };
  struct Counts {
    std::uint64_t put = 0;
    std::uint64_t found = 0;  // that were there already, with the same bytes
    std::uint64_t failed = 0;
  };

  // What it is given outlives it; it may go while a call is under way.
  S3Copies(CopiesConfig config, std::string directory, World world);
  S3Copies(const S3Copies&) = delete;
  S3Copies& operator=(const S3Copies&) = delete;

  // To be called now and then: all segments before this one are sealed.
  void look(std::uint64_t last_segment);

  // Sealed segments that are not known to be in S3, and since when the oldest of them is sealed. Of
  // one that may be there, as it has not been looked for or at yet, since the start at the
  // earliest.
  [[nodiscard]] std::uint64_t missing() const;
  [[nodiscard]] std::optional<StoreTime> oldest() const;
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void learn(std::uint64_t last_segment);
  void list();
  void listed(const aws::s3::Page& page);
  void leave_out_expired();
  void next();
  void put(std::uint64_t segment);
  void compare(std::uint64_t segment);
  void have(std::uint64_t segment, std::uint64_t& count);
  void failed(const std::string& what, const aws::Refusal& why);
  void stop(std::uint64_t segment, const std::string& why);
  // Nothing: it cannot be read, which was said.
  std::optional<std::string> bytes_of(std::uint64_t segment);
  [[nodiscard]] bool is_there(std::uint64_t segment, const SegmentFile& sealed) const;
  // `run` of what a call brought, unless this has gone.
  std::function<void(const aws::Outcome&)> then(std::function<void(const aws::Outcome&)> run);

  CopiesConfig config_;
  std::string directory_;
  World world_;
  Prng chance_;
  Counts counts_;
  StoreTime started_;
  std::map<std::uint64_t, SegmentFile> sealed_;   // that are not known to be there
  std::uint64_t learnt_ = 0;                      // the last segment that was sealed
  std::map<std::uint64_t, std::uint64_t> there_;  // bytes by segment
  bool is_listed_ = false;
  bool is_busy_ = false;
  bool is_stopped_ = false;  // what is there is not ours
  Instant again_at_;
  Duration pause_;
  std::string trouble_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace sluice::auditor
