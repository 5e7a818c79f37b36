#include "auditor/disk_trail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <system_error>

#include "auditor/trail_line.h"
#include "lib/digest/digest.h"
#include "lib/port/clock.h"
#include "lib/port/files.h"
#include "lib/port/lockfile.h"

namespace sluice::auditor {
namespace {

constexpr std::string_view kPrefix = "trail-";
constexpr std::string_view kSuffix = ".ndjson";
constexpr std::size_t kDigits = 8;
constexpr std::size_t kReadBytesMax = 4UL * 1024 * 1024;  // of lines in one answer

Error failed(const std::string& what) {
  return {Trouble::kUnavailable, what + ": " + std::strerror(errno)};
}

Status sync_directory(const std::string& directory) {
  const port::UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.open() || fsync(fd.get()) != 0) return failed("cannot fsync " + directory);
  return Done{};
}

// The first line of a segment; nothing when there is none yet.
Result<std::optional<Line>> header_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed("cannot read " + path);
  std::string text;
  if (!std::getline(file, text) || file.eof()) return std::optional<Line>();
  auto line = read_line(text);
  if (!line.ok() || line->type != "segment") return std::optional<Line>();
  return std::optional<Line>(std::move(*line));
}

}  // namespace

std::string segment_path(const std::string& directory, std::uint64_t segment) {
  std::string digits = std::to_string(segment);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return directory + "/" + std::string(kPrefix) + digits + std::string(kSuffix);
}

