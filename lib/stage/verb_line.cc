#include "lib/stage/verb_line.h"

#include <algorithm>
#include <array>

namespace sluice::stage {

namespace {

// Of every program, without a value.
constexpr std::array<std::string_view, 4> kBare = {"--print-settings", "--check",
                                                   "--describe-settings", "--version"};

template <class Names>
bool among(std::string_view name, const Names& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_flag(std::string_view word) { return word.starts_with("-") && word != "-"; }

}  // namespace

std::string VerbLine::value(std::string_view option) const {
  const auto found = values.find(option);
  return found == values.end() ? "" : found->second.back();
}

std::vector<std::string> VerbLine::all(std::string_view option) const {
  const auto found = values.find(option);
  return found == values.end() ? std::vector<std::string>{} : found->second;
}

Result<VerbLine> read_verb_line(int argc, const char* const* argv, const VerbOptions& options) {
  VerbLine line;
  line.rest.push_back(argv[0]);
  for (int at = 2; at < argc; ++at) {
    const std::string_view word = argv[at];
    const std::size_t equals = word.find('=');
    const std::string name(word.substr(0, equals));
    const bool inside = equals != std::string_view::npos;
    const bool behind = !inside && at + 1 < argc && !is_flag(argv[at + 1]);
    if (!is_flag(word)) {
      line.words.emplace_back(word);
    } else if (among(word, options.flags)) {
      line.flags.emplace(word);
    } else if (!among(name, options.valued)) {
      line.rest.push_back(argv[at]);
      if (behind && !among(word, kBare)) line.rest.push_back(argv[++at]);
    } else if (inside) {
      line.values[name].emplace_back(word.substr(equals + 1));
    } else if (behind) {
      line.values[name].emplace_back(argv[++at]);
    } else {
      return Error{Trouble::kUsage, name + " needs a value"};
    }
  }
  return line;
}

bool wants_help(int argc, const char* const* argv) {
  return std::any_of(argv, argv + argc,
                     [](std::string_view word) { return word == "--help" || word == "-h"; });
}

}  // namespace sluice::stage
