#include "ingest/document.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "ingest/json.h"
#include "ingest/replies.h"
#include "lib/base/ascii.h"
#include "lib/base/calendar.h"
#include "lib/digest/digest.h"
#include "lib/wire/valid.h"

namespace sluice::ingest {

namespace {

// Ours, or only good for one hop (RFC 9110 7.6.1): a message may not set them.
constexpr std::array<std::string_view, 15> kOurHeaders = {"authorization",
                                                          "connection",
                                                          "content-length",
                                                          "expect",
                                                          "host",
                                                          "http2-settings",
                                                          "idempotency-key",
                                                          "keep-alive",
                                                          "proxy-authenticate",
                                                          "proxy-authorization",
                                                          "proxy-connection",
                                                          "te",
                                                          "trailer",
                                                          "transfer-encoding",
                                                          "upgrade"};

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

bool is_token_char(char c) {  // RFC 9110 5.6.2
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// One document on its way to a message; the first refusal counts.
class Reader {
 public:
  Reader(std::string_view bytes, const Reading& reading)
      : bytes_(bytes), reading_(reading), whole_(json_whole(bytes)) {}

  ReadDocument read() {
    upstream();
    id();
    key();
    request();
    times();
    priority();
    units(reading_.pointers.weight, message_.weight);
    units(reading_.pointers.cost, message_.cost);
    reply_to();
    if (!refusal_) check_bounds();
    if (refusal_) return std::move(*refusal_);
    return std::move(message_);
  }

  DocumentKey key_alone() {
    upstream();
    key();
    if (refusal_ || wire::text_trouble(message_.key) != nullptr) return {};
    return {message_.upstream, message_.key};
  }

 private:
  void refuse(std::string_view field, std::string why, int status = 400) {
    if (!refusal_) refusal_ = Refusal{status, std::string(field), std::move(why)};
  }

  // Absent and null are the same.
  std::optional<JsonValue> at(std::string_view pointer) {
    if (pointer.empty() || refusal_) return {};
    auto found = json_at(whole_, pointer);
    if (!found) {
      refuse(pointer, found.error().what);
      return {};
    }
    if (*found && (*found)->kind == JsonKind::kNull) return {};
    return *found;
  }

  std::optional<std::string> text_at(std::string_view pointer, bool numbers_too = false) {
    const auto value = at(pointer);
    if (!value) return {};
    if (value->kind == JsonKind::kString) return json_string(*value);
    const bool whole = value->text.find_first_of(".eE") == std::string_view::npos;
    if (numbers_too && value->kind == JsonKind::kNumber && whole) return std::string(value->text);
    refuse(pointer, numbers_too ? "must be a string or a whole number" : "must be a string");
    return {};
  }

  void bounded(std::string_view pointer, const std::string& text, std::size_t max) {
    if (text.empty()) refuse(pointer, "is empty");
    if (text.size() > max) {
      refuse(pointer,
             "has " + std::to_string(text.size()) + " bytes, at most " + std::to_string(max));
    }
    if (std::any_of(text.begin(), text.end(), is_control)) {
      refuse(pointer, "has a control character");
    }
  }

  void upstream() {
    upstream_ = &reading_.upstreams.front();
    const auto name = text_at(reading_.pointers.upstream);
    if (name) {
      const auto found = std::find_if(reading_.upstreams.begin(), reading_.upstreams.end(),
                                      [&](const Upstream& one) { return one.name == *name; });
      if (found == reading_.upstreams.end()) {
        return refuse(reading_.pointers.upstream, "no upstream has this name");
      }
      upstream_ = &*found;
    }
    message_.upstream = upstream_->name;
  }

  void id() {
    const auto id = text_at(reading_.pointers.id, true);
    if (id) bounded(reading_.pointers.id, *id, wire::kIdMax);
    message_.id = id ? *id : reading_.fresh_id();
  }

  void key() {
    const bool known = !reading_.key.empty();
    const std::string_view pointer = known ? "" : std::string_view(reading_.pointers.key);
    const auto field = known ? std::string(reading_.key) : text_at(pointer, true);
    if (!field) return refuse(pointer, "is missing: it says whose budget the message spends");
    bounded(pointer, *field, wire::kKeyMax - upstream_->name.size() - 1);
    message_.key = upstream_->name + ":" + *field;
  }

  void request() {
    wire::Request& to = message_.request;
    method(to);
    const auto path = text_at(reading_.pointers.path);
    to.path = path ? *path : upstream_->path;
    if (path) {
      if (auto trouble = path_trouble(*path)) refuse(reading_.pointers.path, *trouble);
    }
    headers(to);
    body(to);
  }

  void method(wire::Request& to) {
    const auto method = text_at(reading_.pointers.method);
    to.method = method ? *method : upstream_->method;
    const auto& listed = upstream_->methods;
    if (method && std::find(listed.begin(), listed.end(), *method) == listed.end()) {
      refuse(reading_.pointers.method, "this upstream does not take this method");
    }
  }

  void headers(wire::Request& to) {
    const std::string& pointer = reading_.pointers.headers;
    const auto object = at(pointer);
    if (!object) return;
    if (object->kind != JsonKind::kObject) return refuse(pointer, "must be an object of strings");
    for (const auto& [name, value] : json_members(*object)) {
      if (value.kind != JsonKind::kString) return refuse(pointer + "/" + name, "must be a string");
      wire::Header header{name, json_string(value)};
      if (auto trouble = header_trouble(header, *upstream_)) {
        return refuse(pointer + "/" + name, *trouble);
      }
      to.headers.push_back(std::move(header));
    }
    if (to.headers.size() >= wire::kHeadersMax) refuse(pointer, "has too many headers");
  }

  void body(wire::Request& to) {
    const auto value = at(reading_.pointers.body);
    const bool text = value && value->kind == JsonKind::kString;
    if (text) {
      to.body = json_string(*value);
    } else {
      to.body = value ? value->text : bytes_;
    }
    if (to.body.size() > wire::kBodyMax) {
      refuse(reading_.pointers.body,
             "the request's body has " + std::to_string(to.body.size()) + " bytes, at most " +
                 std::to_string(wire::kBodyMax),
             413);
    }
    const bool typed = std::any_of(to.headers.begin(), to.headers.end(), [](const auto& header) {
      return lower_case(header.name) == "content-type";
    });
    if (!typed) {
      to.headers.push_back(
          {"Content-Type", text ? "text/plain; charset=utf-8" : "application/json"});
    }
  }

  // RFC 3339 in UTC, or whole seconds since 1970.
  StoreTime time_at(const std::string& pointer) {
    const auto text = text_at(pointer, true);
    if (!text) return {};
    std::int64_t whole = 0;
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, whole);
    constexpr std::int64_t kYear9999 = 253'402'300'799;
    if (error == std::errc() && stop == end && whole >= 1 && whole <= kYear9999) {
      return {whole * 1'000'000};
    }
    const auto parsed = parse_time(*text);
    if (!parsed || parsed->us < 1) {
      refuse(pointer, "is no time: write 2026-11-21T02:24:00Z, or whole seconds since 1970");
      return {};
    }
    return *parsed;
  }

  void times() {
    message_.not_before = time_at(reading_.pointers.not_before);
    message_.expires_at = time_at(reading_.pointers.expires_at);
    if (message_.expires_at.us > 0 && message_.expires_at <= reading_.at) {
      refuse(reading_.pointers.expires_at, "is over");
    }
    const StoreTime end =
        message_.expires_at.us > 0 ? message_.expires_at : reading_.at + upstream_->expires_after;
    if (message_.not_before >= end) {
      refuse(reading_.pointers.not_before, "is not before the message expires");
    }
  }

  void priority() {
    const std::string& pointer = reading_.pointers.priority;
    const auto value = at(pointer);
    if (!value) return;
    const char* end = value->text.data() + value->text.size();
    const auto [stop, error] = std::from_chars(value->text.data(), end, message_.priority);
    const bool whole = error == std::errc() && stop == end;
    if (!whole || message_.priority < -1000 || message_.priority > 1000) {
      refuse(pointer, "must be a whole number from -1000 to 1000");
    }
  }

  void units(const std::string& pointer, std::uint32_t& into) {
    const auto value = at(pointer);
    if (!value) return;
    const char* end = value->text.data() + value->text.size();
    const auto [stop, error] = std::from_chars(value->text.data(), end, into);
    if (error != std::errc() || stop != end || into < 1 || into > 1'000'000) {
      refuse(pointer, "must be a whole number from 1 to 1000000");
    }
  }

  void reply_to() {
    const std::string& pointer = reading_.pointers.reply_to;
    const auto url = text_at(pointer);
    if (!url) return;
    if (auto trouble = reply_trouble(*url, reading_.reply_hosts)) return refuse(pointer, *trouble);
    message_.reply_to = *url;
  }

  // What is accepted must be readable for every process that it will meet.
  void check_bounds() {
    wire::Offer whole = message_;
    whole.identity.assign(16, 'i');
    whole.content_hash.assign(32, 'h');
    whole.source = "embedded";
    whole.first_seen = StoreTime{1};
    if (whole.expires_at.us == 0) whole.expires_at = StoreTime{1};
    if (auto why = wire::invalid(whole)) refuse("", *why);
  }

  std::string_view bytes_;
  const Reading& reading_;
  JsonValue whole_;
  const Upstream* upstream_ = nullptr;
  wire::Offer message_;
  std::optional<Refusal> refusal_;
};

bool is_dot_segment(std::string_view segment) {
  std::string plain;
  for (std::size_t at = 0; at < segment.size(); ++at) {
    const std::string code = lower_case(segment.substr(at, 3));
    if (code == "%2e") {
      plain.push_back('.');
      at += 2;
    } else {
      plain.push_back(segment[at]);
    }
  }
  return plain == "." || plain == "..";
}

}  // namespace

std::optional<std::string> path_trouble(std::string_view path) {
  if (path.empty() || path.front() != '/') return "must begin with '/'";
  if (path.size() > 1 && (path[1] == '/' || path[1] == '\\')) return "must begin with one '/' only";
  if (path.size() > 8192) return "is longer than 8192 bytes";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f) return "has a character that must be written as %XX";
    if (c == '\\' || c == '#') return std::string("has a '") + c + "'";
  }
  std::string_view rest = path.substr(0, path.find('?'));
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (is_dot_segment(rest.substr(0, end))) return "has a '.' or '..' segment";
    rest.remove_prefix(end);
  }
  return {};
}