std::optional<SegmentFile> segment_file(const std::string& directory, std::uint64_t segment) {
  struct stat facts {};
  if (stat(segment_path(directory, segment).c_str(), &facts) != 0) return std::nullopt;
  const StoreTime sealed{facts.st_ctim.tv_sec * 1'000'000 + facts.st_ctim.tv_nsec / 1'000};
  return SegmentFile{static_cast<std::uint64_t>(facts.st_size), sealed};
}

Result<std::vector<std::uint64_t>> segments_in(const std::string& directory) {
  std::vector<std::uint64_t> numbers;
  std::error_code trouble;
  for (const auto& entry : std::filesystem::directory_iterator(directory, trouble)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const std::string digits =
        name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
    if (digits.size() < kDigits || digits.size() > 18) continue;
    if (digits.find_first_not_of("0123456789") != std::string::npos) continue;
    // Each segment has one name: a copy under more digits is a stray file.
    const std::uint64_t number = std::stoull(digits);
    if (segment_path(directory, number) == directory + "/" + name) numbers.push_back(number);
  }
  if (trouble) {
    return Error{Trouble::kUnavailable, "cannot list " + directory + ": " + trouble.message()};
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<TrailAnswer> DiskTrail::answer(const TrailCall& call) {
  if (std::holds_alternative<TrailOpen>(call)) return open();
  if (!is_open_) return TrailAnswer{TrailFailed{"the trail is not open"}};
  if (const auto* ask = std::get_if<TrailRead>(&call)) return read(*ask);
  return append(std::get<TrailAppend>(call));
}

// ---- open --------------------------------------------------------------------------------------

// The last segment may be without a whole header: a crash came while it was begun. Then it is torn
// as a whole, and the trail ends with the one before.
Result<TrailAnswer> DiskTrail::open() {
  is_open_ = false;
  fd_ = port::UniqueFd();
  fd_segment_ = 0;
  segments_.clear();
  read_at_ = {};
  tail_ = {0, no_hash(), 0, 0};
  if (auto made = port::make_directory(directory_); !made) return made.error();
  auto numbers = segments_in(directory_);
  if (!numbers) return numbers.error();
  for (const std::uint64_t number : *numbers) {
    const auto header = header_of(segment_path(directory_, number));
    if (!header) return header.error();
    if (*header) {
      segments_.push_back({number, (*header)->n});
    } else if (number != numbers->back()) {
      return Error{Trouble::kCorrupt,
                   segment_path(directory_, number) + " has no header: see sluice-auditor verify"};
    }
  }
  TrailOpened opened;
  if (!segments_.empty()) {
    if (auto done = scan(segments_.back().number, opened); !done) return done.error();
  }
  if (!numbers->empty() && numbers->back() != tail_.segment) {
    std::error_code ignored;
    const auto bytes =
        std::filesystem::file_size(segment_path(directory_, numbers->back()), ignored);
    if (!ignored) opened.cut_bytes += bytes;
  }
  opened.tail = tail_;
  // The one before was full: the next line begins the segment that is torn as a whole.
  if (opened.tail.segment != 0 && numbers->back() != tail_.segment) {
    opened.tail.segment_bytes = std::numeric_limits<std::uint64_t>::max() / 2;
  }
  is_open_ = true;
  return TrailAnswer{opened};
}

// Follows the chain through the last segment. What does not end in a line feed was never
// acknowledged; nor was what holds zeros, which a file system leaves where a write did not arrive.
Status DiskTrail::scan(std::uint64_t number, TrailOpened& found) {
  const std::string path = segment_path(directory_, number);
  const auto bytes = port::read_whole(path);
  if (!bytes) return bytes.error();
  const std::string_view all = *bytes;
  std::size_t at = 0;
  while (at < all.size()) {
    const std::size_t end = all.find('\n', at);
    if (end == std::string_view::npos) break;
    const std::string_view text = all.substr(at, end - at);
    auto line = read_line(text);
    if (line.ok() && at == 0) {
      tail_.hash = from_hex(line->text("follows"));
      if (line->at.us > 0) found.segment_age = std::max(port::wall_now() - line->at, Duration{});
    }
    if (!line.ok() || tail_.hash.size() != kHashBytes || !is_chained(text, tail_.hash)) {
      if (all.find('\0', at) != std::string_view::npos) break;
      return Error{Trouble::kCorrupt, path + ": the line after line " + std::to_string(tail_.line) +
                                          " is damaged: see sluice-auditor verify"};
    }
    tail_.line = line->n;
    tail_.hash = line->hash;
    at = end + 1;
  }
  tail_.segment = number;
  tail_.segment_bytes = at;
  found.cut_bytes = all.size() - at;
  return Done{};
}

// ---- read --------------------------------------------------------------------------------------

DiskTrail::Place DiskTrail::place_of(std::uint64_t line) const {
  if (read_at_.line == line) return read_at_;
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), line,
      [](std::uint64_t wanted, const Segment& segment) { return wanted < segment.first_line; });
  if (after == segments_.begin()) return {};
  const Segment& segment = *std::prev(after);
  return {segment.first_line, segment.number, 0};
}

Result<TrailAnswer> DiskTrail::read(const TrailRead& ask) {
  TrailLines found;
  Place place = place_of(ask.from_line);
  if (place.segment == 0) return TrailAnswer{TrailFailed{"lines before the first segment"}};
  std::size_t bytes = 0;
  while (place.line <= tail_.line && found.lines.size() < ask.lines_max && bytes < kReadBytesMax) {
    const std::string path = segment_path(directory_, place.segment);
    std::ifstream file(path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(place.offset));
    std::string text;
    while (place.line <= tail_.line && found.lines.size() < ask.lines_max &&
           bytes < kReadBytesMax && std::getline(file, text)) {
      place.offset += text.size() + 1;
      bytes += text.size();
      if (place.line++ >= ask.from_line) found.lines.push_back(std::move(text));
    }
    if (!file.eof() && !file) return failed("cannot read " + path);
    if (file.eof()) {
      if (place.segment == tail_.segment) break;
      place.segment += 1;
      place.offset = 0;
    }
  }
  found.more = place.line <= tail_.line;
  read_at_ = place;
  return TrailAnswer{std::move(found)};
}

// ---- append ------------------------------------------------------------------------------------

// Torn bytes behind the tail are overwritten and cut afterwards: a crash in between leaves whole
// lines and a torn rest, never a hole.
Result<TrailAnswer> DiskTrail::append(const TrailAppend& ask) {
  if (ask.after != tail_.line || ask.after_hash != tail_.hash) {
    return TrailAnswer{TrailFailed{"the trail ends at line " + std::to_string(tail_.line)}};
  }
  is_open_ = false;  // until all is durable
  std::string bytes;
  for (const TrailLine& line : ask.lines) {
    if (line.starts_segment) {
      if (tail_.segment != 0) {
        if (auto done = write(bytes); !done) return done.error();
        if (auto done = seal(); !done) return done.error();
      }
      bytes.clear();
      tail_.segment += 1;
      tail_.segment_bytes = 0;
      segments_.push_back({tail_.segment, tail_.line + 1});
    }
    bytes.append(line.text).push_back('\n');
    tail_.line += 1;
  }
  if (auto done = write(bytes); !done) return done.error();
  if (auto done = sync(); !done) return done.error();
  const auto last = ask.lines.empty() ? Result<Line>(Error{Trouble::kInvalid, "nothing to append"})
                                      : read_line(ask.lines.back().text);
  if (!last) return TrailAnswer{TrailFailed{last.error().what}};
  tail_.hash = last->hash;
  is_open_ = true;
  return TrailAnswer{TrailAppended{}};
}

Status DiskTrail::open_for_append(std::uint64_t number) {
  if (fd_segment_ == number && fd_.open()) return Done{};
  const std::string path = segment_path(directory_, number);
  (void)chmod(path.c_str(), 0640);  // a sealed one that is to go on; if it fails, so does open()
  fd_ = port::UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
  if (!fd_.open()) return failed("cannot open " + path);
  fd_segment_ = number;
  return sync_directory(directory_);
}

Status DiskTrail::write(const std::string& bytes) {
  if (auto opened = open_for_append(tail_.segment); !opened) return opened;
  const std::string path = segment_path(directory_, tail_.segment);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto offset = static_cast<off_t>(tail_.segment_bytes);
    const ssize_t wrote = pwrite(fd_.get(), bytes.data() + done, bytes.size() - done, offset);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return failed("cannot write " + path);
    done += static_cast<std::size_t>(wrote);
    tail_.segment_bytes += static_cast<std::uint64_t>(wrote);
  }
  if (ftruncate(fd_.get(), static_cast<off_t>(tail_.segment_bytes)) != 0) {
    return failed("cannot cut " + path);
  }
  return Done{};
}

Status DiskTrail::sync() {
  if (fsync(fd_.get()) != 0) return failed("cannot fsync " + segment_path(directory_, fd_segment_));
  return Done{};
}

Status DiskTrail::seal() {
  if (auto done = sync(); !done) return done;
  if (fchmod(fd_.get(), 0440) != 0) {
    return failed("cannot seal " + segment_path(directory_, fd_segment_));
  }
  fd_ = port::UniqueFd();
  return Done{};
}

}  // namespace sluice::auditor
