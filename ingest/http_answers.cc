#include "ingest/http_answers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ingest/name.h"
#include "lib/base/calendar.h"

namespace sluice::ingest {

namespace {

using port::HttpResponse;
using port::json_quoted;
using port::problem;

// One JSON object, member by member.
class Body {
 public:
  Body& text(std::string_view name, std::string_view value) {
    return raw(name, json_quoted(value));
  }
  Body& number(std::string_view name, std::uint64_t value) {
    return raw(name, std::to_string(value));
  }
  Body& flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  Body& time(std::string_view name, StoreTime at) { return text(name, timestamp_of(at)); }
  // Seconds, to the millisecond.
  Body& span(std::string_view name, Duration d) {
    const std::int64_t ms = std::max<std::int64_t>(0, d.us / 1'000);
    const std::string fraction = std::to_string(1'000 + ms % 1'000).substr(1);
    return raw(name, std::to_string(ms / 1'000) + "." + fraction);
  }
  [[nodiscard]] std::string done() const { return text_ + "}\n"; }

 private:
  Body& raw(std::string_view name, std::string_view value) {
    text_ += text_.size() > 1 ? "," : "";
    text_ += json_quoted(name) + ":";
    text_ += value;
    return *this;
  }
  std::string text_ = "{";
};

std::int64_t seconds_up(Duration d) {
  return std::max<std::int64_t>(0, (d.us + 999'999) / 1'000'000);
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 0xfU]};
    }
  }
  return out;
}

void add_name(Body& body, const Name& name) {
  body.text("id", name.id).text("key", name.key).text("upstream", name.upstream);
  body.text("state", word_of(name.state));
  if (name.cancelled) body.flag("cancelled", true);
  if (name.generation > 0) body.number("generation", name.generation);
  body.time("accepted_at", name.first_seen);
  if (name.state == NameState::kWaiting) {
    body.time("expires_at", name.expires_at);
    return;
  }
  body.time("settled_at", name.settled_at).number("attempts", name.attempts);
  if (name.status > 0) body.number("last_status", name.status);
  if (!name.reason.empty()) body.text("reason", name.reason);
}

void add_forecast(Body& body, const Forecast& forecast) {
  if (!forecast) return;
  body.text("why", word_of(forecast->why)).number("position", forecast->position);
  if (forecast->departs_at.us == 0) return;
  body.time("expected_at", std::max(forecast->departs_at, forecast->now));
  body.span("expected_in", forecast->departs_at - forecast->now);
}

HttpResponse respond(const Accepted& accepted) {
  Body body;
  add_name(body, accepted.name);
  if (accepted.name.state == NameState::kWaiting) add_forecast(body, accepted.forecast);
  HttpResponse response;
  response.status = 202;
  response.body = body.done();
  response.headers = {{"Location", "/v1/messages/" + percent_encoded(accepted.name.id)}};
  if (accepted.forecast) add_rate_limit(*accepted.forecast, response.headers);
  return response;
}

HttpResponse respond(const TooMany& refused) {
  const std::string why(word_of(refused.forecast.why));
  HttpResponse response = problem(
      429, "Too Many Requests",
      "it would wait longer than it may (" + why + "); Prefer: respond-async waits however long");
  const std::int64_t retry = std::max<std::int64_t>(1, seconds_up(refused.retry_after));
  response.headers = {{"Retry-After", std::to_string(retry)}};
  add_rate_limit(refused.forecast, response.headers);
  return response;
}

HttpResponse conflicting(const Conflict& conflict, const About& about) {
  return problem(422, "Unprocessable Content",
                 conflict.key ? "this id was accepted with another key"
                              : "this id was accepted with other bytes",
                 conflict.key ? about.key_field : about.id_field);
}

HttpResponse respond(const NotFound&) {
  return problem(404, "Not Found",
                 "no message of this id is known; ids are remembered for 14 days "
                 "after a message has ended");
}

HttpResponse respond(const Found& found) {
  Body body;
  add_name(body, found.name);
  if (found.name.state == NameState::kWaiting) {
    if (!found.forecast) body.number("position", found.ahead);
    add_forecast(body, found.forecast);
  }
  return {200, body.done()};
}

HttpResponse respond(const CancelTaken& taken) {
  const NameState state = taken.name.state;
  if (state != NameState::kWaiting && state != NameState::kCancelled) {
    return problem(409, "Conflict",
                   "the message has ended already: " + std::string(word_of(state)));
  }
  Body body;
  add_name(body, taken.name);
  return {state == NameState::kWaiting ? 202 : 200, body.done()};
}

HttpResponse booked(const CostBooked& cost, const About& about) {
  Body body;
  body.text("event_id", about.event_id).flag("booked_before", cost.before);
  return {cost.before ? 200 : 201, body.done()};
}

HttpResponse respond(const CostRefused& refused) {
  return problem(422, "Unprocessable Content", refused.why, "/event_id");
}

HttpResponse respond(const Unavailable& away) {
  HttpResponse response = problem(503, "Service Unavailable", away.what);
  response.headers = {
      {"Retry-After", std::to_string(std::max<std::int64_t>(1, seconds_up(away.retry_after)))}};
  return response;
}

}  // namespace

std::string_view word_of(wire::Wait why) {
  constexpr std::array<std::string_view, 19> kWords = {
      "unknown",      "none",        "not_before",    "backoff",       "behind",
      "in_flight",    "window_full", "pacing",        "paused",        "penalty",
      "breaker",      "closure",     "upstream_full", "no_dispatcher", "store_down",
      "auditor_away", "underway",    "clock_unsure",  "unloaded"};
  const auto at = static_cast<std::size_t>(why);
  return at < kWords.size() ? kWords[at] : kWords[0];
}

void add_rate_limit(const wire::Quoted& forecast, port::HttpHeaders& headers) {
  if (forecast.limit.empty() || forecast.quota == 0) return;
  std::string name = "\"";
  for (const char c : forecast.limit) {  // a Structured Fields string (RFC 9651): ASCII
    if (c == '"' || c == '\\') name.push_back('\\');
    name.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  }
  name.push_back('"');
  const std::int64_t window = std::max<std::int64_t>(1, seconds_up(forecast.window));
  headers.emplace_back("RateLimit-Policy", name + ";q=" + std::to_string(forecast.quota) +
                                               ";w=" + std::to_string(window));
  headers.emplace_back("RateLimit", name + ";r=" + std::to_string(forecast.remaining) +
                                        ";t=" + std::to_string(seconds_up(forecast.reset)));
}

HttpResponse answer_of(const FrontAnswer& answer, const About& about) {
  return std::visit(
      [&about](const auto& one) -> HttpResponse {
        using One = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<One, Conflict>) {
          return conflicting(one, about);
        } else if constexpr (std::is_same_v<One, CostBooked>) {
          return booked(one, about);
        } else {
          return respond(one);
        }
      },
      answer);
}

HttpResponse answer_of(const Refusal& refusal) {
  const bool large = refusal.status == 413;
  const std::string where = refusal.field.empty() ? "" : refusal.field + ": ";
  return problem(refusal.status, large ? "Content Too Large" : "Bad Request", where + refusal.why,
                 refusal.field);
}

std::string line_of(const HttpResponse& response, std::size_t line) {
  std::string body = response.body;
  while (!body.empty() && body.back() == '\n') body.pop_back();
  std::string prefix = "{";
  const bool has_status = body.starts_with("{\"status\":");  // a problem says it itself
  if (!has_status) prefix += "\"status\":" + std::to_string(response.status) + ",";
  prefix += "\"line\":" + std::to_string(line) + ",";
  for (const auto& [name, value] : response.headers) {
    if (name == "Retry-After") prefix += "\"retry_after\":" + value + ",";
  }
  return prefix + body.substr(1) + "\n";
}

}  // namespace sluice::ingest
