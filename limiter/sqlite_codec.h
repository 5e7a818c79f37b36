// The store's records as bytes, for SQLite's blobs. A leading version byte, then the members in
// order: whole numbers as zigzag varints, bytes with their length before them. A member is added at
// the end, with a new version.
#pragma once

#include <string>
#include <string_view>

#include "limiter/store_records.h"

namespace sluice::limiter {

std::string encode(const MessageRecord& record);
std::string encode(const KeyRecord& record);
std::string encode(const ShardRecord& record);

// False: these bytes are damaged, or of a newer version.
bool decode(std::string_view bytes, MessageRecord& into);
bool decode(std::string_view bytes, KeyRecord& into);
bool decode(std::string_view bytes, ShardRecord& into);

}  // namespace sluice::limiter
