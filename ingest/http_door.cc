#include "ingest/http_door.h"

#include <algorithm>
#include <utility>

#include "ingest/cost_document.h"
#include "ingest/http_answers.h"
#include "ingest/prefer.h"
#include "lib/digest/seal.h"

namespace sluice::ingest {

using port::HttpRequest;
using port::HttpResponse;
using port::problem;

namespace {

constexpr std::size_t kLinesATurn = 500;

std::size_t lines_of(std::string_view body) {
  const auto ends = static_cast<std::size_t>(std::count(body.begin(), body.end(), '\n'));
  return ends + (body.empty() || body.ends_with('\n') ? 0 : 1);
}

bool only_spaces(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// A wait is judged by a forecast only; what was taken without one may wait longer.
bool honoured(const Preference& preference, const FrontAnswer& answer) {
  if (std::holds_alternative<TooMany>(answer)) return true;
  const auto* accepted = std::get_if<Accepted>(&answer);
  return accepted != nullptr &&
         (preference.kind == Preference::Kind::kAsync || accepted->forecast.has_value());
}

}  // namespace

HttpDoor::HttpDoor(Pointers pointers, std::vector<Upstream> upstreams, World world)
    : pointers_(std::move(pointers)),
      upstreams_(std::move(upstreams)),
      world_(std::move(world)),
      seal_secret_(world_.random(kSealSecret)) {}

void HttpDoor::reply(std::uint64_t http_id, HttpResponse response) {
  ++statuses_[response.status];
  world_.respond(http_id, std::move(response));
}

void HttpDoor::post(HttpRequest request, What what, Entry entry) {
  const std::string* type = request.header("Content-Type");
  const Content content = content_of(type != nullptr ? *type : "");
  const std::string* coding = request.header("Content-Encoding");
  const bool coded = coding != nullptr && !port::same_name(*coding, "identity");
  if (content == Content::kOther || coded) {
    return reply(request.id,
                 problem(415, "Unsupported Media Type",
                         coded ? "Content-Encoding is not supported"
                               : "send application/json, or application/x-ndjson for many"));
  }
  if (content == Content::kLines && lines_of(request.body) > world_.lines_max) {
    return refuse(request.id, {413, "",
                               "more than " + std::to_string(world_.lines_max) +
                                   " lines (lines_max): send them in several requests"});
  }
  auto batch = std::make_shared<Batch>();
  batch->http_id = request.id;
  batch->lines = content == Content::kLines;
  batch->what = what;
  batch->body = std::move(request.body);
  batch->scope = std::move(entry.scope);
  std::vector<std::string> prefers;
  for (const auto& [name, value] : request.headers) {
    if (port::same_name(name, "Prefer")) prefers.push_back(value);
  }
  batch->preference = read_prefer(prefers);
  const std::string* trace = request.header("traceparent");
  batch->traceparent = trace != nullptr ? read_traceparent(*trace) : "";
  if (!batch->lines) {
    batch->open = 1;
    return take_document(batch, batch->body);
  }
  hungry_.push_back(std::move(batch));
  feed();
}

// ---- lines

void HttpDoor::drain() {
  draining_ = true;
  feed();
}

// While we stop the core has no room and refuses: each line left is told so.
bool HttpDoor::may_take(std::size_t lines) const {
  return draining_ || (lines < kLinesATurn && world_.room() > 0);
}

void HttpDoor::feed() {
  std::size_t lines = 0;
  while (!hungry_.empty() && may_take(lines)) {
    const std::shared_ptr<Batch> batch = hungry_.front();
    take(batch, lines);
    if (batch->next >= batch->body.size()) {
      hungry_.pop_front();
      if (batch->open == 0) finish(*batch);
    }
  }
  if (!hungry_.empty() && lines >= kLinesATurn) world_.again();
}

void HttpDoor::take(const std::shared_ptr<Batch>& batch, std::size_t& lines) {
  for (; batch->next < batch->body.size() && may_take(lines); ++lines) {
    const std::string_view rest = std::string_view(batch->body).substr(batch->next);
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    batch->next += end + 1;
    ++batch->line;
    if (line.ends_with('\r')) line.remove_suffix(1);
    batch->answers.emplace_back();
    if (only_spaces(line)) continue;
    ++batch->open;
    take_document(batch, line);
  }
}

void HttpDoor::take_document(const std::shared_ptr<Batch>& batch, std::string_view document) {
  const std::size_t place = batch->lines ? batch->line - 1 : 0;
  Waiting waiting{batch, place, {}};
  if (batch->what == What::kCost) return take_cost(std::move(waiting), document);
  take_message(std::move(waiting), document);
}

void HttpDoor::take_message(Waiting waiting, std::string_view document) {
  const StoreTime at = world_.wall();
  ReadDocument read =
      read_document(document, {pointers_, upstreams_, at,
                               [this] { return uuid_v4(world_.random(16)); }, world_.reply_hosts});
  if (const auto* refusal = std::get_if<Refusal>(&read)) {
    return answer(waiting, answer_of(*refusal));
  }
  auto& message = std::get<wire::Offer>(read);
  if (!waiting.batch->scope.covers(message.upstream, message.key)) {
    return answer(
        waiting, answer_of(Refusal{403, pointers_.key,
                                   "this API key does not cover the key \"" + message.key + "\""}));
  }
  message.traceparent = waiting.batch->traceparent;
  std::string kept;
  if (world_.queue_trouble) {
    kept = document;
    if (const auto refusal = world_.queue_trouble(message, kept)) {
      return answer(waiting, answer_of(*refusal));
    }
  }
  const Preference preference = waiting.batch->preference;
  const std::uint64_t request_id = ++last_id_;
  waiting_[request_id] = std::move(waiting);
  world_.accept(Submit{request_id, std::move(message), preference, at, std::move(kept)});
}

void HttpDoor::take_cost(Waiting waiting, std::string_view document) {
  ReadCost read = read_cost(document, world_.wall());
  if (const auto* refusal = std::get_if<Refusal>(&read)) {
    return answer(waiting, answer_of(*refusal));
  }
  auto& cost = std::get<wire::Cost>(read);
  waiting.event_id = cost.event_id;
  const std::uint64_t request_id = ++last_id_;
  waiting_[request_id] = std::move(waiting);
  world_.accept(SubmitCost{request_id, std::move(cost)});
}

// ---- answers

void HttpDoor::respond(const Respond& respond) {
  const auto found = waiting_.extract(respond.request_id);
  if (found.empty()) return;
  const Waiting& waiting = found.mapped();
  About about{waiting.event_id, pointers_.id, pointers_.key, pointers_.cost,
              world_.scale_millionths};
  if (!waiting.batch->scope.whole()) {
    about.cursor = [this](const std::string& plain) {
      return sealed(seal_secret_, world_.random(kSealNonce), plain);
    };
  }
  HttpResponse response = answer_of(respond.answer, about);
  const std::string preference = applied(waiting.batch->preference);
  if (!preference.empty() && honoured(waiting.batch->preference, respond.answer))
    response.headers.emplace_back("Preference-Applied", preference);
  answer(waiting, std::move(response));
}

void HttpDoor::answer(const Waiting& waiting, HttpResponse response) {
  Batch& batch = *waiting.batch;
  --batch.open;
  if (!batch.lines) return reply(batch.http_id, std::move(response));
  batch.answers[waiting.place] = line_of(response, waiting.place + 1);
  if (batch.open == 0 && batch.next >= batch.body.size()) finish(batch);
}

void HttpDoor::finish(Batch& batch) {
  if (batch.http_id == 0) return;
  HttpResponse response;
  response.content_type = "application/x-ndjson";
  for (const std::string& line : batch.answers) response.body += line;
  reply(std::exchange(batch.http_id, 0), std::move(response));
}

}  // namespace sluice::ingest
