#include "limiter/shell_explain.h"

#include <algorithm>
#include <utility>

#include "lib/base/calendar.h"
#include "lib/port/json_text.h"

namespace sluice::limiter {

namespace {

constexpr std::array<std::string_view, 6> kStates = {"waiting",  "queued",     "asked",
                                                     "underway", "completing", "ending"};

// What a person reads for each Wait.
constexpr std::array<std::string_view, 19> kPhrases = {
    "",
    "nothing keeps it",
    "its producer said not before",
    "an attempt failed, and it is tried again later",
    "others of its key go first",
    "as many attempts as may be are under way",
    "the window is full",
    "the burst is spent",
    "a person paused it",
    "the upstream asked to slow down",
    "the upstream cannot be reached (breaker)",
    "the store may have forgotten, and is closed",
    "the dispatchers have no room for this upstream",
    "no dispatcher is connected",
    "the store does not answer",
    "too many lines wait for the auditor",
    "an attempt of it is under way",
    "store time is not known for sure",
    "it is beyond the line's head"};

std::string phrase_of(wire::Wait why, const std::string& limit) {
  if (limit == kTold) return "the upstream said that no more are left";
  if (why == wire::Wait::kStoreDown && !limit.empty()) {
    return "the store is not fit to hold grants (" + limit + ": GET /readyz here says more)";
  }
  std::string text(kPhrases[std::min<std::size_t>(static_cast<std::size_t>(why), 18)]);
  if (!limit.empty()) text += " (limit \"" + limit + "\")";
  return text;
}

// "35.9 s", "12.0 min", "5.3 h"
std::string span_of(Duration span) {
  const bool hourly = span >= hours(2);
  const Duration unit = hourly ? hours(1) : span >= minutes(2) ? minutes(1) : seconds(1);
  const std::int64_t tenths = span.us / (unit.us / 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) +
         (hourly               ? " h"
          : unit == minutes(1) ? " min"
                               : " s");
}

// "2026-11-21T18:15:55.003908Z, in 35.9 s; until then, the window is full"
std::string departure_of(const Explained& explained) {
  if (explained.departs_at.us == 0) return "nobody can know";
  std::string text =
      timestamp_of(explained.departs_at) + ", in " + span_of(explained.departs_at - explained.now);
  if (explained.forecast_why == wire::Wait::kNone) return text;
  return text + "; until then, " + phrase_of(explained.forecast_why, explained.limit);
}

const std::string& limit_of(const Explained& explained) {
  return explained.message.limit.empty() ? explained.limit : explained.message.limit;
}

bool waits(const Explained& explained) { return explained.message.state == State::kWaiting; }

std::string text_or_null(const std::string& text) {
  return text.empty() ? "null" : port::json_quoted(text);
}

std::string time_or_null(StoreTime at) {
  return at.us == 0 ? "null" : port::json_quoted(timestamp_of(at));
}

std::string why_of(wire::Wait why) { return port::json_quoted(word_of(why)); }

std::string list_of(const std::vector<Explained::Tight>& tight) {
  std::string text;
  for (const Explained::Tight& one : tight) {
    text += (text.empty() ? "" : ",") + ("{\"limit\":" + port::json_quoted(one.limit)) +
            ",\"n\":" + std::to_string(one.n) + ",\"of\":" + std::to_string(one.of) +
            ",\"until\":" + time_or_null(one.until) + "}";
  }
  return "[" + text + "]";
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + port::json_quoted(name);
  return "[" + text + "]";
}

}  // namespace

std::string_view word_of(wire::Wait why) {
  return kWaits[std::min<std::size_t>(static_cast<std::size_t>(why), kWaits.size() - 1)];
}

std::string json_of(const Explained& explained) {
  const Explanation& message = explained.message;
  const std::pair<const char*, std::string> members[] = {
      {"upstream", port::json_quoted(explained.upstream)},
      {"key", port::json_quoted(explained.key)},
      {"id", text_or_null(explained.id)},
      {"state", port::json_quoted(kStates[static_cast<std::size_t>(message.state)])},
      {"why", why_of(message.why)},
      {"limit", text_or_null(limit_of(explained))},
      {"until", time_or_null(message.until)},
      {"attempts", std::to_string(explained.attempts)},
      {"before", std::to_string(explained.before)},
      {"ahead", list_of(explained.ahead)},
      {"departs_at", time_or_null(waits(explained) ? explained.departs_at : StoreTime{})},
      {"departs_why", why_of(explained.forecast_why)},
      {"remaining", std::to_string(explained.remaining)},
      {"one_at_a_time", explained.one_at_a_time ? "true" : "false"},
      {"tight", list_of(explained.tight)},
      {"key_why", why_of(explained.key_why)},
      {"upstream_why", why_of(explained.upstream_why)},
      {"awaited", list_of(explained.awaited)},
      {"in_line", std::to_string(explained.in_line)},
      {"under_way", std::to_string(explained.under_way)},
      {"more", explained.more ? "true" : "false"}};
  std::string text;
  for (const auto& [name, value] : members) {
    text += (text.empty() ? "{\"" : ",\"") + std::string(name) + "\":" + value;
  }
  return text + "}\n";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string sentences_of(const Explained& explained) {
  const Explanation& message = explained.message;
  std::string text;
  const auto line = [&](const std::string& words) { text += words + "\n"; };
  if (explained.id.empty()) {
    line("key " + explained.key);
    line("  no message of it is in the line");
  } else {
    line("message " + explained.id + " of key " + explained.key);
    std::string why = phrase_of(message.why, message.limit);
    if (message.until.us != 0) why += ", until " + timestamp_of(message.until);
    line("  " + std::string(kStates[static_cast<std::size_t>(message.state)]) + ": " + why);
    if (explained.attempts > 0) line("  attempts so far: " + std::to_string(explained.attempts));
  }
  if (explained.key_why != wire::Wait::kNone && explained.key_why != message.why) {
    line("  its key: " + phrase_of(explained.key_why, ""));
  }
  if (explained.upstream_why != wire::Wait::kNone && explained.upstream_why != message.why) {
    line("  its upstream: " + phrase_of(explained.upstream_why, ""));
  }
  if (!explained.awaited.empty()) {
    line("  nothing is granted before these stores of ingests have announced: " +
         joined(explained.awaited));
  }
  if (explained.one_at_a_time) {
    line("  after a warning: one attempt at a time, until one succeeds");
  }
  for (const Explained::Tight& one : explained.tight) {
    line("  limit \"" + one.limit + "\" is held at " + std::to_string(one.n) + " of " +
         std::to_string(one.of) +
         (one.until.us == 0 ? "" : ", less tightly from " + timestamp_of(one.until)));
  }
  if (explained.before > 0) {
    std::string names = joined(explained.ahead);
    if (explained.ahead.size() < explained.before) names += ", ...";
    line("  ahead of it: " + std::to_string(explained.before) + " (" + names + ")");
  }
  if (waits(explained) && !explained.id.empty()) {
    line("  goes at: " + departure_of(explained));
  }
  line("  of its key: " + std::to_string(explained.in_line) + " in the line, " +
       std::to_string(explained.under_way) + " under way" +
       (explained.more ? ", perhaps more in parking" : ""));
  return text;
}

}  // namespace sluice::limiter
