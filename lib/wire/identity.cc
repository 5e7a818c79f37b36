#include "lib/wire/identity.h"

#include "lib/digest/digest.h"

namespace sluice::wire {

namespace {

void append_number(std::string& bytes, std::uint64_t number) {
  for (unsigned shift = 0; shift < 64; shift += 8) {
    bytes.push_back(static_cast<char>(number >> shift & 0xffU));
  }
}

void append(std::string& bytes, std::string_view part) {
  append_number(bytes, part.size());
  bytes += part;
}

}  // namespace

std::string identity_of(std::string_view source, std::string_view key, std::string_view id,
                        std::uint32_t generation) {
  std::string bytes;
  append(bytes, source);
  append(bytes, key);
  append(bytes, id);
  append_number(bytes, generation);
  return to_bytes(sha256(bytes)).substr(0, 16);
}

std::string content_hash_of(const Request& request) {
  std::string bytes;
  bytes.reserve(request.body.size() + 256);
  append(bytes, request.method);
  append(bytes, request.path);
  append_number(bytes, request.headers.size());
  for (const Header& header : request.headers) {
    append(bytes, header.name);
    append(bytes, header.value);
  }
  append(bytes, request.body);
  return to_bytes(sha256(bytes));
}

std::string conflict_identity_of(const std::string& identity, const std::string& content_hash) {
  return to_bytes(sha256(identity + content_hash)).substr(0, 16);
}

std::uint64_t short_hash(std::string_view identity) {
  std::uint64_t hash = 0;
  for (std::size_t at = 0; at < 8 && at < identity.size(); ++at) {
    hash = hash << 8U | static_cast<unsigned char>(identity[at]);
  }
  return hash;
}

}  // namespace sluice::wire
