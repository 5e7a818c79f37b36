// The command line of a verb: `sluice-ingest dead show ID --settings FILE`. What the verb itself
// takes is named by it; every other flag is a setting of its program, with its value.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace sluice::stage {

struct VerbOptions {
  std::vector<std::string_view> flags = {};   // "--json": it is there, or not
  std::vector<std::string_view> valued = {};  // "--trace FILE" or "--trace=FILE", any number
};

struct VerbLine {
  std::vector<std::string> words;  // "show", "ID"; "-" is one
  std::set<std::string, std::less<>> flags;
  std::map<std::string, std::vector<std::string>, std::less<>> values;
  std::vector<const char*> rest;  // argv[0] and what is for boot()

  [[nodiscard]] bool has(std::string_view flag) const { return flags.contains(flag); }
  // The last one said; "" when none was.
  [[nodiscard]] std::string value(std::string_view option) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view option) const;
};

// argv[1] is the verb. kUsage: an option of the verb has no value.
Result<VerbLine> read_verb_line(int argc, const char* const* argv, const VerbOptions& options);

// Whether --help or -h is among the words: a verb answers it with its own usage.
bool wants_help(int argc, const char* const* argv);

}  // namespace sluice::stage
