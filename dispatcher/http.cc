#include "dispatcher/http.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "dispatcher/lane.h"
#include "lib/base/check.h"
#include "lib/digest/webhook_signature.h"
#include "lib/port/clock.h"

namespace sluice::dispatcher {

namespace {

std::string line_of(std::string_view name, std::string_view value) {
  std::string line(name);
  line += value.empty() ? ";" : ": ";
  line += value;
  return line;
}

HttpEnd end_of(port::ShotEnd end) {
  switch (end) {
    case port::ShotEnd::kAnswered:
      return HttpEnd::kAnswered;
    case port::ShotEnd::kNotConnected:
    case port::ShotEnd::kAddress:  // the name's fault, not the message's: it waits
      return HttpEnd::kNotConnected;
    case port::ShotEnd::kDenied:
      return HttpEnd::kDenied;
    case port::ShotEnd::kUnknown:
      return HttpEnd::kUnknown;
  }
  return HttpEnd::kUnknown;
}

// So long an attempt waits for a secret: less than a grant lasts.
constexpr Duration kSecretWait = milliseconds(1'500);

std::vector<std::string> references_of(const Upstream& upstream) {
  std::vector<std::string> all = upstream.sign;
  for (const std::string& one : {upstream.credential, upstream.credential_default}) {
    if (!one.empty()) all.push_back(one);
  }
  return all;
}

Status check_secrets(const Upstream& upstream) {
  for (const std::string& one : references_of(upstream)) {
    if (auto usable = check_secret(one); !usable) return usable.error();
  }
  return Done{};
}

// A 403 that says when to come again closes a key, whatever its credential.
bool speaks_of_credential(const port::ShotResult& result) {
  const bool for_a_time = std::any_of(result.fields.begin(), result.fields.end(),
                                      [](const auto& one) { return one.first == "retry-after"; });
  return result.status == 401 || (result.status == 403 && !for_a_time);
}

// One that signed requests carry.
bool is_signature_header(std::string_view name) {
  return equals_ignoring_case(name, "webhook-id") ||
         equals_ignoring_case(name, "webhook-timestamp") ||
         equals_ignoring_case(name, "webhook-signature");
}

// What follows the upstream's name in a key.
std::string_view field_of(std::string_view key) { return key.substr(key.find(':') + 1); }

Status check_headers(const Upstream& upstream) {
  const auto wrong = [](std::string what) { return Error{Trouble::kSettings, std::move(what)}; };
  if (auto fine = check_secrets(upstream); !fine) return fine.error();
  if (!is_token(upstream.credential_header) || is_fixed_header(upstream.credential_header)) {
    return wrong("credential_header is no header's name, or one that is not for settings");
  }
  for (const auto& [name, value] : upstream.headers) {
    if (!is_token(name) || !is_field_value(value)) return wrong("headers: no header: " + name);
    if (is_fixed_header(name)) return wrong("headers: not for settings: " + name);
    if (!upstream.sign.empty() && is_signature_header(name)) {
      return wrong("headers: is made by `sign`: " + name);
    }
    if (!upstream.credential.empty() && equals_ignoring_case(name, upstream.credential_header)) {
      return wrong("headers: carries the credential already: " + name);
    }
  }
  for (const std::string& method : upstream.methods) {
    if (!is_token(method)) return wrong("methods: no method: " + method);
  }
  return Done{};
}

}  // namespace

std::vector<std::string> header_lines(const Upstream& upstream, const StartHttp& call,
                                      std::string_view credential,
                                      std::span<const std::string> signing) {
  std::vector<std::pair<std::string_view, std::string_view>> ours;
  for (const auto& [name, value] : upstream.headers) ours.emplace_back(name, value);
  ours.emplace_back("Idempotency-Key", call.idempotency_key);
  if (!call.traceparent.empty()) ours.emplace_back("traceparent", call.traceparent);
  if (!credential.empty()) ours.emplace_back(upstream.credential_header, credential);
  std::vector<std::string> lines;
  bool typed = call.request.body.empty();
  for (const wire::Header& header : call.request.headers) {
    if (!signing.empty() && is_signature_header(header.name)) continue;
    const bool replaced = std::any_of(ours.begin(), ours.end(), [&](const auto& own) {
      return equals_ignoring_case(own.first, header.name);
    });
    if (replaced) continue;
    lines.push_back(line_of(header.name, header.value));
    typed = typed || equals_ignoring_case(header.name, "content-type");
  }
  for (const auto& [name, value] : ours) {
    lines.push_back(line_of(name, value));
    typed = typed || equals_ignoring_case(name, "content-type");
  }
  if (!typed) lines.emplace_back("Content-Type: application/json");
  if (!signing.empty()) {
    auto own = webhook_header_lines(signing, {call.idempotency_key, call.at, call.request.body});
    std::move(own.begin(), own.end(), std::back_inserter(lines));
  }
  return lines;
}

Http::Http(port::Poller& poller, HttpConfig config, Hooks hooks)
    : poller_(poller),
      config_(std::move(config)),
      hooks_(std::move(hooks)),
      secrets_(hooks_.secrets == nullptr ? own_secrets_ : *hooks_.secrets) {}

Result<std::unique_ptr<Http>> Http::open(port::Poller& poller, HttpConfig config, Hooks hooks) {
  std::unique_ptr<Http> http(new Http(poller, std::move(config), std::move(hooks)));
  for (const Upstream& upstream : http->config_.upstreams) {
    if (auto added = http->add_line(poller, upstream); !added) {
      return Error{added.error().code, "upstream " + upstream.name + ": " + added.error().what};
    }
  }
  return http;
}

Status Http::add_line(port::Poller& poller, const Upstream& upstream) {
  auto url = port::parse_base_url(upstream.url);
  if (!url) return url.error();
  if (auto fine = check_headers(upstream); !fine) return fine.error();
  port::OneShotConfig config;
  config.timeout = upstream.timeout;
  config.connect_timeout = upstream.connect_timeout;
  config.keep_idle = upstream.keep_idle;
  config.connections_max = upstream.in_flight;
  config.ca_file = upstream.ca_file;
  config.allow_link_local = config_.allow_link_local;
  config.answer_max = config_.answer_max;
  // Texts that stop a key are looked for in more of the body than is kept of it.
  config.answer_kept =
      upstream.abnormal.empty() ? upstream.answer_kept : std::size_t{wire::kAnswerMax};
  config.http2 = upstream.http == HttpVersion::k2;
  config.wants = [](std::string_view name) {
    return name == "retry-after" || name == "date" || is_quota_field(name);
  };
  port::OneShotHooks hooks;
  hooks.may_send = [this](std::uint64_t id) { return hooks_.may_start(attempts_.at(id).attempt); };
  hooks.ended = [this](port::ShotResult result) { ended(std::move(result)); };
  Line& line = lines_[upstream.name];
  line.upstream = &upstream;
  line.url = std::move(*url);
  line.shots = std::make_unique<port::OneShots>(poller, std::move(config), std::move(hooks));
  return Done{};
}

void Http::refuse(const wire::Attempt& attempt, HttpEnd end, std::string_view why) {
  HttpEnded ended;
  ended.attempt = attempt;
  ended.end = end;
  ended.reason = why;
  ended.ended = port::steady_now();
  hooks_.ended(std::move(ended));
}

// A key's own that is missing is the key's trouble; one that all share is the upstream's.
std::optional<Http::Secrets> Http::secrets_for(Line& line, const StartHttp& call) {
  const Upstream& upstream = *line.upstream;
  Secrets secrets;
  line.trouble.clear();
  const auto trouble = [&](const Error& error) -> std::optional<Secrets> {
    line.trouble = error.what;
    refuse(call.attempt, HttpEnd::kNotConnected, "no credential");
    return std::nullopt;
  };
  for (const std::string& reference : upstream.sign) {
    auto written = secrets_.read(reference);
    if (!written) return trouble(written.error());
    auto secret = read_webhook_secret(*written);
    if (!secret) return trouble({secret.error().code, reference + ": " + secret.error().what});
    secrets.signing.push_back(std::move(*secret));
  }
  if (upstream.credential.empty()) return secrets;
  auto credential =
      resolve_for_key({upstream.credential, upstream.credential_default}, field_of(call.key),
                      [this](const std::string& reference) { return secrets_.read(reference); });
  if (!credential && !is_per_key(upstream.credential)) return trouble(credential.error());
  if (!credential) {
    refuse(call.attempt, HttpEnd::kNoCredential, credential.error().what);
    return std::nullopt;
  }
  secrets.credential = std::move(*credential);
  return secrets;
}

std::optional<std::string> Http::unread(const Upstream& upstream) {
  for (std::string& reference : references_of(upstream)) {
    if (secrets_.is_being_read(reference)) return std::move(reference);
  }
  return std::nullopt;
}

// Once it is read the attempt goes on, if its time is not over: may_start says so.
void Http::wait(const std::string& reference, StartHttp call) {
  const wire::Attempt attempt = call.attempt;
  const std::uint64_t number = ++waits_named_;
  waiting_[attempt] = {std::move(call), number};
  const auto here = std::weak_ptr<bool>(here_);
  secrets_.when_read(reference, [this, here, attempt, number] {
    if (here.expired()) return;
    if (auto again = waited(attempt, number)) start(std::move(*again));
  });
  poller_.after(kSecretWait, [this, here, attempt, number, reference] {
    if (here.expired()) return;
    auto late = waited(attempt, number);
    if (!late) return;
    secrets_.settle_for_old(reference);
    if (!secrets_.is_being_read(reference)) return start(std::move(*late));
    lines_.at(late->upstream).trouble = reference + " is being read";
    refuse(attempt, HttpEnd::kNotConnected, "no credential");
  });
}

std::optional<StartHttp> Http::waited(const wire::Attempt& attempt, std::uint64_t number) {
  const auto found = waiting_.find(attempt);
  if (found == waiting_.end() || found->second.number != number) return std::nullopt;
  StartHttp call = std::move(found->second.call);
  waiting_.erase(found);
  return call;
}

void Http::start(StartHttp call) {
  const auto found = lines_.find(call.upstream);
  CHECK(found != lines_.end());  // the core knows the same upstreams
  Line& line = found->second;
  if (const auto fault = lane_fault(*line.upstream, call.request)) {
    return refuse(call.attempt, HttpEnd::kLane, *fault);
  }
  if (!is_field_value(call.idempotency_key) || !is_field_value(call.traceparent)) {
    return refuse(call.attempt, HttpEnd::kLane, "header value");
  }
  if (const auto reference = unread(*line.upstream)) return wait(*reference, std::move(call));
  go(line, std::move(call));
}

void Http::go(Line& line, StartHttp call) {
  auto url = port::join_url(line.url, call.request.path);
  if (!url) return refuse(call.attempt, HttpEnd::kLane, "path");
  const auto secrets = secrets_for(line, call);
  if (!secrets) return;
  port::OneShot shot;
  shot.id = ++shots_named_;
  shot.method = std::move(call.request.method);
  shot.url = std::move(*url);
  shot.header_lines = header_lines(*line.upstream, call, secrets->credential, secrets->signing);
  shot.body = std::move(call.request.body);
  attempts_[shot.id] = {call.attempt, &line};
  shot_of_[call.attempt] = shot.id;
  line.shots->start(std::move(shot));
}

std::string Http::trouble() const {
  for (const auto& [name, line] : lines_) {
    if (!line.trouble.empty()) return "upstream " + name + ": " + line.trouble;
    if (line.astray) return "upstream " + name + ": its address is link-local";
  }
  return {};
}

void Http::stop(const wire::Attempt& attempt) {
  waiting_.erase(attempt);
  const auto found = shot_of_.find(attempt);
  if (found == shot_of_.end()) return;
  const auto running = attempts_.find(found->second);
  running->second.line->shots->stop(found->second);
  attempts_.erase(running);
  shot_of_.erase(found);
}

void Http::ended(port::ShotResult result) {
  const auto found = attempts_.find(result.id);
  HttpEnded ended;
  found->second.line->astray = result.end == port::ShotEnd::kAddress;
  if (speaks_of_credential(result)) {
    for (const std::string& one : references_of(*found->second.line->upstream)) {
      secrets_.refused(one);
    }
  }
  ended.attempt = std::move(found->second.attempt);
  attempts_.erase(found);
  shot_of_.erase(ended.attempt);
  ended.end = end_of(result.end);
  ended.status = result.status;
  for (Field& field : result.fields) {
    if (field.first == "retry-after") {
      ended.retry_after += (ended.retry_after.empty() ? "" : "\n") + field.second;
    } else if (field.first == "date") {
      ended.date = std::move(field.second);
    } else {
      ended.quota.push_back(std::move(field));
    }
  }
  ended.answer = std::move(result.body);
  ended.reason = result.reason;
  ended.sent = result.sent;
  ended.ended = result.ended;
  hooks_.ended(std::move(ended));
}

}  // namespace sluice::dispatcher
