// Rendezvous hashing (Thaler, Ravishankar 1998): each key belongs to the member with the highest
// score for it, so a member's coming or going moves only its own keys, and every ingest chooses
// alike. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::ingest {

// FNV-1a over both, then the finaliser of splitmix64; the same on every platform.
inline std::uint64_t rendezvous_score(std::string_view member, std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto mix = [&hash](std::string_view bytes) {
    for (const char byte : bytes) {
      hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    }
    hash = (hash ^ 0xffU) * 0x100000001b3ULL;
  };
  mix(member);
  mix(key);
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31U);
}

}  // namespace sluice::ingest
