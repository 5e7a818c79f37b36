#include "ingest/dead_choice.h"

#include <algorithm>
#include <charconv>

#include "lib/base/settings.h"

namespace sluice::ingest {

namespace {

Result<std::optional<Duration>> age(const stage::VerbLine& line, const char* option) {
  const std::string said = line.value(option);
  if (said.empty()) return std::optional<Duration>();
  const auto span = parse_duration(said);
  if (span) return std::optional(*span);
  return Error{Trouble::kUsage, std::string(option) + " " + said + ": a span such as 2h or 3d"};
}

}  // namespace

bool DeadChoice::takes(const DeadRow& dead, StoreTime now) const {
  const Duration since = now - dead.at;
  return (ids.empty() || std::any_of(ids.begin(), ids.end(),
                                     [&](const std::string& id) { return is_named(dead, id); })) &&
         (reason.empty() || dead.reason == reason) && (key.empty() || dead.key == key) &&
         (!older_than || since > *older_than) && (!newer_than || since < *newer_than);
}

stage::VerbOptions dead_options() {
  return {.flags = {"--all"},
          .valued = {"--queue", "--reason", "--key", "--older-than", "--newer-than", "--priority",
                     "--rate", "--max"}};
}

Result<std::int64_t> read_whole(const stage::VerbLine& line, const Whole& whole) {
  const std::string said = line.value(whole.option);
  if (said.empty()) return whole.preset;
  std::int64_t number = 0;
  const auto read = std::from_chars(said.data(), said.data() + said.size(), number);
  const bool is_whole = read.ec == std::errc{} && read.ptr == said.data() + said.size();
  if (is_whole && number >= whole.least && number <= whole.most) return number;
  return Error{Trouble::kUsage, std::string(whole.option) + " " + said + ": a whole number from " +
                                    std::to_string(whole.least) + " to " +
                                    std::to_string(whole.most)};
}

Result<std::int64_t> read_priority(const stage::VerbLine& line) {
  return read_whole(line, {"--priority", 1, -1000, 1000});
}

Result<DeadChoice> read_dead_choice(const stage::VerbLine& line) {
  DeadChoice choice;
  choice.ids.assign(line.words.begin() + 1, line.words.end());
  choice.reason = line.value("--reason");
  choice.key = line.value("--key");
  const auto older = age(line, "--older-than");
  if (!older) return older.error();
  const auto newer = age(line, "--newer-than");
  if (!newer) return newer.error();
  choice.older_than = *older;
  choice.newer_than = *newer;
  return choice;
}

}  // namespace sluice::ingest
