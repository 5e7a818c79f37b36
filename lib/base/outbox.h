// Outbox<Effect>: what one call of a core asks its shell to do, in order. A core owns no port; it
// pushes values here and returns. Bounded by the core's own effects_max() per call.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace sluice {

template <class Effect>
class Outbox {
 public:
  template <class E>
  void push(E&& effect) {
    effects_.emplace_back(std::forward<E>(effect));
  }
  [[nodiscard]] std::size_t size() const { return effects_.size(); }
  [[nodiscard]] bool empty() const { return effects_.empty(); }
  // Hands everything over and is empty afterwards; the buffer passed in is reused.
  void take(std::vector<Effect>& into) {
    into.clear();
    effects_.swap(into);
  }
  auto begin() const { return effects_.begin(); }
  auto end() const { return effects_.end(); }

 private:
  std::vector<Effect> effects_;
};

}  // namespace sluice
