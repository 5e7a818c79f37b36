// What happened in a run, as a hash: the same seed twice must give the same number. On demand the
// lines are kept for a person, too.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lib/base/instant.h"

namespace sluice::sim {

class Trace {
 public:
  using Reader = std::function<void(const std::string&)>;
  void show(Reader reader) { reader_ = std::move(reader); }

  template <class... Parts>
  void line(Instant at, std::string_view who, const Parts&... parts) {
    mix(static_cast<std::uint64_t>(at.us));
    feed(who);
    (feed(parts), ...);
    ++lines_;
    if (!reader_) return;
    text_ = stamp(at) + " " + std::string(who);
    (write(parts), ...);
    reader_(text_);
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

  // Identities and other raw bytes, as a person may read them.
  static std::string hex(std::string_view bytes);

 private:
  void feed(std::string_view bytes);
  void feed(std::integral auto number) { mix(static_cast<std::uint64_t>(number)); }
  void write(std::string_view bytes) { text_.append(" ").append(readable(bytes)); }
  void write(std::integral auto number) { text_.append(" ").append(std::to_string(number)); }
  void mix(std::uint64_t word);
  static std::string stamp(Instant at);
  static std::string readable(std::string_view bytes);

  std::uint64_t hash_ = 0xcbf29ce484222325;
  std::uint64_t lines_ = 0;
  Reader reader_;
  std::string text_;
};

}  // namespace sluice::sim
