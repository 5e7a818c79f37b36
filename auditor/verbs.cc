#include "auditor/verbs.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>

#include "auditor/settings.h"
#include "auditor/shell.h"
#include "lib/base/calendar.h"
#include "lib/port/clock.h"
#include "lib/stage/boot.h"
#include "lib/stage/verb_line.h"

namespace sluice::auditor {
namespace {

using stage::VerbLine;

constexpr std::string_view kProgram = "sluice-auditor";
constexpr int kNotWhole = 1;

struct Verb {
  std::string_view name;
  std::string_view usage;
  std::string_view what;
  std::vector<std::string_view> options;
  std::size_t words_max;
};
const std::array<Verb, 5>& verbs() {
  static const std::array<Verb, 5> all = {
      Verb{"verify",
           "verify [DIR]",
           "Reads the whole trail: 0 when no byte was changed and no line is missing, else 1 and\n"
           "the first bad line. DIR: that directory alone, without its ledger.\n",
           {},
           1},
      Verb{"show",
           "show [--key KEY] [--id ID] [--since TIME]",
           "Prints the trail's lines of a key, of a message, or since a time (2026-11-21,\n"
           "2026-11-21T02:24:00Z, or a span such as 2h); with several, those that fit all.\n",
           {"--key", "--id", "--since"},
           0},
      Verb{"key",
           "key NAME",
           "Says which key has this name in the trail: the `key` of its lines, and of an alert.\n",
           {},
           1},
      Verb{"costs",
           "costs [--month YYYY-MM]",
           "Prints what was booked in a month (this one) by provider, agent and type, and what is\n"
           "spent of each budget.\n",
           {"--month"},
           0},
      Verb{"erase",
           "erase KEY",
           "Destroys the secret that leads from a key to its lines; they stay, for nobody to "
           "find.\n",
           {},
           1}};
  return all;
}

std::string usage_of(const Verb& verb) {
  return "usage: " + std::string(kProgram) + " " + std::string(verb.usage) +
         " [--settings FILE] [--name value]";
}

// ---- the verbs ---------------------------------------------------------------------------------

Result<int> verify(const std::string& trail, std::uint64_t durable) {
  const auto verified = verify_trail(trail, durable);
  if (!verified) return verified.error();
  if (verified->bad) {
    const Bad& bad = *verified->bad;
    std::cout << bad.file;
    if (bad.file_line != 0) std::cout << ":" << bad.file_line;
    std::cout << ": line " << bad.line << " of the trail is bad: " << bad.why << "\n";
    return kNotWhole;
  }
  std::cout << "the trail is whole: " << verified->lines << " lines in " << verified->segments
            << " segments, last hash " << verified->hash << "\n";
  if (verified->rest_bytes > 0) {
    std::cout << verified->rest_bytes << " bytes after it are no line: one is being written, or "
              << "was torn and will be cut at the next start\n";
  }
  return 0;
}

// What the ledger knows is asked before the trail is read, so that lines written meanwhile do not
// matter. Without a ledger the chain alone speaks, and that is no proof: lines may have been cut
// from the end.
Result<int> verify_data(const std::string& data_dir) {
  auto ledger = LedgerReader::open(ledger_path(data_dir));
  auto known = ledger.ok() ? ledger->indexed() : Result<LedgerReader::Known>(ledger.error());
  auto code = verify(trail_directory(data_dir), known.ok() ? known->line : 0);
  if (!code.ok() || known.ok()) return code;
  std::cout << "its end was not compared with the ledger, lines may be missing there: "
            << known.error().what << "\n";
  return kNotWhole;
}

Result<int> show(const VerbLine& line, const std::string& data_dir) {
  Wanted wanted{line.value("--key"), line.value("--id"), {}};
  if (const std::string since = line.value("--since"); !since.empty()) {
    const auto span = parse_duration(since);
    wanted.since = span.ok() ? std::optional(port::wall_now() - *span) : parse_time(since);
    if (!wanted.since) {
      return Error{Trouble::kUsage,
                   "--since: 2026-11-21, 2026-11-21T02:24:00Z, or a span such as 2h"};
    }
  }
  if (auto done = show_lines(data_dir, wanted, std::cout); !done) return done.error();
  return 0;
}

Result<int> costs(const VerbLine& line, const std::string& data_dir, const Settings& settings) {
  std::string month = line.value("--month");
  if (month.empty()) month = month_of(port::wall_now());
  if (!parse_time(month + "-01")) return Error{Trouble::kUsage, "--month: such as 2026-11"};
  const auto config = read_config(settings);
  if (!config) return config.error();
  if (auto done = show_costs(data_dir, {month, config->budgets, port::wall_now()}, std::cout);
      !done) {
    return done.error();
  }
  return 0;
}

Result<int> key(const VerbLine& line, const std::string& data_dir) {
  if (line.words.empty()) return Error{Trouble::kUsage, usage_of(verbs()[2])};
  auto ledger = LedgerReader::open(ledger_path(data_dir));
  if (!ledger) return ledger.error();
  const auto found = key_of(*ledger, line.words[0]);
  if (!found) return found.error();
  if (!*found) {
    std::cout << "no key has the name \"" << line.words[0]
              << "\": not one of this trail, or erased\n";
    return 1;
  }
  std::cout << **found << "\n";
  return 0;
}

Result<int> erase(const VerbLine& line, const std::string& data_dir) {
  if (line.words.empty()) return Error{Trouble::kUsage, usage_of(verbs()[4])};
  const std::string& key = line.words[0];
  const auto erased = erase_key(ledger_path(data_dir), key);
  if (!erased) return erased.error();
  if (!*erased) {
    std::cout << "key \"" << key << "\" has no secret: never seen, or erased before\n";
    return 1;
  }
  std::cout << "the secret of key \"" << key << "\" is destroyed: nobody can find its lines\n";
  return 0;
}

Result<int> run(const Verb& verb, const VerbLine& line, const Settings& settings) {
  const std::string data_dir = stage::stage_directory(Shell::info(), settings);
  if (verb.name == "verify") return verify_data(data_dir);
  if (verb.name == "show") return show(line, data_dir);
  if (verb.name == "key") return key(line, data_dir);
  if (verb.name == "costs") return costs(line, data_dir, settings);
  return erase(line, data_dir);
}

}  // namespace

bool is_verb(std::string_view word) {
  return std::any_of(verbs().begin(), verbs().end(),
                     [&](const Verb& verb) { return verb.name == word; });
}

int run_verb(int argc, char** argv) {
  const auto verb = std::find_if(verbs().begin(), verbs().end(),
                                 [&](const Verb& one) { return one.name == argv[1]; });
  if (stage::wants_help(argc, argv)) {
    std::cout << usage_of(*verb) << "\n" << verb->what;
    return 0;
  }
  const auto line = stage::read_verb_line(argc, argv, {.valued = verb->options});
  if (!line) return stage::fail(kProgram, line.error());
  if (line->words.size() > verb->words_max) {
    return stage::fail(kProgram, {Trouble::kUsage, usage_of(*verb)});
  }
  if (verb->name == "verify" && !line->words.empty()) {
    const auto code = verify(line->words[0], 0);
    if (!code.ok()) return stage::fail(kProgram, code.error());
    std::cout << "a directory alone: its end was not compared with any ledger\n";
    return *code;
  }
  auto booted = stage::boot(Shell::info(), static_cast<int>(line->rest.size()), line->rest.data(),
                            &Shell::check);
  if (const int* code = std::get_if<int>(&booted)) return *code;
  const auto code = run(*verb, *line, std::get<Settings>(booted));
  return code.ok() ? *code : stage::fail(kProgram, code.error());
}

}  // namespace sluice::auditor