std::optional<std::string> header_trouble(const wire::Header& header, const Upstream& upstream) {
  if (header.name.empty() || header.name.size() > 256 ||
      !std::all_of(header.name.begin(), header.name.end(), is_token_char)) {
    return "the name is no token (RFC 9110 5.6.2)";
  }
  const std::string name = lower_case(header.name);
  if (std::find(kOurHeaders.begin(), kOurHeaders.end(), name) != kOurHeaders.end() ||
      name == lower_case(upstream.credential_header)) {
    return "this header is not for messages to set";
  }
  if (header.value.size() > 8192) return "the value is longer than 8192 bytes";
  if (std::any_of(header.value.begin(), header.value.end(), is_control)) {
    return "the value has a control character";
  }
  return {};
}

ReadDocument read_document(std::string_view bytes, const Reading& reading) {
  if (bytes.size() > wire::kBodyMax) {
    return Refusal{413, "",
                   "the document has " + std::to_string(bytes.size()) + " bytes, at most " +
                       std::to_string(wire::kBodyMax)};
  }
  if (auto trouble = json_trouble(bytes)) return Refusal{400, "", "not JSON: " + *trouble};
  return Reader(bytes, reading).read();
}

// What is no JSON says nothing: but the key may be known without it.
DocumentKey key_of_document(std::string_view bytes, const Reading& reading) {
  if (!json_trouble(bytes)) return Reader(bytes, reading).key_alone();
  const bool known = !reading.key.empty() && reading.pointers.upstream.empty();
  return known ? Reader("{}", reading).key_alone() : DocumentKey{};
}

std::string uuid_v4(std::string random) {
  random.resize(16);
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(random[at]); };
  random[6] = static_cast<char>((byte(6) & 0x0fU) | 0x40U);
  random[8] = static_cast<char>((byte(8) & 0x3fU) | 0x80U);
  std::string hex = to_hex(random);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) hex.insert(at, "-");
  return hex;
}

}  // namespace sluice::ingest
