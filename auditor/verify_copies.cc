// verify --s3: the copies of the trail in S3.
#include <fstream>
#include <map>
#include <memory>
#include <utility>

#include "auditor/disk_trail.h"
#include "auditor/uses.h"
#include "auditor/verbs.h"
#include "lib/aws/pages.h"
#include "lib/base/calendar.h"
#include "lib/digest/digest.h"

namespace sluice::auditor {
namespace {

namespace s3 = aws::s3;

// kInvalid: it is in Glacier, and must be restored first.
Error refused(const std::string& what, const aws::Refusal& why) {
  const bool archived = why.code == "InvalidObjectState";
  return {archived ? Trouble::kInvalid : Trouble::kUnavailable,
          what + ": " + why.code + ": " + why.message};
}

// One call after the other: nobody else is on this loop.
class Bucket {
 public:
  using Sizes = std::map<std::uint64_t, std::uint64_t>;  // by segment

  Bucket(const CopiesConfig& config, port::Poller& poller, aws::Client& client)
      : config_(config), poller_(poller), client_(client) {}

  Result<Sizes> list() {
    Sizes sizes;
    std::optional<Status> ended;
    aws::for_each_page<s3::Page>(
        client_, {[this](const std::string& from) {
                    return s3::list_objects({config_.bucket, config_.prefix}, from);
                  },
                  &s3::read_list,
                  [&](const s3::Page& page) {
                    for (const s3::Listed& one : page.objects) {
                      const auto segment = segment_of_copy(config_.prefix, one.key);
                      if (segment) sizes[*segment] = one.size;
                    }
                    return true;
                  },
                  [&](const std::optional<aws::Refusal>& why) {
                    ended = why ? Status(refused("s3://" + config_.bucket, *why)) : Status(Done{});
                  }});
    while (!ended) poller_.poll(poller_.now() + seconds(1));
    if (!ended->ok()) return ended->error();
    return sizes;
  }

  Result<std::string> get(const std::string& key, std::uint64_t bytes) {
    std::optional<Result<std::string>> got;
    aws::Request request = s3::get_object(config_.bucket, key, bytes);
    request.timeout = minutes(10);
    client_.call(std::move(request), [&](const aws::Outcome& outcome) {
      auto object = s3::read_object(outcome);
      if (object.ok()) {
        got = std::move((*object).body);
      } else {
        got = refused(key, object.refusal());
      }
    });
    while (!got) poller_.poll(poller_.now() + seconds(1));
    return std::move(*got);
  }

 private:
  const CopiesConfig& config_;
  port::Poller& poller_;
  aws::Client& client_;
};

// The first line of the segment that comes next here names the hash that it follows.
bool joins(const std::string& directory, std::uint64_t next, const Verifier& verifier) {
  std::ifstream file(segment_path(directory, next), std::ios::binary);
  std::string text;
  if (!file || !std::getline(file, text)) return false;
  const auto header = read_line(text);
  return header.ok() && header->n == verifier.last() + 1 && is_chained(text, verifier.hash());
}

// A lifecycle rule may have ended or moved those before the first that can be read: what its header
// says that it follows is proved by whoever goes on from it.
void begin(const std::string& first, Verifier& verifier, VerifiedCopies& found) {
  const auto header = read_line(std::string_view(first).substr(0, first.find('\n')));
  if (!header.ok() || header->type != "segment" || header->n == 1) return;
  found.from_line = header->n;
  verifier.begin_after(header->n - 1, from_hex(header->text("follows")));
}

}  // namespace

Result<VerifiedCopies> verify_copies(const CopiesConfig& config,
                                     const aws::SessionSettings& session,
                                     const std::string& directory) {
  port::Poller poller;
  const auto opened = aws::Session::open(poller, session, kVerifyUses);
  if (!opened) return opened.error();
  Bucket bucket(config, poller, (*opened)->client());
  const auto sizes = bucket.list();
  if (!sizes) return sizes.error();
  Verifier verifier;
  VerifiedCopies found;
  for (const auto& [segment, bytes] : *sizes) {
    const std::string key = copy_key(config.prefix, segment);
    const auto body = bucket.get(key, bytes);
    const bool archived = !body && body.error().code == Trouble::kInvalid;
    if (archived && verifier.segments() == 0 && segment != sizes->rbegin()->first) {
      ++found.archived;
      continue;
    }
    if (!body) return body.error();
    if (verifier.segments() == 0) begin(*body, verifier, found);
    verifier.begin_segment(segment);
    found.copies.bad = verify_copy(key, *body, verifier);
    if (found.copies.bad) break;
  }
  found.copies.lines = verifier.lines();
  found.copies.segments = verifier.segments();
  found.copies.hash = to_hex(verifier.hash());
  const auto here = segments_in(directory);
  if (!here) return found;
  const std::uint64_t last = sizes->empty() ? 0 : sizes->rbegin()->first;
  found.joins = joins(directory, last + 1, verifier);
  for (const std::uint64_t segment : *here) {
    if (segment <= last || segment == here->back()) continue;
    const auto file = segment_file(directory, segment);
    if (file && ++found.uncopied == 1) found.since = file->sealed;
  }
  return found;
}

// Copies that are missing at the newest end may be yet to come: not for long.
std::string what_is_missing(const VerifiedCopies& found, Duration late, StoreTime now) {
  if (found.uncopied == 0) return "";
  if (found.copies.segments == 0) return "there is no copy at all, though segments are sealed here";
  if (now - found.since <= late) return "";
  return "the oldest of them was sealed at " + timestamp_of(found.since) +
         ", longer ago than trail_copy_late: it cannot be copied, or its copy is gone";
}

}  // namespace sluice::auditor
