// Result<T>: a value, or the way in which the world failed. The list of codes is closed; what a
// person reads is in `what`, which names the field, file and line, or setting, and what to do.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "lib/base/check.h"

namespace sluice {

enum class Trouble {
  kUsage,        // the command line is wrong                     exit 64
  kSettings,     // a setting is unknown or out of range          exit 78
  kInvalid,      // bytes from outside that are not what they should be
  kUnavailable,  // the world failed: may work later              exit 75
  kFull,         // a named limit is reached: try again when there is room
  kCorrupt,      // our own durable data is damaged
};

struct Error {
  Trouble code;
  std::string what;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() {
    CHECK(ok());
    return *std::get_if<0>(&held_);
  }
  const T& value() const {
    CHECK(ok());
    return *std::get_if<0>(&held_);
  }
  const Error& error() const {
    CHECK(!ok());
    return *std::get_if<1>(&held_);
  }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> held_;
};

struct Done {};
using Status = Result<Done>;

}  // namespace sluice
