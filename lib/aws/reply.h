// What a call of one operation brought: its own type, or why not.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "lib/aws/client.h"
#include "lib/base/check.h"

namespace sluice::aws {

struct Refusal {
  std::string code;     // "QueueDoesNotExist"
  std::string message;  // AWS's words; may quote what was sent
  FaultKind kind = FaultKind::kRefused;
  bool may_be_done = false;  // nevertheless, by an attempt whose answer is not known
};

template <class T>
class [[nodiscard]] Reply {
 public:
  Reply(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Reply(Refusal refusal) : held_(std::in_place_index<1>, std::move(refusal)) {}

  [[nodiscard]] bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }
  const T& operator*() const& {
    CHECK(ok());
    return *std::get_if<0>(&held_);
  }
  T& operator*() & {
    CHECK(ok());
    return *std::get_if<0>(&held_);
  }
  // By value, so that `for (x : *read(...))` has something to run over.
  T operator*() && {
    CHECK(ok());
    return std::move(*std::get_if<0>(&held_));
  }
  const T* operator->() const { return &**this; }
  [[nodiscard]] const Refusal& refusal() const {
    CHECK(!ok());
    return *std::get_if<1>(&held_);
  }

 private:
  std::variant<T, Refusal> held_;
};

// Of an outcome with a fault.
Refusal refusal_of(const Outcome& outcome);
// Of one without, whose answer cannot be read: it was done.
Refusal unreadable(const std::string& what);

}  // namespace sluice::aws
