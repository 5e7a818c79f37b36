#include "lib/stage/upstream_rows.h"

#include <algorithm>
#include <array>

#include "lib/base/ascii.h"
#include "lib/port/secrets.h"
#include "lib/stage/answer_rules.h"

namespace sluice::stage {

namespace {

constexpr std::array kUpstreamRows = {
    SettingRow{.name = "name",
               .help = "Its name: the first part of keys.",
               .min = 1,
               .max = kUpstreamNameMax,
               .required = true},
    SettingRow{.name = "url",
               .help = "Scheme, host, port and an optional path prefix; SLUICE_UPSTREAM_<NAME>_URL "
                       "wins over it.",
               .min = 8,
               .max = 2048,
               .required = true},
    SettingRow{.name = "path",
               .preset = "/",
               .help = "Where messages go that name no path.",
               .min = 1,
               .max = 8192},
    SettingRow{.name = "method",
               .preset = "POST",
               .help = "Of messages that name none.",
               .min = 1,
               .max = 16},
    SettingRow{.name = "methods",
               .type = SettingType::kList,
               .preset = "POST",
               .help = "Which methods a message may ask for.",
               .min = 1,
               .max = 16},
    SettingRow{.name = "headers",
               .type = SettingType::kList,
               .help = "Added to every request: [\"Name: value\"].",
               .max = 64},
    SettingRow{.name = "http",
               .type = SettingType::kOneOf,
               .preset = "1.1",
               .help =
                   "The version of HTTP; 2 by ALPN over https (1.1 where the server has none), by "
                   "prior knowledge over http.",
               .words = "1.1|2"},
    SettingRow{.name = "credential",
               .help =
                   "secret://env/NAME, secret://file/PATH or secret://aws/NAME#FIELD; {key} in it "
                   "(of aws: in FIELD) stands for the key.",
               .max = 4096},
    SettingRow{.name = "credential_default",
               .help = "The credential of keys that have none of their own.",
               .max = 4096},
    SettingRow{.name = "credential_header",
               .preset = "Authorization",
               .help = "The header that carries the credential.",
               .min = 1,
               .max = 256},
    SettingRow{.name = "sign",
               .type = SettingType::kList,
               .help =
                   "Secrets that requests are signed with (Standard Webhooks); the first is the "
                   "newest.",
               .max = 8},
    SettingRow{.name = "statuses",
               .type = SettingType::kList,
               .help = "What a status means, before the defaults: [\"404: delivered\", \"5xx: "
                       "refused\"]; delivered, failed, refused or throttled.",
               .max = 256},
    SettingRow{.name = "abnormal",
               .type = SettingType::kList,
               .preset = "4xx: abnormal usage,4xx: unusual activity,4xx: suspicious activity",
               .help = "Answers that stop the key and alert: [\"STATUS: text\"], the status as in "
                       "`statuses`, the text anywhere in the body, capitals or not.",
               .max = 256},
    SettingRow{.name = "answer_kept",
               .type = SettingType::kWhole,
               .preset = "4KiB",
               .help = "Of an answer's body, what is kept for the message's settlement.",
               .max = 16 * 1024},
    SettingRow{.name = "timeout",
               .type = SettingType::kDuration,
               .preset = "10s",
               .help = "Of one attempt, first byte to last.",
               .min = us(milliseconds(10)),
               .max = us(minutes(10)),
               .scaled = false},
    SettingRow{.name = "connect_timeout",
               .type = SettingType::kDuration,
               .preset = "3s",
               .help = "Until the connection stands.",
               .min = us(milliseconds(10)),
               .max = us(minutes(1))},
    SettingRow{.name = "keep_idle",
               .type = SettingType::kDuration,
               .preset = "2s",
               .help = "A connection idle longer is not used again.",
               .min = 0,
               .max = us(minutes(5))},
    SettingRow{.name = "in_flight",
               .type = SettingType::kWhole,
               .preset = "256",
               .help = "Attempts at the same time, each dispatcher.",
               .min = 1,
               .max = 100'000},
    SettingRow{.name = "in_flight_per_key",
               .type = SettingType::kWhole,
               .preset = "auto",
               .help = "Attempts of one key at the same time; auto: as many as its limits need.",
               .min = 1,
               .max = 1000,
               .words = "auto"},
    SettingRow{.name = "on_unknown",
               .type = SettingType::kOneOf,
               .preset = "resend",
               .help = "What becomes of a message whose fate cannot be known.",
               .words = "resend|dead"},
    SettingRow{.name = "attempts_max",
               .type = SettingType::kWhole,
               .preset = "5",
               .help = "Failed attempts until a message is dead.",
               .min = 1,
               .max = 1000},
    SettingRow{.name = "throttles_max",
               .type = SettingType::kWhole,
               .preset = "100",
               .help = "Throttled attempts until a message is dead.",
               .min = 1,
               .max = 100'000},
    SettingRow{.name = "backoff_base",
               .type = SettingType::kDuration,
               .preset = "5s",
               .help = "Wait after the first failure; doubles.",
               .min = us(milliseconds(1)),
               .max = us(hours(1)),
               .scaled = true},
    SettingRow{.name = "backoff_max",
               .type = SettingType::kDuration,
               .preset = "15min",
               .help = "The longest wait after a failure.",
               .min = us(milliseconds(1)),
               .max = us(hours(24)),
               .scaled = true},
    SettingRow{.name = "penalty_base",
               .type = SettingType::kDuration,
               .preset = "60s",
               .help = "Pause of a key that was throttled without Retry-After; doubles.",
               .min = us(milliseconds(1)),
               .max = us(hours(24)),
               .scaled = true},
    SettingRow{.name = "penalty_max",
               .type = SettingType::kDuration,
               .preset = "1h",
               .help = "The longest such pause.",
               .min = us(milliseconds(1)),
               .max = us(hours(24 * 7)),
               .scaled = true},
    SettingRow{.name = "unknown_hold",
               .type = SettingType::kDuration,
               .preset = "60s",
               .help = "How long after its lease an unanswered request may still arrive.",
               .min = us(milliseconds(1)),
               .max = us(hours(1)),
               .scaled = true},
    SettingRow{.name = "max_pause",
               .type = SettingType::kDuration,
               .preset = "60s",
               .help = "The longest that a process may be stopped and go on.",
               .min = us(milliseconds(1)),
               .max = us(hours(1)),
               .scaled = true},
    SettingRow{.name = "start_window",
               .type = SettingType::kDuration,
               .preset = "2s",
               .help = "A grant is to start within this.",
               .min = us(milliseconds(10)),
               .max = us(minutes(1)),
               .scaled = true},
    SettingRow{.name = "expires_after",
               .type = SettingType::kDuration,
               .preset = "4d",
               .help = "A message without expires_at lives so long.",
               .min = us(seconds(1)),
               .max = us(hours(24 * 14)),
               .scaled = true},
    SettingRow{
        .name = "ca_file", .help = "Certificates to trust; none: the system's.", .max = 4096},
};

Error wrong(const Place& place, const std::string& what) {
  return {Trouble::kSettings, place.text() + ": " + what};
}

// A secret for each key would be a call and a place in memory for whatever producers write.
bool is_bounded(const std::string& reference) {
  if (!port::is_aws_secret(reference) || reference.find("{key}") == std::string::npos) return true;
  const std::size_t mark = reference.find('#');
  return mark < reference.find("{key}") && reference.find('#', mark + 1) == std::string::npos;
}

Status read_secrets(const SettingTable& table, Upstream& into) {
  into.credential = table.text("credential");
  into.credential_default = table.text("credential_default");
  into.sign = table.list("sign");
  const auto refuse = [&table](std::string_view name) {
    return wrong(table.place_of(name), std::string(name) +
                                           ": must be secret://env/NAME, secret://file/PATH or "
                                           "secret://aws/NAME#FIELD");
  };
  if (!into.credential.empty() && !port::is_secret(into.credential)) return refuse("credential");
  if (!into.credential_default.empty() && !port::is_secret(into.credential_default)) {
    return refuse("credential_default");
  }
  if (!into.credential_default.empty() && into.credential.find("{key}") == std::string::npos) {
    return wrong(
        table.place_of("credential_default"),
        "credential_default: is for keys without their own, and credential names no {key}");
  }
  for (const char* name : {"credential", "credential_default"}) {
    if (!is_bounded(table.text(name))) {
      return wrong(table.place_of(name),
                   std::string(name) +
                       ": of Secrets Manager {key} stands for a field: secret://aws/NAME#{key}");
    }
  }
  if (!std::all_of(into.sign.begin(), into.sign.end(), port::is_secret)) return refuse("sign");
  return Done{};
}

Result<std::vector<std::pair<std::string, std::string>>> read_headers(const SettingTable& table) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const std::string& line : table.list("headers")) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0) {
      return wrong(table.place_of("headers"), "headers: \"" + line + "\" is no \"Name: value\"");
    }
    headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  return headers;
}

}  // namespace

