#include "ingest/verbs.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "ingest/dead_choice.h"
#include "ingest/dead_queue_verb.h"
#include "ingest/dead_text.h"
#include "ingest/dynamo_dead.h"
#include "ingest/import.h"
#include "ingest/settings.h"
#include "ingest/shell.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"
#include "lib/stage/boot.h"
#include "lib/stage/verb_line.h"

namespace sluice::ingest {

namespace {

using stage::VerbLine;

constexpr int kUsage = 64;
// After each commit of an import: a running ingest asks for the file each millisecond.
constexpr std::chrono::milliseconds kBreath{3};
constexpr std::string_view kProgram = "sluice-ingest";
constexpr const char* kImportUsage =
    "usage: sluice-ingest import FILE|- [--resume] [--settings FILE] [--name value]\n"
    "Puts each line of NDJSON into the embedded queue (-: standard input). A line that is no\n"
    "message is reported by its number and becomes a dead letter, \"malformed\". --resume goes on\n"
    "after the last line that an import of this file has kept before it was interrupted.\n";
constexpr const char* kDeadUsage =
    "usage: sluice-ingest dead list [which] [--queue NAME] [--settings FILE] [--name value]\n"
    "       sluice-ingest dead show ID...|--all [which]\n"
    "       sluice-ingest dead replay ID...|--all [which] [--priority N] [--rate N]\n"
    "       sluice-ingest dead purge ID...|--all [which]\n"
    "ID is a message's id, or at least eight digits of its identity. Which of them:\n"
    "--reason TEXT, --key KEY, --older-than SPAN, --newer-than SPAN (2h, 3d).\n"
    "replay sends them once more, as generation + 1 with no attempts behind it, and --priority\n"
    "steps of priority_age behind what comes now (1).\n"
    "--queue NAME: of the dead-letter queue of that [[queue]]; of it at most --max letters (1000)\n"
    "are looked at, hidden from others meanwhile, and replayed --rate a second (10). What is not\n"
    "done when it ends, or is stopped by SIGINT or SIGTERM, is given back.\n";

int help(const char* text) {
  std::cout << text;
  return 0;
}

int usage(const char* text) {
  std::cerr << text;
  return kUsage;
}

std::variant<Settings, int> boot(const VerbLine& line) {
  return stage::boot(stage_info(), static_cast<int>(line.rest.size()), line.rest.data(),
                     check_settings);
}

std::string file_of(const Settings& settings) {
  return parking_file(stage::stage_directory(stage_info(), settings));
}

// ---- import

std::string text_of(const ImportCounts& counts) {
  const std::string before =
      counts.before == 0 ? "" : ", the first " + std::to_string(counts.before) + " before";
  return std::to_string(counts.lines) + " lines" + before + ": " + std::to_string(counts.accepted) +
         " accepted, " + std::to_string(counts.repeated) + " repeated, " +
         std::to_string(counts.malformed) + " malformed, " + std::to_string(counts.conflicts) +
         " conflicting";
}

// How far an import has come, once a second.
class Progress {
 public:
  explicit Progress(std::function<void(const std::string&)> say) : say_(std::move(say)) {}
  void operator()(const ImportCounts& counts) {
    const auto now = std::chrono::steady_clock::now();
    if (now - said_ < std::chrono::seconds(1)) return;
    said_ = now;
    say_(text_of(counts) + " so far");
  }

