#include "lib/aws/s3.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/aws/json_fields.h"
#include "lib/aws/operation.h"
#include "lib/aws/xml.h"
#include "lib/base/ascii.h"
#include "lib/base/calendar.h"
#include "lib/base/check.h"
#include "lib/digest/base64.h"
#include "lib/digest/digest.h"

namespace sluice::aws::s3 {

namespace {

using nlohmann::json;

constexpr std::string_view kChecksum = "x-amz-checksum-sha256";

std::string checksum_of(std::string_view body) { return to_base64(to_bytes(sha256(body))); }

std::string field(const Outcome& outcome, std::string_view name) {
  const auto found = outcome.fields.find(std::string(name));
  return found == outcome.fields.end() ? "" : found->second;
}

Error invalid(std::string what) { return {Trouble::kInvalid, std::move(what)}; }

Request object_request(std::string_view operation, const std::string& bucket,
                       const std::string& key) {
  CHECK(check_bucket(bucket).ok() && check_key(key).ok());
  Request made = request_for("s3", operation);
  made.path = "/" + bucket + "/" + percent_encoded(key, true);
  return made;
}

void add_lock(const Lock& lock, Request& to) {
  const bool forever = lock.mode == Lock::Mode::kCompliance;
  to.headers.emplace_back("x-amz-object-lock-mode", forever ? "COMPLIANCE" : "GOVERNANCE");
  // To the second: 2026-11-21T02:24:00Z.
  to.headers.emplace_back("x-amz-object-lock-retain-until-date",
                          timestamp_of(lock.until).substr(0, 19) + "Z");
  to.contains.emplace_back("PutObjectRetention");
}

// As forms are written: '+' is a blank.
std::string key_of(std::string written) {
  std::replace(written.begin(), written.end(), '+', ' ');
  return percent_decoded(written).value_or(written);
}

Listed listed(const json& from) {
  const std::int64_t size = std::max<std::int64_t>(0, number_at(from, "Size"));
  return {key_of(text_at(from, "Key")), static_cast<std::uint64_t>(size), text_at(from, "ETag")};
}

}  // namespace

Status check_bucket(const std::string& bucket) {
  const bool right =
      bucket.size() >= 3 && bucket.size() <= 63 && bucket.find("..") == std::string::npos &&
      std::all_of(bucket.begin(), bucket.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
      });
  if (right) return Done{};
  return invalid("\"" + bucket + "\" is no bucket's name: 3 to 63 of a-z, 0-9, '.' and '-'");
}

Status check_key(const std::string& key) {
  if (key.empty() || key.size() > 1024) return invalid("an object's key is 1 to 1,024 bytes");
  const std::string within = "/" + key + "/";
  if (within.find("/./") != std::string::npos || within.find("/../") != std::string::npos) {
    return invalid("\"" + key + "\" is no object's key: it has a segment \".\" or \"..\"");
  }
  return Done{};
}

Request put_object(const Put& what) {
  Request made = object_request("PutObject", what.bucket, what.key);
  made.method = "PUT";
  made.body = what.body;
  made.headers = {{"content-type", what.content_type},
                  {"x-amz-sdk-checksum-algorithm", "SHA256"},
                  {std::string(kChecksum), checksum_of(what.body)}};
  if (!what.encryption.empty()) {
    made.headers.emplace_back("x-amz-server-side-encryption", what.encryption);
  }
  if (!what.kms_key.empty()) {
    made.headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", what.kms_key);
  }
  if (what.lock) add_lock(*what.lock, made);
  if (what.only_if_absent) made.headers.emplace_back("if-none-match", "*");
  for (const auto& [name, value] : what.metadata) {
    made.headers.emplace_back("x-amz-meta-" + lower_case(name), value);
  }
  return made;
}

Reply<Stored> read_stored(const Outcome& outcome, const Put& what) {
  if (outcome.fault) return refusal_of(outcome);
  const std::string said = field(outcome, kChecksum);
  if (!said.empty() && said != checksum_of(what.body)) {
    return Refusal{"ChecksumMismatch", "what was stored is not what was sent", FaultKind::kRefused,
                   true};
  }
  return Stored{field(outcome, "etag"), field(outcome, "x-amz-version-id")};
}

Request get_object(const std::string& bucket, const std::string& key, std::size_t bytes_max) {
  Request made = object_request("GetObject", bucket, key);
  made.method = "GET";
  made.headers = {{"x-amz-checksum-mode", "ENABLED"}};
  made.answer_max = bytes_max;
  return made;
}

Reply<Object> read_object(const Outcome& outcome) {
  if (outcome.fault) return refusal_of(outcome);
  const std::string said = field(outcome, kChecksum);
  // "...-3" is one of an upload in three parts: of their checksums, not of the body.
  const bool whole = !said.empty() && said.find('-') == std::string::npos;
  if (whole && said != checksum_of(outcome.answer)) {
    return Refusal{"ChecksumMismatch", "the object's body is not what its checksum says"};
  }
  return Object{outcome.answer, field(outcome, "etag"), field(outcome, "x-amz-version-id")};
}

Request list_objects(const List& what, const std::string& next) {
  CHECK(check_bucket(what.bucket).ok());
  Request made = request_for("s3", "ListObjectsV2");
  made.method = "GET";
  made.path = "/" + what.bucket;
  // An empty prefix is said, too: a policy's condition about it holds only where it is there.
  made.fields = {{"list-type", "2"},
                 {"encoding-type", "url"},
                 {"max-keys", std::to_string(what.keys_max)},
                 {"prefix", what.prefix}};
  if (!what.after.empty()) made.fields.emplace_back("start-after", what.after);
  if (!next.empty()) made.fields.emplace_back("continuation-token", next);
  made.answer_max = 8UL * 1024 * 1024;
  return made;
}

Reply<Page> read_list(const Outcome& outcome) {
  if (outcome.fault) return refusal_of(outcome);
  const auto read = xml_to_json(outcome.answer);
  if (!read.ok()) return unreadable("ListObjectsV2: " + read.error().what);
  const json answer = json::parse(*read, nullptr, false);
  if (member(answer, "IsTruncated") == nullptr) return unreadable("ListObjectsV2: no list");
  Page page;
  for_each_at(answer, "Contents", [&](const json& one) { page.objects.push_back(listed(one)); });
  if (is_true_at(answer, "IsTruncated")) page.next = text_at(answer, "NextContinuationToken");
  return page;
}

}  // namespace sluice::aws::s3
