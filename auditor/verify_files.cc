// verify: the trail's segments against their chain.
#include <fstream>
#include <sstream>

#include "auditor/disk_trail.h"
#include "auditor/verbs.h"
#include "auditor/verify.h"
#include "lib/digest/digest.h"

namespace sluice::auditor {
namespace {

struct Segment {
  std::istream& lines;
  const std::string& path;
};

// Reads one segment. What follows the last line feed is no line (yet): its length.
Result<std::uint64_t> read_lines(Segment segment, Verifier& verifier, std::optional<Bad>& bad,
                                 const EachLine& each) {
  auto& [file, path] = segment;
  std::uint64_t file_line = 0;
  for (std::string text; std::getline(file, text);) {
    if (file.eof()) return std::uint64_t{text.size()};
    ++file_line;
    if (auto why = verifier.check(text)) {
      bad = Bad{path, file_line, verifier.last() + 1, std::move(*why)};
      return std::uint64_t{0};
    }
    if (each) each(verifier.line());
  }
  if (file.bad()) return Error{Trouble::kUnavailable, "cannot read " + path};
  return std::uint64_t{0};
}

Result<std::uint64_t> read_segment(const std::string& path, Verifier& verifier,
                                   std::optional<Bad>& bad, const EachLine& each) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{Trouble::kUnavailable, "cannot read " + path};
  return read_lines({file, path}, verifier, bad, each);
}

}  // namespace

Result<Verified> verify_trail(const std::string& directory, std::uint64_t durable,
                              const EachLine& each) {
  const auto numbers = segments_in(directory);
  if (!numbers) return numbers.error();
  Verifier verifier;
  Verified result;
  std::string path = directory;
  for (const std::uint64_t number : *numbers) {
    path = segment_path(directory, number);
    verifier.begin_segment(number);
    auto rest = read_segment(path, verifier, result.bad, each);
    if (!rest) return rest.error();
    result.rest_bytes = *rest;
    if (!result.bad && *rest > 0 && number != numbers->back()) {
      result.bad = Bad{path, 0, verifier.last() + 1, "a sealed segment ends within a line"};
    }
    if (result.bad) break;
  }
  if (!result.bad && verifier.last() < durable) {
    result.bad = Bad{path, 0, verifier.last() + 1,
                     "the trail ends, but the ledger knows lines up to " + std::to_string(durable)};
  }
  result.lines = verifier.lines();
  result.segments = verifier.segments();
  result.hash = to_hex(verifier.hash());
  return result;
}

std::optional<Bad> verify_copy(const std::string& key, const std::string& bytes,
                               Verifier& verifier) {
  std::istringstream lines(bytes);
  std::optional<Bad> bad;
  const auto rest = read_lines({lines, key}, verifier, bad, {});
  if (bad || (rest.ok() && *rest == 0)) return bad;
  return Bad{key, 0, verifier.last() + 1, "a sealed segment ends within a line"};
}

}  // namespace sluice::auditor