 private:
  std::function<void(const std::string&)> say_;
  std::chrono::steady_clock::time_point said_ = std::chrono::steady_clock::now();
};

// A file and what to do with it.
struct Source {
  std::istream& input;
  std::string name;
  std::string file;  // where it is; empty: a stream, which nobody can go back to
  bool resume = false;
};

Result<ImportCounts> import_from(const Source& source, const Settings& settings) {
  auto config = read_config(settings);
  if (!config) return config.error();
  auto pointers = read_pointers(settings);
  if (!pointers) return pointers.error();
  auto parking = SqliteParking::open(file_of(settings));
  if (!parking) return parking.error();
  const auto say = [](const std::string& text) {
    std::cerr << kProgram << ": " << text << std::endl;
  };
  const auto committed = [progress = Progress(say)](const ImportCounts& counts) mutable {
    progress(counts);
    std::this_thread::sleep_for(kBreath);
  };
  const ImportFrom from{source.input,       source.name, *config,   *pointers,   port::wall_now,
                        port::random_bytes, say,         committed, source.file, source.resume};
  return import_lines(from, **parking);
}

int import_with(const std::string& name, bool resume, const Settings& settings) {
  std::ifstream file;
  std::error_code trouble;
  const bool stream = name == "-" || !std::filesystem::is_regular_file(name, trouble);
  if (resume && stream) {
    return stage::fail(kProgram, {Trouble::kUsage, name + ": --resume needs a regular file"});
  }
  if (name != "-") {
    file.open(name, std::ios::binary);
    if (!file) {
      return stage::fail(kProgram, {Trouble::kUnavailable, name + ": cannot be opened"});
    }
  }
  const std::string label = name == "-" ? "stdin" : std::filesystem::path(name).filename().string();
  const std::string place = stream ? "" : std::filesystem::canonical(name, trouble).string();
  auto counts = import_from({name == "-" ? std::cin : file, label, place, resume}, settings);
  if (!counts) return stage::fail(kProgram, counts.error());
  if (name == "-" && std::ferror(stdin) != 0) {
    return stage::fail(
        kProgram, {Trouble::kUnavailable,
                   "standard input cannot be read after line " + std::to_string(counts->lines)});
  }
  std::cerr << kProgram << ": " << text_of(*counts) << std::endl;
  return 0;
}

// ---- dead letters of the embedded queue

// Parking: SqliteParking or DynamoDead.
template <class Parking>
class DeadVerb {
 public:
  // `behind`: of what comes now, when it is replayed.
  DeadVerb(Parking& parking, const VerbLine& line, DeadChoice choice, Duration behind)
      : parking_(parking), line_(line), choice_(std::move(choice)), behind_(behind) {}

  int run() {
    const std::string& verb = line_.words.front();
    if (verb == "list") return list();
    if (!line_.has("--all") && line_.words.size() < 2) return usage(kDeadUsage);
    if (verb == "show") return each([](const DeadRow& dead) { return show(dead); });
    if (verb == "replay") return each([this](const DeadRow& dead) { return replay(dead); });
    if (verb == "purge") return each([this](const DeadRow& dead) { return purge(dead); });
    return usage(kDeadUsage);
  }

 private:
  int list() {
    std::cout << dead_heading();
    auto done = each_chosen([](const DeadRow& dead) { std::cout << dead_line(dead); });
    return done ? 0 : stage::fail(kProgram, done.error());
  }

  Status each_chosen(const std::function<void(const DeadRow&)>& visit) {
    const StoreTime now = port::wall_now();
    return parking_.each_dead([&](const DeadRow& dead) {
      if (choice_.takes(dead, now)) visit(dead);
      return true;
    });
  }

  Result<std::vector<DeadRow>> chosen() {
    std::vector<DeadRow> found;
    if (line_.has("--all")) {
      auto done = each_chosen([&found](const DeadRow& dead) { found.push_back(dead); });
      if (!done) return done.error();
      return found;
    }
    for (const std::string& id : choice_.ids) {
      auto some = parking_.find_dead(id);
      if (!some) return some.error();
      if (some->empty()) {
        return Error{Trouble::kUsage, "no dead letter has the id \"" + id + "\""};
      }
      std::copy_if(some->begin(), some->end(), std::back_inserter(found),
                   [&](const DeadRow& dead) { return choice_.takes(dead, port::wall_now()); });
    }
    return found;
  }