std::span<const SettingRow> upstream_rows() { return kUpstreamRows; }

Result<Upstream> read_upstream(const SettingTable& table) {
  Upstream into;
  into.name = table.text("name");
  into.url = table.text("url");
  if (!into.url.starts_with("http://") && !into.url.starts_with("https://")) {
    return wrong(table.place_of("url"), "url: must start with http:// or https://");
  }
  if (into.name.find_first_of(": \t\"") != std::string::npos) {
    return wrong(table.place_of("name"), "name: must have no colon, space or quote");
  }
  into.path = table.text("path");
  into.method = table.text("method");
  into.methods = table.list("methods");
  auto headers = read_headers(table);
  if (!headers) return headers.error();
  into.headers = std::move(*headers);
  into.http = table.text("http") == "2" ? HttpVersion::k2 : HttpVersion::k1_1;
  if (auto read = read_secrets(table, into); !read) return read.error();
  if (auto read = read_answer_rules(table, into); !read) return read.error();
  into.credential_header = table.text("credential_header");
  into.timeout = table.duration("timeout");
  into.connect_timeout = table.duration("connect_timeout");
  into.keep_idle = table.duration("keep_idle");
  into.in_flight = static_cast<std::uint32_t>(table.whole("in_flight"));
  into.in_flight_per_key = static_cast<std::uint32_t>(table.whole("in_flight_per_key"));
  into.on_unknown = table.text("on_unknown") == "dead" ? OnUnknown::kDead : OnUnknown::kResend;
  into.attempts_max = static_cast<std::uint32_t>(table.whole("attempts_max"));
  into.throttles_max = static_cast<std::uint32_t>(table.whole("throttles_max"));
  into.backoff_base = table.duration("backoff_base");
  into.backoff_max = table.duration("backoff_max");
  into.penalty_base = table.duration("penalty_base");
  into.penalty_max = table.duration("penalty_max");
  into.unknown_hold = table.duration("unknown_hold");
  into.max_pause = table.duration("max_pause");
  into.start_window = table.duration("start_window");
  into.expires_after = table.duration("expires_after");
  into.ca_file = table.text("ca_file");
  return into;
}

}  // namespace sluice::stage
