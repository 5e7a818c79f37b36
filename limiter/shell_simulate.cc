#include "limiter/shell_simulate.h"

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/port/files.h"
#include "lib/port/json_text.h"
#include "lib/stage/boot.h"
#include "lib/stage/upstreams.h"
#include "lib/stage/verb_line.h"
#include "limiter/replay.h"
#include "limiter/shell.h"

namespace sluice::limiter {

namespace {

constexpr int kUsageCode = 64;
constexpr std::size_t kKeysShown = 20;
constexpr const char* kUsage =
    "usage: sluice-limiter simulate --trace FILE [--limits FILE] [--latency 200ms] [--json]\n"
    "Replays a trace of arrivals against the limits of a settings file (none: the defaults), with\n"
    "the real meter and virtual time, and says what would have waited and how long. Nothing is\n"
    "sent. FILE - is standard input. Lines of the trace:\n"
    "  time,key[,upstream[,cost]]        CSV, with or without a first line of these names\n"
    "  {\"time\": 12.5, \"key\": \"user-1\", \"upstream\": \"onlyfans\", \"cost\": 1}    NDJSON\n"
    "Times are seconds or dates like 2026-11-21T02:24:00Z; --latency is how long answers take.\n";

struct Asked {
  std::string trace;
  std::string limits;
  Duration latency = milliseconds(200);
};

Result<Asked> asked_by(const stage::VerbLine& line) {
  Asked asked{line.value("--trace"), line.value("--limits")};
  if (!line.words.empty()) {
    return Error{Trouble::kUsage, "there is no " + line.words.front() + " here"};
  }
  if (asked.trace.empty()) return Error{Trouble::kUsage, "--trace FILE is needed"};
  if (const std::string latency = line.value("--latency"); !latency.empty()) {
    const auto span = parse_duration(latency);
    if (!span || span->us < 0) {
      return Error{Trouble::kUsage, "--latency: \"" + latency + "\" is no duration"};
    }
    asked.latency = *span;
  }
  return asked;
}

// "0.000", "12.345": seconds.
std::string seconds_of(Duration span) {
  const std::int64_t ms = (span.us + 500) / 1000;
  const std::string part = std::to_string(ms % 1000);
  return std::to_string(ms / 1000) + "." + std::string(3 - part.size(), '0') + part;
}

std::string json_of(const Waits& waits) {
  return "{\"messages\":" + std::to_string(waits.messages) +
         ",\"waited\":" + std::to_string(waits.waited) +
         ",\"units\":" + std::to_string(waits.units) + ",\"total_s\":" + seconds_of(waits.total) +
         ",\"p50_s\":" + seconds_of(waits.p50) + ",\"p95_s\":" + seconds_of(waits.p95) +
         ",\"p99_s\":" + seconds_of(waits.p99) + ",\"max_s\":" + seconds_of(waits.max) +
         ",\"longest_queue\":" + std::to_string(waits.longest_queue) +
         ",\"last_s\":" + seconds_of(waits.last) + "}";
}

std::string json_of(const Replayed& replayed) {
  std::string text = "{\"all\":" + json_of(replayed.all) + ",\"limits\":{";
  bool first = true;
  for (const auto& [name, kept] : replayed.limits) {
    text += (std::exchange(first, false) ? "" : ",") + port::json_quoted(name) +
            ":{\"messages\":" + std::to_string(kept.messages) +
            ",\"total_s\":" + seconds_of(kept.total) + ",\"max_s\":" + seconds_of(kept.max) + "}";
  }
  text += "},\"keys\":{";
  first = true;
  for (const auto& [name, waits] : replayed.keys) {
    text +=
        (std::exchange(first, false) ? "" : ",") + port::json_quoted(name) + ":" + json_of(waits);
  }
  return text + "},\"dead\":" + std::to_string(replayed.dead) + "}\n";
}

std::string row_of(const std::vector<std::string>& cells, const std::string& name) {
  std::string row;
  for (const std::string& cell : cells) {
    row += std::string(cell.size() < 11 ? 11 - cell.size() : 1, ' ') + cell;
  }
  return row + "  " + name + "\n";
}

std::string row_of(const Waits& waits, const std::string& name) {
  return row_of(
      {std::to_string(waits.messages), std::to_string(waits.waited), seconds_of(waits.p50),
       seconds_of(waits.p95), seconds_of(waits.p99), seconds_of(waits.max),
       std::to_string(waits.longest_queue), seconds_of(waits.last)},
      name);
}

std::string table_of(const Replayed& replayed) {
  std::string text =
      row_of({"messages", "waited", "p50 s", "p95 s", "p99 s", "max s", "longest", "last s"}, "");
  text += row_of(replayed.all, "all");
  std::vector<std::pair<std::string, const Waits*>> keys;
  for (const auto& [name, waits] : replayed.keys) keys.emplace_back(name, &waits);
  std::stable_sort(keys.begin(), keys.end(),
                   [](const auto& a, const auto& b) { return a.second->total > b.second->total; });
  const std::size_t shown = std::min(keys.size(), kKeysShown);
  for (std::size_t i = 0; i < shown; ++i) text += row_of(*keys[i].second, keys[i].first);
  if (shown < keys.size()) {
    text +=
        "  ... and " + std::to_string(keys.size() - shown) + " keys that waited less (--json)\n";
  }
  text += "\nwhat kept them\n" + row_of({"messages", "total s", "max s"}, "");
  for (const auto& [name, kept] : replayed.limits) {
    text +=
        row_of({std::to_string(kept.messages), seconds_of(kept.total), seconds_of(kept.max)}, name);
  }
  if (replayed.limits.empty()) text += "  nothing: all of them went at once\n";
  if (replayed.dead > 0) {
    text += "\n" + std::to_string(replayed.dead) + " cost more than a limit's n: they never go\n";
  }
  return text;
}

}  // namespace

int simulate(int argc, char** argv) {
  if (stage::wants_help(argc, argv)) {
    std::cout << kUsage;
    return 0;
  }
  const auto line = stage::read_verb_line(
      argc, argv, {.flags = {"--json"}, .valued = {"--trace", "--limits", "--latency"}});
  const auto asked = line ? asked_by(*line) : Result<Asked>(line.error());
  if (!asked) {
    std::cerr << "sluice-limiter: " << asked.error().what << "\n" << kUsage;
    return kUsageCode;
  }
  const std::string settings_flag = "--settings=" + asked->limits;
  std::vector<const char*> rest = line->rest;
  if (!asked->limits.empty()) rest.push_back(settings_flag.c_str());
  auto booted =
      stage::boot(Shell::info(), static_cast<int>(rest.size()), rest.data(), Shell::check);
  if (const int* code = std::get_if<int>(&booted)) return *code;
  auto upstreams = stage::read_upstreams(std::get<Settings>(booted));
  if (!upstreams) return stage::fail("sluice-limiter", upstreams.error());
  const auto text = port::read_whole(asked->trace);
  if (!text) return stage::fail("sluice-limiter", text.error());
  const auto arrivals = parse_trace(*text, asked->trace, *upstreams);
  if (!arrivals) return stage::fail("sluice-limiter", arrivals.error());
  const Replayed replayed = replay({*upstreams, asked->latency}, *arrivals);
  std::cout << (line->has("--json") ? json_of(replayed) : table_of(replayed));
  return 0;
}

}  // namespace sluice::limiter