  template <class Act>
  int each(Act act) {
    auto found = chosen();
    if (!found) return stage::fail(kProgram, found.error());
    for (const DeadRow& dead : *found) {
      if (Status done = act(dead); !done) return stage::fail(kProgram, done.error());
    }
    return refused_ && !line_.has("--all") ? kUsage : 0;
  }

  static Status show(const DeadRow& dead) {
    std::cout << dead_json(dead);
    return Done{};
  }

  Status replay(const DeadRow& dead) {
    auto done = parking_.replay(dead, port::wall_now(), behind_);
    if (!done) return done.error();
    if (*done == ReplayEnd::kReplayed) {
      std::cout << "replayed " << dead.id << "\n";
      return Done{};
    }
    refused_ = true;
    std::cerr << kProgram << ": " << dead.id;
    if (*done == ReplayEnd::kGone) {
      std::cerr << " was replayed or purged meanwhile\n";
    } else {
      std::cerr << " is no message (" << dead.reason
                << "): it stays; correct it and import it, then purge this one\n";
    }
    return Done{};
  }

  Status purge(const DeadRow& dead) {
    auto done = parking_.purge(dead);
    if (done) std::cout << "purged " << dead.id << "\n";
    return done;
  }

  Parking& parking_;
  const VerbLine& line_;
  DeadChoice choice_;
  Duration behind_;
  bool refused_ = false;  // one of those that were asked for cannot be replayed
};

Result<int> run_dead_here(const VerbLine& line, const Settings& settings) {
  auto choice = read_dead_choice(line);
  if (!choice) return choice.error();
  const auto priority = read_priority(line);
  if (!priority) return priority.error();
  auto config = read_config(settings);
  if (!config) return config.error();
  const Duration behind = config->priority_age * *priority;
  if (parks_in_table(settings)) {
    auto table = DynamoDead::open(settings);
    if (!table) return table.error();
    return DeadVerb(**table, line, std::move(*choice), behind).run();
  }
  const std::string file = file_of(settings);
  if (!std::filesystem::exists(file)) {
    return Error{Trouble::kUnavailable,
                 file + " is not there: no ingest has run in this data directory yet"};
  }
  auto parking = SqliteParking::open(file);
  if (!parking) return parking.error();
  return DeadVerb(**parking, line, std::move(*choice), behind).run();
}

}  // namespace

int run_import(int argc, char** argv) {
  if (stage::wants_help(argc, argv)) return help(kImportUsage);
  const auto line = stage::read_verb_line(argc, argv, {.flags = {"--resume"}});
  if (!line || line->words.size() != 1) return usage(kImportUsage);
  auto booted = boot(*line);
  if (const int* code = std::get_if<int>(&booted)) return *code;
  if (parks_in_table(std::get<Settings>(booted))) {
    return stage::fail(kProgram, {Trouble::kSettings,
                                  "import writes into the embedded queue, which parking = "
                                  "\"dynamodb\" does not have: post the file to the front door as "
                                  "application/x-ndjson"});
  }
  return import_with(line->words.front(), line->has("--resume"), std::get<Settings>(booted));
}

int run_dead(int argc, char** argv) {
  if (stage::wants_help(argc, argv)) return help(kDeadUsage);
  const auto line = stage::read_verb_line(argc, argv, dead_options());
  if (!line || line->words.empty()) return usage(kDeadUsage);
  auto booted = boot(*line);
  if (const int* code = std::get_if<int>(&booted)) return *code;
  const auto& settings = std::get<Settings>(booted);
  if (!line->value("--queue").empty()) return run_dead_queue(*line, settings, kDeadUsage);
  for (const char* option : {"--rate", "--max"}) {
    if (!line->value(option).empty()) return usage(kDeadUsage);
  }
  const auto code = run_dead_here(*line, settings);
  if (!code) return stage::fail(kProgram, code.error());
  if (*code == 0 && !std::cout.flush()) {
    return stage::fail(kProgram, {Trouble::kUnavailable, "standard output cannot be written"});
  }
  return *code;
}

}  // namespace sluice::ingest
