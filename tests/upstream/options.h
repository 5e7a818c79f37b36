// The command line of sluice-upstream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "tests/upstream/behaviour.h"
#include "tests/upstream/tally.h"

namespace sluice::upstream {

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8090;  // 0: any free one; the ready line names it
  TallyRules rules;
  std::string key_pointer = "/userId";  // JSON Pointer into the body; empty: key_header is used
  std::string key_header;
  std::string behave_pointer = "/behave";
  std::string behave_header = "X-Behave";
  std::vector<Rate> rates;
  std::uint64_t seed = 1;
  std::int64_t date_skew_s = 0;
  std::string report_file;
  std::string times_file;  // empty: times are not kept
  bool help = false;
};

Result<Options> parse_options(const std::vector<std::string_view>& arguments);

std::string_view usage();

}  // namespace sluice::upstream
