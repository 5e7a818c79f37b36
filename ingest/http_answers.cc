#include "ingest/http_answers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ingest/json_body.h"
#include "ingest/limits_document.h"
#include "ingest/name.h"

namespace sluice::ingest {

namespace {

using port::HttpResponse;
using port::problem;

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

void add_name(JsonBody& body, const Name& name) {
  body.text("id", name.id);
  if (!name.key.empty()) body.text("key", name.key).text("upstream", name.upstream);
  body.text("state", word_of(name.state));
  if (name.cancelled) body.flag("cancelled", true);
  if (name.generation > 0) body.number("generation", name.generation);
  if (name.first_seen.us > 0) body.time("accepted_at", name.first_seen);
  if (!has_ended(name.state)) {
    body.time("expires_at", name.expires_at);
    return;
  }
  body.time("settled_at", name.settled_at).number("attempts", name.attempts);
  if (name.status > 0) body.number("last_status", name.status);
  if (!name.reason.empty()) body.text("reason", name.reason);
}

void add_forecast(JsonBody& body, const Forecast& forecast) {
  if (!forecast) return;
  body.text("why", word_of(forecast->why)).number("position", forecast->position);
  if (forecast->departs_at.us == 0) return;
  body.time("expected_at", std::max(forecast->departs_at, forecast->now));
  body.span("expected_in", forecast->departs_at - forecast->now);
}

HttpResponse respond(const Accepted& accepted) {
  JsonBody body;
  add_name(body, accepted.name);
  if (!has_ended(accepted.name.state)) add_forecast(body, accepted.forecast);
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

HttpResponse respond(const Conflict& conflict, const About& about) {
  return problem(422, "Unprocessable Content",
                 conflict.key ? "this id was accepted with another key"
                              : "this id was accepted with other bytes",
                 conflict.key ? about.key_field : about.id_field);
}

HttpResponse respond(const NotFound&) {
  return problem(404, "Not Found",
                 "no message of this id is known; ids are remembered for a time "
                 "(`remember`) after a message has ended");
}

HttpResponse respond(const Found& found) {
  JsonBody body;
  add_name(body, found.name);
  if (found.name.state == NameState::kWaiting) {
    if (!found.forecast && found.ahead) body.number("position", *found.ahead);
    add_forecast(body, found.forecast);
  }
  return {200, body.done()};
}

HttpResponse respond(const CancelTaken& taken) {
  const NameState state = taken.name.state;
  const bool ended = has_ended(state);
  if (ended && state != NameState::kCancelled) {
    return problem(409, "Conflict",
                   "the message has ended already: " + std::string(word_of(state)));
  }
  JsonBody body;
  add_name(body, taken.name);
  return {ended ? 200 : 202, body.done()};
}

HttpResponse respond(const CostBooked& cost, const About& about) {
  JsonBody body;
  body.text("event_id", about.event_id).flag("booked_before", cost.before);
  return {cost.before ? 200 : 201, body.done()};
}

HttpResponse respond(const CostRefused& refused) {
  return problem(422, "Unprocessable Content", refused.why, "/event_id");
}

void add_hold(std::string& list, const wire::Hold& hold) {
  JsonBody body;
  body.text("kind", word_of(hold.kind));
  if (hold.until.us > 0) body.time("until", hold.until);
  if (!hold.by.empty()) body.text("by", hold.by);
  list += (list.size() > 1 ? "," : "") + body.object();
}

// An upstream as a whole has no key of its own.
void add_key(JsonBody& body, const KeyFacts& key) {
  if (!key.key.empty()) body.text("key", key.key);
  body.text("upstream", key.upstream);
  if (!key.key.empty()) body.number("waiting", key.count);
  std::string holds = "[";
  for (const wire::Hold& hold : key.holds) add_hold(holds, hold);
  body.raw("holds", holds + "]");
}

HttpResponse respond(const Listed& listed, const About& about) {
  std::string list = "[";
  for (std::size_t n = 0; n < listed.page.messages.size(); ++n) {
    const auto& [name, ahead] = listed.page.messages[n];
    JsonBody body;
    add_name(body, name);
    if (name.state == NameState::kWaiting) {
      if (listed.forecasts[n]) {
        add_forecast(body, listed.forecasts[n]);
      } else if (ahead) {
        body.number("position", *ahead);
      }
    }
    list += (n > 0 ? "," : "") + body.object();
  }
  JsonBody body;
  body.raw("messages", list + "]");
  if (listed.page.next) body.text("next", about.cursor(cursor_text(*listed.page.next)));
  return {200, body.done()};
}

HttpResponse respond(const KeyFound& found) {
  JsonBody body;
  add_key(body, found.key);
  const Forecast& said = found.forecast;
  if (said) {
    JsonBody next;
    next.text("why", word_of(said->why));
    if (said->departs_at.us > 0) {
      next.time("expected_at", std::max(said->departs_at, said->now));
      next.span("expected_in", said->departs_at - said->now);
    }
    body.raw("next", next.object());
  }
  if (said && !said->limit.empty()) {
    JsonBody limit;
    limit.text("name", said->limit).number("quota", said->quota).span("window", said->window);
    limit.number("remaining", said->remaining).span("reset_in", said->reset);
    body.raw("limit", limit.object());
  }
  return {200, body.done()};
}

HttpResponse respond(const KeysListed& listed, const About& about) {
  std::string list = "[";
  for (const KeyFacts& key : listed.keys) {
    JsonBody body;
    add_key(body, key);
    list += (list.size() > 1 ? "," : "") + body.object();
  }
  JsonBody body;
  body.raw("keys", list + "]");
  if (!listed.next.empty()) body.text("next", about.cursor(listed.next));
  return {200, body.done()};
}

HttpResponse respond(const ControlTaken& taken) {
  JsonBody body;
  if (taken.amount > 0) {
    body.text("key", taken.key.key).text("upstream", taken.key.upstream);
    body.number("consumed", taken.amount);
    return {200, body.done()};
  }
  add_key(body, taken.key);
  return {taken.heard ? 200 : 202, body.done()};
}

HttpResponse respond(const TooCostly& refused, const About& about) {
  return answer_of(Refusal{400, about.cost_field,
                           "is more than the limit " + refused.limit +
                               " ever lets go at once: " + std::to_string(refused.cost_max)});
}

HttpResponse respond(const LimitsFound& found, const About& about) {
  const std::string tag = version_tag(found.version);
  JsonBody body;
  body.text("upstream", found.upstream).raw("version", tag);
  body.raw("limits", limits_json(found.rows, about.scale_millionths));
  if (!found.by.empty()) body.text("edited_by", found.by);
  if (found.at.us > 0) body.time("edited_at", found.at);
  return {200, body.done(), "application/json", {{"ETag", tag}}};
}

HttpResponse respond(const LimitsStale& stale) {
  const std::string tag = version_tag(stale.version);
  HttpResponse response = problem(
      412, "Precondition Failed",
      "another edit came first: the limits that hold are version " + tag + "; nothing was changed",
      "If-Match");
  response.headers = {{"ETag", tag}};
  return response;
}

HttpResponse respond(const LimitsWrong& wrong) {
  return answer_of(Refusal{400, wrong.field, wrong.why});
}

HttpResponse respond(const TooLarge&) {
  return answer_of(Refusal{
      413, "", "the message with its headers is larger than a row of the parking table may be"});
}

HttpResponse respond(const NotOffered& never) {
  return problem(501, "Not Implemented", never.what);
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

std::string_view word_of(wire::HoldKind kind) {
  constexpr std::array<std::string_view, 5> kWords = {"unknown", "penalty", "pause", "breaker",
                                                      "closure"};
  const auto at = static_cast<std::size_t>(kind);
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
        if constexpr (requires { respond(one, about); }) {
          return respond(one, about);
        } else {
          return respond(one);
        }
      },
      answer);
}

HttpResponse answer_of(const Refusal& refusal) {
  const std::string_view title = refusal.status == 413   ? "Content Too Large"
                                 : refusal.status == 403 ? "Forbidden"
                                                         : "Bad Request";
  const std::string where = refusal.field.empty() ? "" : refusal.field + ": ";
  return problem(refusal.status, title, where + refusal.why, refusal.field);
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
