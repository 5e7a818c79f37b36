#include "ingest/reply_sender.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "ingest/json_body.h"
#include "ingest/name.h"
#include "lib/base/check.h"
#include "lib/digest/base64.h"
#include "lib/digest/webhook_signature.h"
#include "lib/port/json_text.h"

namespace sluice::ingest {

namespace {

constexpr std::uint32_t kOldAtOnce = 100;
constexpr std::size_t kAnswerRead = 64 * 1024;  // of what a reply host answers: nobody looks at it

// Whether these bytes begin a character of UTF-8 and do not end it.
bool is_cut_character(std::string_view bytes) {
  if (bytes.empty()) return false;
  const auto lead = static_cast<unsigned char>(bytes.front());
  return lead >= 0xc2 && lead <= 0xf4 && std::all_of(bytes.begin() + 1, bytes.end(), [](char c) {
           return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
         });
}

// Text as text: what was kept of an answer may end within a character, which is left out. Anything
// else as base64.
void add_answer(JsonBody& body, std::string_view answer) {
  std::optional<std::string_view> text;
  for (std::size_t cut = 0; !text && cut < 4 && cut < answer.size(); ++cut) {
    const std::string_view whole = answer.substr(0, answer.size() - cut);
    const bool fits = cut == 0 || is_cut_character(answer.substr(whole.size()));
    if (fits && port::is_utf8(whole)) text = whole;
  }
  JsonBody how;
  how.text("encoding", text ? "text" : "base64");
  how.text("body", text ? std::string(*text) : to_base64(answer));
  body.raw("answer", how.object());
}

}  // namespace

std::string reply_body(const Reply& reply) {
  const wire::Settled& settled = reply.settled;
  Name name;
  settle_name(name, settled);
  JsonBody body;
  body.text("type", "message.settled").text("id", reply.id);
  body.text("key", settled.key).text("upstream", settled.upstream);
  body.text("state", word_of(name.state));
  if (reply.generation > 0) body.number("generation", reply.generation);
  body.time("accepted_at", reply.first_seen).time("settled_at", settled.at);
  body.number("attempts", settled.attempts);
  if (settled.status > 0) body.number("last_status", settled.status);
  if (!settled.reason.empty()) body.text("reason", settled.reason);
  if (!settled.answer.empty()) add_answer(body, settled.answer);
  return body.object();
}

Duration retry_after_of(const port::ShotResult& result) {
  for (const auto& [name, value] : result.fields) {
    const std::size_t from = value.find_first_not_of(" \t");
    if (name != "retry-after" || from == std::string::npos) continue;
    std::uint32_t whole = 0;
    const char* end = value.data() + value.find_last_not_of(" \t") + 1;
    const auto [stop, error] = std::from_chars(value.data() + from, end, whole);
    if (error == std::errc() && stop == end) return seconds(whole);
  }
  return {};
}

ReplySender::ReplySender(ReplyConfig config, ReplyStore& store, World world)
    : config_(std::move(config)),
      store_(store),
      world_(std::move(world)),
      replies_(config_, world_.seed) {
  for (const std::string& host : config_.hosts) add_line(host);
}

void ReplySender::add_line(const std::string& host) {
  auto url = port::parse_base_url(host);
  CHECK(url.ok());
  port::OneShotConfig shots;
  shots.timeout = config_.timeout;
  shots.connections_max = config_.in_flight;
  shots.answer_max = kAnswerRead;
  shots.wants = [](std::string_view name) { return name == "retry-after"; };
  port::OneShotHooks hooks;
  hooks.may_send = [this](std::uint64_t) { return config_.timeout; };
  hooks.ended = [this](const port::ShotResult& result) { ended(result); };
  lines_[host] = {std::move(*url), std::make_unique<port::OneShots>(world_.poller, std::move(shots),
                                                                    std::move(hooks))};
}

void ReplySender::look() {
  write();
  if (draining_) return;
  give_up_old();
  for (auto& [host, line] : lines_) look_at(host, line);
  write();
}

// Also of hosts that are no longer in the list.
void ReplySender::give_up_old() {
  auto old = store_.settled_before(replies_.oldest(world_.wall()), kOldAtOnce);
  if (!old) return trouble(old.error().what);
  for (const Reply& reply : *old) {
    if (!replies_.give_up(reply)) continue;
    world_.log.error("reply given up", {{"id", reply.id},
                                        {"host", reply.host},
                                        {"tries", reply.tries},
                                        {"why", "it could not be delivered in time"}});
  }
}

void ReplySender::look_at(const std::string& host, Line& line) {
  const std::uint32_t count = replies_.to_ask(host);
  if (count == 0) return;
  auto due = store_.due(host, world_.wall(), count);
  if (!due) return trouble(due.error().what);
  std::optional<Secrets> signing;  // read once for all of them
  for (const Reply& reply : *due) {
    if (!replies_.start(reply)) continue;
    if (!signing) signing = secrets();
    if (!signing) return replies_.stopped(reply);  // no try: the reply waits as it was
    start(reply, *signing, line);
  }
}

std::optional<ReplySender::Secrets> ReplySender::secrets() {
  Secrets secrets;
  for (const std::string& reference : config_.secrets) {
    auto written = world_.read_secret(reference);
    auto secret = written ? read_webhook_secret(*written) : written;
    if (!secret) {
      const std::string where = written ? reference + ": " : "";
      trouble(where + secret.error().what);
      return std::nullopt;
    }
    secrets.push_back(std::move(*secret));
  }
  return secrets;
}

void ReplySender::start(const Reply& reply, const Secrets& signing, Line& line) {
  auto url = port::join_url(line.url, std::string_view(reply.url).substr(reply.host.size()));
  if (!url) {
    return judge(reply, {}, "its URL leaves its host");
  }
  port::OneShot shot;
  shot.id = static_cast<std::uint64_t>(reply.number);
  shot.method = "POST";
  shot.url = std::move(*url);
  shot.body = reply_body(reply);
  const std::string id = webhook_id_of(reply);
  shot.header_lines = webhook_header_lines(signing, {id, world_.wall(), shot.body});
  shot.header_lines.emplace_back("Content-Type: application/json");
  under_way_[shot.id] = reply;
  line.shots->start(std::move(shot));
}

void ReplySender::ended(const port::ShotResult& result) {
  const auto found = under_way_.find(result.id);
  CHECK(found != under_way_.end());
  const Reply reply = std::move(found->second);
  under_way_.erase(found);
  const bool answered = result.end == port::ShotEnd::kAnswered;
  if (answered && (result.status == 401 || result.status == 403)) {
    for (const std::string& secret : config_.secrets) world_.secret_refused(secret);
  }
  const std::string why = answered ? "HTTP status " + std::to_string(result.status)
                          : result.end == port::ShotEnd::kAddress
                              ? "its address is link-local, or a cloud's metadata service"
                              : std::string(result.reason);
  judge(reply, {answered ? result.status : 0, retry_after_of(result)}, why);
  // There is room for the next one at once, whether the core has anything to do or not.
  if (!std::exchange(freed_, true)) {
    world_.poller.after(Duration{0}, [this] {
      freed_ = false;
      look();
    });
  }
}

void ReplySender::end_turn() {
  if (std::exchange(wanted_, false)) look();
}

void ReplySender::judge(const Reply& reply, const ReplyTried& tried, const std::string& why) {
  const ReplyEnd end = replies_.ended(reply, tried, world_.wall());
  if (end == ReplyEnd::kDelivered) return;
  const std::uint32_t tries = reply.tries + 1;
  if (end == ReplyEnd::kAgain) {
    world_.log.warning("reply not delivered",
                       {{"id", reply.id}, {"host", reply.host}, {"tries", tries}, {"why", why}});
  } else {
    world_.log.error("reply given up",
                     {{"id", reply.id}, {"host", reply.host}, {"tries", tries}, {"why", why}});
  }
}

// What cannot be written now is written with the next look.
void ReplySender::write() {
  if (replies_.notes().empty()) return;
  if (auto written = store_.note(replies_.notes()); !written) {
    return trouble(written.error().what);
  }
  replies_.notes_written();
  trouble_.clear();
}

void ReplySender::trouble(const std::string& what) {
  if (what != trouble_) world_.log.error("replies wait", {{"why", what}});
  trouble_ = what;
}

}  // namespace sluice::ingest
