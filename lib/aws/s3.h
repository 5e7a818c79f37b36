// S3 ("Amazon S3 API Reference"): objects, by path-style addresses (https://HOST/BUCKET/KEY), which
// every emulator and every endpoint of a VPC understands. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/aws/reply.h"
#include "lib/aws/request.h"
#include "lib/base/instant.h"
#include "lib/base/result.h"

namespace sluice::aws::s3 {

// kInvalid, with the reason: a bucket's name is 3 to 63 of a-z, 0-9, '.' and '-'; a key is 1 to
// 1,024 bytes without a segment "." or "..", which HTTP clients take out of a path.
Status check_bucket(const std::string& bucket);
Status check_key(const std::string& key);

struct Lock {
  enum class Mode { kGovernance, kCompliance };
  Mode mode;
  StoreTime until;
};
struct Put {
  std::string bucket;
  std::string key;
  std::string body;  // its SHA-256 goes with it
  std::string content_type = "application/octet-stream";
  std::string encryption = {};  // "AES256", "aws:kms"; empty: as the bucket has it
  std::string kms_key = {};     // of "aws:kms"; empty: the account's own
  std::optional<Lock> lock = {};
  bool only_if_absent = false;                       // else PreconditionFailed
  std::map<std::string, std::string> metadata = {};  // ASCII, not empty
};
struct Stored {
  std::string etag;
  std::string version;  // empty: the bucket has none
};
// CHECKs the names.
Request put_object(const Put& what);
Reply<Stored> read_stored(const Outcome& outcome, const Put& what);

struct Object {
  std::string body;
  std::string etag;
  std::string version;
};
Request get_object(const std::string& bucket, const std::string& key, std::size_t bytes_max);
// Refused as ChecksumMismatch when the body is not what S3's SHA-256 says, where it has one.
Reply<Object> read_object(const Outcome& outcome);

struct List {
  std::string bucket;
  std::string prefix = {};
  std::string after = {};  // a key: those behind it
  std::uint32_t keys_max = 1000;
};
struct Listed {
  std::string key;
  std::uint64_t size = 0;
  std::string etag;
};
struct Page {
  std::vector<Listed> objects;
  std::string next;  // for the next page; empty: there is none
};
Request list_objects(const List& what, const std::string& next = {});
Reply<Page> read_list(const Outcome& outcome);

}  // namespace sluice::aws::s3
