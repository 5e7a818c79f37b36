// SHA-256 of bytes that come in pieces, which can be asked for on the way. Pure.
#pragma once

#include <memory>
#include <string_view>

#include "lib/digest/digest.h"

namespace sluice {

class RunningDigest {
 public:
  RunningDigest();
  RunningDigest(RunningDigest&&) noexcept;
  RunningDigest& operator=(RunningDigest&&) noexcept;
  RunningDigest(const RunningDigest&) = delete;
  RunningDigest& operator=(const RunningDigest&) = delete;
  ~RunningDigest();

  void add(std::string_view bytes);
  // Of all that was added; more may be added after it.
  [[nodiscard]] Sha256 so_far() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice
