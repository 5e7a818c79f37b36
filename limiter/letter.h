// What a waiting message carries and nobody looks at before it goes, in one piece of memory: a
// hundred thousand of them wait, and a string for each field of each would be most of the limiter.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/wire/messages.h"

namespace sluice::limiter {

class Letter {
 public:
  Letter() = default;
  // Requires an offer that the wire lets through: nothing in it but its body exceeds 64 KiB.
  explicit Letter(const wire::Offer& offer);

  [[nodiscard]] std::string_view content_hash() const { return field(0); }
  [[nodiscard]] std::string_view id() const { return field(1); }
  [[nodiscard]] std::string_view source() const { return field(2); }
  [[nodiscard]] std::string_view store() const { return field(3); }
  [[nodiscard]] std::string_view traceparent() const { return field(4); }
  [[nodiscard]] std::string_view method() const { return field(5); }
  // Without what follows a question mark.
  [[nodiscard]] std::string_view bare_path() const;
  [[nodiscard]] wire::Request request() const;
  [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }

 private:
  static constexpr std::size_t kPath = 6;
  static constexpr std::size_t kHeaders = 7;  // from here on name, value, ... and then the body

  // The fields stand one after the other, each but the body behind its length.
  [[nodiscard]] std::string_view field(std::size_t number) const;

  std::string bytes_;
  std::uint32_t headers_ = 0;
};

}  // namespace sluice::limiter
