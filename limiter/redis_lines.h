// A message's line, and what the scripts keep of an outbox, as bytes. The scripts hold the line as
// an opaque blob and each line of an outbox as a delta to it (lua/messages.lua); from both comes
// the whole wire::Record. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limiter/redis_bytes.h"
#include "limiter/store.h"

namespace sluice::limiter {

// Everything but record_id, identity, content_hash, key and upstream, which the scripts' records
// and keys say themselves.
std::string blob_of(const wire::Record& line);

// An outbox as outbox_of() in lua/messages.lua packs it: how many lines, then, if there are any,
// the message's hash, key and blob, and the deltas.
std::vector<wire::Record> read_outbox(RedisUnpacker& from, const std::string& identity,
                                      const std::string& upstream);

// The shard's own lines (lua/edit_line.lua, close() in lua/prelude.lua), with their numbers.
struct OwnLine {
  std::uint64_t number = 0;
  wire::Record line;
};
std::vector<OwnLine> read_own_lines(RedisUnpacker from, std::size_t count,
                                    const std::string& upstream);

// `count` of them as LIMIT in lua/prelude.lua packs them.
std::vector<Limit> read_limits(RedisUnpacker& from, std::size_t count);

End read_end(RedisUnpacker& from);

}  // namespace sluice::limiter
