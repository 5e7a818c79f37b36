#include "auditor/verify.h"

#include <utility>

#include "lib/digest/digest.h"

namespace sluice::auditor {

void Verifier::begin_segment(std::uint64_t segment) {
  segment_ = segment;
  at_header_ = true;
  ++segments_;
}

std::optional<std::string> Verifier::check(std::string_view text) {
  auto line = read_line(text);
  if (!line.ok()) return line.error().what;
  if (line->n != last_ + 1) {
    return "it says that it is line " + std::to_string(line->n) + ", but line " +
           std::to_string(last_ + 1) + " is due";
  }
  if (!is_chained(text, hash_)) return "its hash does not follow from it and the line before";
  line_ = std::move(*line);
  if (at_header_ != (line_.type == "segment")) {
    return at_header_ ? "a segment must begin with its header" : "a header inside a segment";
  }
  if (at_header_) {
    if (auto wrong = check_header()) return wrong;
  }
  at_header_ = false;
  last_ = line_.n;
  hash_ = line_.hash;
  ++lines_;
  return {};
}

std::optional<std::string> Verifier::check_header() const {
  if (line_.number("version") != 1) return "a version that this program does not know";
  if (line_.number("segment") != static_cast<std::int64_t>(segment_)) {
    return "it is the header of segment " + std::to_string(line_.number("segment"));
  }
  if (line_.text("follows") != to_hex(hash_)) return "it follows another segment";
  return {};
}

}  // namespace sluice::auditor
