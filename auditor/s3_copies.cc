#include "auditor/s3_copies.h"

#include <algorithm>
#include <utility>

#include "lib/aws/pages.h"
#include "lib/port/files.h"

namespace sluice::auditor {

namespace {

namespace s3 = aws::s3;

constexpr Duration kPauseMin = seconds(1);
constexpr Duration kPauseMax = minutes(5);
constexpr std::int64_t kBytesPerSecond = 256 * 1024;     // a line that is slower is none
constexpr const char* kArchived = "InvalidObjectState";  // it is in Glacier, and must be restored
constexpr const char* kContentType = "application/x-ndjson";

// "trail-00000001.ndjson"
std::string name_of(std::uint64_t segment) { return segment_path("", segment).substr(1); }

// An attempt's, by how much there is to send.
Duration time_for(std::size_t bytes) {
  return seconds(10) + seconds(static_cast<std::int64_t>(bytes) / kBytesPerSecond);
}

}  // namespace

std::string copy_key(const std::string& prefix, std::uint64_t segment) {
  return prefix + name_of(segment);
}

std::optional<std::uint64_t> segment_of_copy(const std::string& prefix, const std::string& key) {
  std::uint64_t number = 0;
  for (std::size_t at = prefix.size(); at < key.size() && number < 1'000'000'000'000'000; ++at) {
    if (key[at] >= '0' && key[at] <= '9') {
      number = number * 10 + static_cast<std::uint64_t>(key[at] - '0');
    }
  }
  if (number == 0 || copy_key(prefix, number) != key) return std::nullopt;
  return number;
}

S3Copies::S3Copies(CopiesConfig config, std::string directory, World world)
    : config_(std::move(config)),
      directory_(std::move(directory)),
      world_(world),
      chance_(world.seed),
      started_(world.time.wall()),
      pause_(kPauseMin) {}

std::uint64_t S3Copies::missing() const { return sealed_.size(); }

std::optional<StoreTime> S3Copies::oldest() const {
  if (sealed_.empty()) return std::nullopt;
  const auto& [segment, file] = *sealed_.begin();
  const bool may_be_there = !is_listed_ || there_.contains(segment);
  return may_be_there ? std::max(file.sealed, started_) : file.sealed;
}

void S3Copies::look(std::uint64_t last_segment) {
  learn(last_segment);
  if (is_busy_ || is_stopped_ || world_.time.now() < again_at_) return;
  if (!is_listed_) return list();
  next();
}

void S3Copies::learn(std::uint64_t last_segment) {
  if (last_segment <= learnt_ + 1) return;
  for (std::uint64_t segment = learnt_ + 1; segment < last_segment; ++segment) {
    const auto file = segment_file(directory_, segment);
    if (file) sealed_[segment] = *file;
  }
  learnt_ = last_segment - 1;
}

std::function<void(const aws::Outcome&)> S3Copies::then(
    std::function<void(const aws::Outcome&)> run) {
  return [here = std::weak_ptr<bool>(here_), run = std::move(run)](const aws::Outcome& outcome) {
    if (!here.expired()) run(outcome);
  };
}

// ---- what is there -----------------------------------------------------------------------------

void S3Copies::list() {
  is_busy_ = true;
  there_.clear();
  const auto here = std::weak_ptr<bool>(here_);
  aws::for_each_page<s3::Page>(
      world_.client, {[bucket = config_.bucket, prefix = config_.prefix](const std::string& from) {
                        return s3::list_objects({bucket, prefix}, from);
                      },
                      &s3::read_list,
                      [this, here](const s3::Page& page) {
                        if (here.expired()) return false;
                        listed(page);
                        return true;
                      },
                      [this, here](const std::optional<aws::Refusal>& why) {
                        if (here.expired()) return;
                        is_busy_ = false;
                        if (why) return failed("ListObjectsV2", *why);
                        is_listed_ = true;
                        leave_out_expired();
                        next();
                      }});
}

void S3Copies::listed(const s3::Page& page) {
  for (const s3::Listed& one : page.objects) {
    if (const auto segment = segment_of_copy(config_.prefix, one.key)) there_[*segment] = one.size;
  }
}

// They are put oldest first: those before the first that is there were there, too.
void S3Copies::leave_out_expired() {
  if (there_.empty()) return;
  const std::size_t before = sealed_.size();
  sealed_.erase(sealed_.begin(), sealed_.lower_bound(there_.begin()->first));
  if (sealed_.size() == before) return;
  world_.log.info("older segments have no copy any more: none is made again",
                  {{"bucket", config_.bucket}, {"segments", before - sealed_.size()}});
}

// The newest one is read, whole: another trail's would have other bytes.
bool S3Copies::is_there(std::uint64_t segment, const SegmentFile& sealed) const {
  const auto found = there_.find(segment);
  const bool is_newest = found != there_.end() && std::next(found) == there_.end();
  return found != there_.end() && found->second == sealed.bytes && !is_newest;
}

void S3Copies::next() {
  while (!sealed_.empty() && is_there(sealed_.begin()->first, sealed_.begin()->second)) {
    ++counts_.found;
    sealed_.erase(sealed_.begin());
  }
  if (sealed_.empty()) return;
  const std::uint64_t segment = sealed_.begin()->first;
  there_.contains(segment) ? compare(segment) : put(segment);
}

// ---- one of them -------------------------------------------------------------------------------

std::optional<std::string> S3Copies::bytes_of(std::uint64_t segment) {
  auto bytes = port::read_whole(segment_path(directory_, segment));
  if (bytes.ok()) return std::move(*bytes);
  failed("reading it", {"", bytes.error().what});
  return std::nullopt;
}

void S3Copies::put(std::uint64_t segment) {
  auto bytes = bytes_of(segment);
  if (!bytes) return;
  s3::Put what{config_.bucket, copy_key(config_.prefix, segment), std::move(*bytes)};
  what.content_type = kContentType;
  what.encryption = config_.encryption;
  what.kms_key = config_.kms_key;
  if (config_.lock) what.lock = s3::Lock{*config_.lock, world_.time.wall() + config_.lock_for};
  what.only_if_absent = true;
  aws::Request request = s3::put_object(what);
  request.timeout = time_for(what.body.size());
  what.body.shrink_to_fit();
  is_busy_ = true;
  const auto put = std::make_shared<const s3::Put>(std::move(what));
  world_.client.call(std::move(request), then([this, segment, put](const aws::Outcome& outcome) {
                       is_busy_ = false;
                       const auto stored = s3::read_stored(outcome, *put);
                       if (stored.ok()) return have(segment, counts_.put);
                       if (stored.refusal().code == "PreconditionFailed") return compare(segment);
                       failed("PutObject", stored.refusal());
                     }));
}

// Somebody has put it: we, and did not hear of it, or not we.
void S3Copies::compare(std::uint64_t segment) {
  auto bytes = bytes_of(segment);
  if (!bytes) return;
  aws::Request request =
      s3::get_object(config_.bucket, copy_key(config_.prefix, segment), bytes->size());
  request.timeout = time_for(bytes->size());
  is_busy_ = true;
  const auto own = std::make_shared<const std::string>(std::move(*bytes));
  const auto found = there_.find(segment);
  const bool same_size = found != there_.end() && found->second == own->size();
  world_.client.call(std::move(request),
                     then([this, segment, own, same_size](const aws::Outcome& outcome) {
                       is_busy_ = false;
                       const auto got = s3::read_object(outcome);
                       if (!got.ok() && got.refusal().code == kArchived && same_size) {
                         return have(segment, counts_.found);
                       }
                       if (!got.ok() && got.refusal().code != "AnswerTooLarge") {
                         return failed("GetObject", got.refusal());
                       }
                       if (got.ok() && got->body == *own) return have(segment, counts_.found);
                       stop(segment, "it has other bytes than the segment here");
                     }));
}

void S3Copies::have(std::uint64_t segment, std::uint64_t& count) {
  ++count;
  sealed_.erase(segment);
  there_.erase(segment);
  pause_ = kPauseMin;
  again_at_ = {};
  if (!trouble_.empty()) world_.log.info("segments of the trail are copied again");
  trouble_.clear();
  world_.log.info("segment of the trail copied",
                  {{"segment", segment}, {"key", copy_key(config_.prefix, segment)}});
  next();
}

// Said once for each reason.
void S3Copies::failed(const std::string& what, const aws::Refusal& why) {
  ++counts_.failed;
  again_at_ = world_.time.now() + chance_.between(pause_ * 3 / 4, pause_);
  pause_ = std::min(pause_ * 2, kPauseMax);
  const std::string said = what + ": " + (why.code.empty() ? "" : why.code + ": ") + why.message;
  if (said != trouble_) {
    world_.log.warning("segments of the trail are not copied yet",
                       {{"bucket", config_.bucket}, {"missing", missing()}, {"why", said}});
  }
  trouble_ = said;
}

void S3Copies::stop(std::uint64_t segment, const std::string& why) {
  is_stopped_ = true;
  world_.log.error(
      "a copy in S3 is another trail's: nothing more is copied",
      {{"bucket", config_.bucket}, {"key", copy_key(config_.prefix, segment)}, {"why", why}});
}

}  // namespace sluice::auditor
