#include "alerter/webhook.h"

#include "alerter/sinks.h"
#include "lib/digest/digest.h"
#include "lib/digest/webhook_signature.h"

namespace sluice::alerter {

std::string webhook_body(const std::vector<wire::Alert>& alerts) {
  std::string body;
  for (const wire::Alert& alert : alerts) {
    body += (body.empty() ? "{\"alerts\":[" : ",") + json_of(alert);
  }
  return body + "]}";
}

std::string webhook_id(const std::vector<wire::Alert>& alerts) {
  if (alerts.size() == 1) return alerts[0].alert_id;
  std::string all;
  for (const wire::Alert& alert : alerts) all += alert.alert_id;
  return to_hex(to_bytes(sha256(all)).substr(0, 16));
}

Delivered judged(const port::HttpAnswer& answer) {
  Delivered how;
  how.ok = answer.status >= 200 && answer.status < 300;
  if (how.ok) return how;
  how.refused = answer.status == 400 || answer.status == 413 || answer.status == 422;
  how.unwelcome = answer.status >= 400 && answer.status < 500 && !how.refused &&
                  answer.status != 408 && answer.status != 429;
  how.error = answer.status == 0 ? answer.error : "HTTP status " + std::to_string(answer.status);
  how.retry_after = answer.retry_after;
  return how;
}

std::vector<std::string> references_of(const Sink& sink) {
  std::vector<std::string> references = sink.secrets;
  if (port::is_secret(sink.url)) references.push_back(sink.url);
  return references;
}

Result<std::string> url_of(const std::string& setting, const port::ReadSecret& read) {
  if (!port::is_secret(setting)) return setting;
  auto url = read(setting);
  if (!url.ok() || port::HttpClient::check_url(*url).ok()) return url;
  return Error{Trouble::kUnavailable, setting + ": is no http(s) URL"};
}

Result<port::HttpCall> webhook_call(const Sink& sink, const std::vector<wire::Alert>& alerts,
                                    StoreTime now, const port::ReadSecret& read) {
  port::HttpCall call;
  auto url = url_of(sink.url, read);
  if (!url) return url.error();
  call.url = std::move(*url);
  std::vector<std::string> secrets;
  for (const std::string& reference : sink.secrets) {
    auto written = read(reference);
    if (!written) return written.error();
    auto secret = read_webhook_secret(*written);
    if (!secret) return Error{Trouble::kUnavailable, reference + ": " + secret.error().what};
    secrets.push_back(std::move(*secret));
  }
  call.body = webhook_body(alerts);
  call.timeout = call.connect_timeout = sink.timeout;
  const std::string id = webhook_id(alerts);
  call.headers = {{"Content-Type", "application/json"},
                  {"Idempotency-Key", "\"" + id + "\""},
                  {"User-Agent", "sluice-alerter"}};
  for (const std::string& line : webhook_header_lines(secrets, {id, now, call.body})) {
    const std::size_t colon = line.find(": ");
    call.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return call;
}

}  // namespace sluice::alerter
