// One line of the trail: canonical JSON, chained by SHA-256 (the grammar is in docs/trail.md).
// Pure.
//
//   {"n":7,"t":"attempt","at":1795227840000001, ... ,"hash":"<64 hex digits>"}
//
// hash = SHA-256(the hash of line n-1, 32 bytes; then everything of this line before `,"hash":`).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/result.h"

namespace sluice::auditor {

inline constexpr std::size_t kHashBytes = 32;
inline constexpr std::size_t kLineMax = 64UL * 1024;  // bytes; longer ones are not ours

// The hash before the first line.
std::string no_hash();

class LineWriter {
 public:
  LineWriter(std::uint64_t n, std::string_view type, StoreTime at);
  LineWriter& number(std::string_view name, std::int64_t value);
  LineWriter& text(std::string_view name, std::string_view value);
  // The line without its line feed. `chain`: the hash of the line before; afterwards this one's.
  std::string finish(std::string& chain);

 private:
  std::string text_;
};

struct Line {
  std::uint64_t n = 0;
  std::string type;
  StoreTime at;
  std::string hash;  // 32 bytes, as the line has it
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::pair<std::string, std::int64_t>> numbers;

  // Empty and 0 when the line has no such field.
  [[nodiscard]] std::string_view text(std::string_view name) const;
  [[nodiscard]] std::int64_t number(std::string_view name) const;
};

// kInvalid, with what is wrong, unless `text` has the shape of a line. Does not look at the chain.
Result<Line> read_line(std::string_view text);

// Whether the hash in this line follows from the line and from the hash before it.
bool is_chained(std::string_view text, std::string_view hash_before);

}  // namespace sluice::auditor
