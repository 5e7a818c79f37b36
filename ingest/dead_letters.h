// Dead letters, as a person sees them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/instant.h"
#include "lib/wire/messages.h"

namespace sluice::ingest {

struct DeadRow {
  std::string identity;
  std::string source;
  std::string id;
  std::string key;
  std::string upstream;
  std::uint32_t generation = 0;
  std::string reason;
  std::uint32_t status = 0;
  std::uint32_t attempts = 0;
  StoreTime at;
  std::optional<wire::Offer> message;  // not with "malformed"
  std::string raw;                     // the bytes of what was no message
  std::string detail = {};             // of these: the field, and what is wrong with it
};

// Whether this is its message's id, or at least eight digits of its identity.
bool is_named(const DeadRow& dead, std::string_view id);

enum class ReplayEnd : std::uint8_t {
  kReplayed,
  kNoMessage,  // nothing that could be sent: it stays
  kGone,       // it was replayed or purged before
};

// The same message once more: `generation` makes it another identity, whose record the limiter's
// store does not have, with no attempts behind it and its whole time to live. It goes so far behind
// what comes now.
wire::Offer anew(const wire::Offer& message, std::uint32_t generation, StoreTime now,
                 Duration behind);

}  // namespace sluice::ingest
