// Attempts that the store has: how they ended, as small as it can be, as each stays until its lease
// has ended, a minute and more. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/instant.h"
#include "lib/wire/messages.h"

namespace sluice::dispatcher {

struct HowEnded {
  wire::Ended ended = wire::Ended::kUnknown;
  wire::NotStarted not_started = wire::NotStarted::kNone;
  std::uint32_t status = 0;
};

// `Place`: what else is to be known of each, in few bytes.
template <class Place>
class CompletedAttempts {
 public:
  void add(const wire::Attempt& attempt, const HowEnded& how, Place place, StoreTime lease_end) {
    const Name name = name_of(attempt);
    const bool fresh = attempts_
                           .try_emplace(name, Kept{place, static_cast<std::uint16_t>(how.status),
                                                   static_cast<std::uint8_t>(how.ended),
                                                   static_cast<std::uint8_t>(how.not_started)})
                           .second;
    CHECK(fresh);
    by_lease_[lease_end.us / kTogether.us].push_back(name);
  }
  [[nodiscard]] std::optional<HowEnded> find(const wire::Attempt& attempt) const {
    const auto found = attempts_.find(name_of(attempt));
    if (found == attempts_.end()) return std::nullopt;
    const Kept& kept = found->second;
    return HowEnded{wire::Ended{kept.ended}, wire::NotStarted{kept.not_started}, kept.status};
  }
  // Those whose lease ended before `low` leave, some of them kTogether later.
  template <class Gone>
  void let_go(StoreTime low, Gone gone) {
    while (!by_lease_.empty() && (by_lease_.begin()->first + 1) * kTogether.us < low.us) {
      for (const Name& name : by_lease_.begin()->second) {
        const auto found = attempts_.find(name);
        gone(found->second.place);
        attempts_.erase(found);
      }
      by_lease_.erase(by_lease_.begin());
    }
  }
  [[nodiscard]] std::size_t size() const { return attempts_.size(); }

 private:
  static constexpr Duration kTogether = milliseconds(100);

  struct Name {
    std::array<char, 16> identity{};
    std::uint32_t serial = 0;
    friend bool operator==(const Name&, const Name&) = default;
  };
  struct HashName {
    std::size_t operator()(const Name& name) const noexcept {
      std::uint64_t first = 0;  // an identity is a digest: any part of it is as good as a hash
      std::memcpy(&first, name.identity.data(), sizeof first);
      return first ^ (name.serial * 0x9e3779b97f4a7c15ULL);
    }
  };
  struct Kept {
    Place place;
    std::uint16_t status = 0;
    std::uint8_t ended = 0;
    std::uint8_t not_started = 0;
  };
  static Name name_of(const wire::Attempt& attempt) {
    Name name;
    name.serial = attempt.serial;
    CHECK(attempt.identity.size() <= name.identity.size());
    std::memcpy(name.identity.data(), attempt.identity.data(), attempt.identity.size());
    return name;
  }

  std::unordered_map<Name, Kept, HashName> attempts_;
  std::map<std::int64_t, std::vector<Name>> by_lease_;
};

}  // namespace sluice::dispatcher
