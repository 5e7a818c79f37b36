#include "lib/base/upstream.h"

#include <algorithm>

namespace sluice {

namespace {

void mix(std::uint64_t& hash, std::string_view bytes) {  // FNV-1a
  for (const char c : bytes) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
  }
  hash = (hash ^ 0xffU) * 0x100000001b3U;
}

}  // namespace

std::uint64_t limits_version(std::string_view upstream, std::span<const Limit> limits) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  mix(hash, upstream);
  for (const Limit& limit : limits) {
    mix(hash, limit.name);
    for (const std::int64_t part :
         {std::int64_t{limit.n}, limit.window.us, std::int64_t{limit.burst}, limit.guard.us,
          limit.scope == LimitScope::kKey ? std::int64_t{1} : std::int64_t{2},
          limit.kind == LimitKind::kRate ? std::int64_t{0} : std::int64_t{1},
          limit.shadow ? std::int64_t{1} : std::int64_t{0}}) {
      mix(hash, std::to_string(part));
    }
  }
  return hash == 0 ? 1 : hash;
}

}  // namespace sluice
