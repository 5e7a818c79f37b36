// Secrets by reference (lib/port/secrets.h) of which each key may have its own: {key} in a
// reference stands for the key's field, written so that it is one name whatever a producer puts
// into it, and never another key's name:
//
//   in a file's path   A-Z a-z 0-9 _ - and, but first, '.' stand as they are; every other byte is
//                      %XX. More than 200 bytes of that: "%sha256-" and the field's digest
//   in a variable      A-Z a-z 0-9 stand as they are; every other byte is _XX
//   in #FIELD of AWS   as in a file's path
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/port/secrets.h"

namespace sluice::dispatcher {

// kSettings when `reference` is none.
Status check_secret(const std::string& reference);

// Whether each key has one of its own.
bool is_per_key(std::string_view reference);
// `reference` with the key's field written out.
std::string reference_for(std::string_view reference, std::string_view field);

// The key's own; where there is none, the default (empty: none). One that is there and cannot be
// used is an error: a key must not go on under another's name by accident.
struct KeySecret {
  std::string reference;
  std::string fallback;
};
Result<std::string> resolve_for_key(const KeySecret& secret, std::string_view field,
                                    const port::ReadSecret& read);

}  // namespace sluice::dispatcher
