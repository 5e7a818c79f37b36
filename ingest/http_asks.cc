#include "ingest/http_asks.h"

#include <charconv>
#include <utility>

#include "ingest/json.h"
#include "ingest/name.h"
#include "lib/base/calendar.h"
#include "lib/wire/valid.h"

namespace sluice::ingest {

namespace {

constexpr std::size_t kByMax = 128;
constexpr std::int64_t kSecondsMax = 366LL * 24 * 3600;

std::optional<std::uint32_t> number(std::string_view text, std::uint32_t max) {
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 1 || value > max) return {};
  return value;
}

std::variant<std::uint32_t, Refusal> read_limit(const Parameters& query) {
  const auto text = query("limit");
  if (!text) return kListUsual;
  if (const auto limit = number(*text, kListMax)) return *limit;
  return Refusal{400, "limit", "must be a whole number from 1 to " + std::to_string(kListMax)};
}

// One member of a control's body; nothing: it is right.
std::optional<std::string> take(ControlKey& into, const std::string& name, JsonValue value,
                                StoreTime now) {
  if (name == "by") {
    if (value.kind != JsonKind::kString) return "must be a string";
    into.by = json_string(value);
    if (const char* trouble = wire::text_trouble(into.by)) return trouble;
    if (into.by.size() > kByMax) return "has more than " + std::to_string(kByMax) + " bytes";
    return {};
  }
  if (name == "amount" && into.verb == wire::Verb::kConsume) {
    const auto amount = number(value.text, 1'000'000);
    if (!amount) return "must be a whole number from 1 to 1000000";
    into.amount = *amount;
    return {};
  }
  if (name == "for" && into.verb == wire::Verb::kPause) {
    const auto seconds_of = number(value.text, kSecondsMax);
    if (!seconds_of) return "must be whole seconds, from 1 to a year's";
    into.until = now + seconds(*seconds_of);
    return {};
  }
  if (name == "until" && into.verb == wire::Verb::kPause) {
    const auto at = value.kind == JsonKind::kString ? parse_time(json_string(value)) : std::nullopt;
    if (!at || *at <= now) return "must be a time to come, such as 2026-11-21T02:24:00Z";
    into.until = *at;
    return {};
  }
  return "is not known here";
}

}  // namespace

std::variant<ListAsk, Refusal> read_list(const Parameters& query) {
  ListAsk ask;
  auto limit = read_limit(query);
  if (auto* refusal = std::get_if<Refusal>(&limit)) return std::move(*refusal);
  ask.limit = std::get<std::uint32_t>(limit);
  ask.key = query("key").value_or("");
  if (ask.key.size() > wire::kKeyMax) return Refusal{400, "key", "is longer than a key can be"};
  if (const auto state = query("state")) {
    for (const NameState one : {NameState::kWaiting, NameState::kDelivered, NameState::kDead,
                                NameState::kExpired, NameState::kCancelled, NameState::kAccepted}) {
      if (word_of(one) == *state) ask.state = one;
    }
    if (!ask.state) {
      return Refusal{400, "state",
                     "must be accepted, waiting, delivered, dead, expired or cancelled"};
    }
  }
  if (const auto after = query("after")) {
    ask.after = read_cursor(*after);
    if (!ask.after || !fits(*ask.after, ask)) {
      return Refusal{400, "after", "must be the `next` of a page of this same list"};
    }
  }
  return ask;
}

std::variant<ListKeyPage, Refusal> read_key_page(const Parameters& query) {
  auto limit = read_limit(query);
  if (auto* refusal = std::get_if<Refusal>(&limit)) return std::move(*refusal);
  ListKeyPage page{0, query("after").value_or(""), std::get<std::uint32_t>(limit), {}};
  if (page.after.size() > wire::kKeyMax) return Refusal{400, "after", "is no key"};
  return page;
}

std::variant<ControlKey, Refusal> read_control(wire::Verb verb, std::string_view body,
                                               StoreTime now) {
  ControlKey control;
  control.verb = verb;
  if (!body.empty()) {
    if (auto trouble = json_trouble(body)) return Refusal{400, "", "not JSON: " + *trouble};
    const JsonValue whole = json_whole(body);
    if (whole.kind != JsonKind::kObject) return Refusal{400, "", "must be an object"};
    for (const auto& [name, value] : json_members(whole)) {
      if (auto why = take(control, name, value, now)) return Refusal{400, "/" + name, *why};
    }
  }
  if (verb == wire::Verb::kConsume && control.amount == 0) {
    return Refusal{400, "/amount", "is missing: how many sends were made elsewhere"};
  }
  return control;
}

const Upstream* upstream_of_key(std::string_view key, std::span<const Upstream> upstreams) {
  const Upstream* best = nullptr;
  for (const Upstream& one : upstreams) {
    const bool whose = key.size() > one.name.size() + 1 && key.starts_with(one.name) &&
                       key[one.name.size()] == ':';
    if (whose && (best == nullptr || one.name.size() > best->name.size())) best = &one;
  }
  return best;
}

}  // namespace sluice::ingest
