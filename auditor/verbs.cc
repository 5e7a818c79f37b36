#include "auditor/verbs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>

#include "auditor/settings.h"
#include "auditor/shell.h"
#include "lib/aws/settings.h"
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
  std::vector<std::string_view> flags = {};
};
const std::array<Verb, 6>& verbs() {
  static const std::array<Verb, 6> all = {
      Verb{
          "verify",
          "verify [DIR] [--s3]",
          "Reads the whole trail: 0 when no byte was changed and no line is missing, else 1 and\n"
          "the first bad line. DIR: that directory alone, without its ledger. --s3: the copies in\n"
          "S3, whether some are missing, and whether the trail here goes on from them.\n",
          {},
          1,
          {"--s3"}},
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
           1},
      Verb{"attempts",
           "attempts --upstream UP [--since TIME] [--keys]",
           "Lists what has arrived at an upstream since a time (2d ago), as the trail proves it, "
           "for\n"
           "`sluice-limiter restore`; nothing when the trail is not whole. Keys are called by "
           "their\n"
           "names in the trail; --keys says them in clear as well, into a pipe only, not a file.\n",
           {"--upstream", "--since"},
           0,
           {"--keys"}}};
  return all;
}

std::string usage_of(const Verb& verb) {
  return "usage: " + std::string(kProgram) + " " + std::string(verb.usage) +
         " [--settings FILE] [--name value]";
}

// ---- the verbs ---------------------------------------------------------------------------------

int say_bad(const Bad& bad, std::ostream& out) {
  out << bad.file;
  if (bad.file_line != 0) out << ":" << bad.file_line;
  out << ": line " << bad.line << " of the trail is bad: " << bad.why << "\n";
  return kNotWhole;
}

Result<int> verify(const std::string& trail, std::uint64_t durable) {
  const auto verified = verify_trail(trail, durable);
  if (!verified) return verified.error();
  if (verified->bad) return say_bad(*verified->bad, std::cout);
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

// Without the segment that comes next, here, the chain alone speaks.
Result<int> verify_s3(const Settings& settings, const std::string& data_dir) {
  const auto config = read_copies(settings);
  if (!config) return config.error();
  if (config->bucket.empty())
    return Error{Trouble::kUsage, "verify --s3: there is no trail_bucket"};
  const auto session = aws::read_settings(settings);
  if (!session) return session.error();
  const auto verified = verify_copies(*config, *session, trail_directory(data_dir));
  if (!verified) return verified.error();
  const Verified& copies = verified->copies;
  if (copies.bad) return say_bad(*copies.bad, std::cout);
  std::cout << "the copies under s3://" << config->bucket << "/" << config->prefix
            << " are whole: " << copies.lines << " lines in " << copies.segments
            << " segments, last hash " << copies.hash << "\n";
  if (verified->from_line > 1) {
    std::cout << "they begin with line " << verified->from_line
              << ": what is before it has expired, "
              << "or was deleted (" << verified->archived << " copies are archived)\n";
  }
  if (verified->uncopied > 0) {
    std::cout << verified->uncopied << " sealed segments here have no copy yet\n";
  }
  const std::string missing =
      what_is_missing(*verified, settings.stage.duration("trail_copy_late"), port::wall_now());
  if (!missing.empty()) {
    std::cout << missing << "\n";
    return kNotWhole;
  }
  if (verified->joins) {
    std::cout << "the trail here goes on from them\n";
    return 0;
  }
  std::cout << "no segment here goes on from them: another trail, or one that was lost\n";
  return kNotWhole;
}

Result<StoreTime> read_since(const std::string& since) {
  const auto span = parse_duration(since);
  const auto at = span.ok() ? std::optional(port::wall_now() - *span) : parse_time(since);
  if (at) return *at;
  return Error{Trouble::kUsage, "--since: 2026-11-21, 2026-11-21T02:24:00Z, or a span such as 2h"};
}

Result<int> show(const VerbLine& line, const std::string& data_dir) {
  Wanted wanted{line.value("--key"), line.value("--id"), {}};
  if (const std::string since = line.value("--since"); !since.empty()) {
    const auto at = read_since(since);
    if (!at) return at.error();
    wanted.since = *at;
  }
  if (auto done = show_lines(data_dir, wanted, std::cout); !done) return done.error();
  return 0;
}

bool is_file(int fd) {
  struct stat about {};
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

Result<int> attempts(const VerbLine& line, const std::string& data_dir) {
  const std::string since = line.value("--since");
  const auto from = read_since(since.empty() ? "2d" : since);
  if (!from) return from.error();
  const AttemptsAsked asked{line.value("--upstream"), *from, port::wall_now(), line.has("--keys")};
  if (asked.upstream.empty()) return Error{Trouble::kUsage, "attempts: --upstream UP is needed"};
  if (asked.with_keys && is_file(STDOUT_FILENO)) {
    return Error{Trouble::kUsage,
                 "attempts: --keys says keys in clear, which belong into no file: "
                 "pipe it into sluice-limiter restore"};
  }
  const auto listed = list_attempts(data_dir, asked, std::cout);
  if (!listed) return listed.error();
  return listed->bad ? say_bad(*listed->bad, std::cerr) : 0;
}

Result<int> costs(const VerbLine& line, const std::string& data_dir, const Settings& settings) {
  std::string month = line.value("--month");
  if (month.empty()) month = month_of(port::wall_now());
  if (!parse_time(month + "-01")) return Error{Trouble::kUsage, "--month: such as 2026-11"};
  const auto config = read_config(settings);
  if (!config) return config.error();
  const auto session = aws::read_settings(settings);
  if (!session) return session.error();
  const std::string table = read_cost_table(settings).name;
  const auto rows = table.empty() ? costs_of_file(ledger_path(data_dir), month)
                                  : costs_of_table(table, *session, month);
  if (!rows) return rows.error();
  show_costs(*rows, {month, config->budgets, port::wall_now()}, std::cout);
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
  if (verb.name == "verify" && line.has("--s3")) return verify_s3(settings, data_dir);
  if (verb.name == "verify") return verify_data(data_dir);
  if (verb.name == "show") return show(line, data_dir);
  if (verb.name == "key") return key(line, data_dir);
  if (verb.name == "attempts") return attempts(line, data_dir);
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
  const auto line = stage::read_verb_line(argc, argv, {verb->flags, verb->options});
  if (!line) return stage::fail(kProgram, line.error());
  if (line->words.size() > verb->words_max) {
    return stage::fail(kProgram, {Trouble::kUsage, usage_of(*verb)});
  }
  if (verb->name == "verify" && line->has("--s3") && !line->words.empty()) {
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
