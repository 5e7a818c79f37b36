#include "ingest/cost_document.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "ingest/json.h"
#include "lib/base/calendar.h"
#include "lib/base/money.h"
#include "lib/digest/digest.h"
#include "lib/wire/codec.h"
#include "lib/wire/valid.h"

namespace sluice::ingest {

namespace {

constexpr std::size_t kDocumentMax = 16 * 1024;
constexpr Duration kAheadAtMost = hours(24);  // clocks differ, and producers' time zones

class CostReader {
 public:
  explicit CostReader(std::string_view bytes) : whole_(json_whole(bytes)) {}

  ReadCost read(StoreTime at) {
    cost_.event_id = text("/event_id", true);
    cost_.provider = text("/provider", true);
    cost_.agent = text("/agent", true);
    cost_.type = text("/type", true);
    cost_.model = text("/model", false);
    units();
    amount();
    moment(at);
    if (refusal_) return std::move(*refusal_);
    // Without `at` the hash does not cover the time: the same document sent later is the same cost.
    cost_.content_hash = to_bytes(sha256(wire::encode_item(cost_)));
    if (cost_.at.us == 0) cost_.at = at;
    if (auto why = wire::invalid(cost_)) return Refusal{400, "", *why};
    return std::move(cost_);
  }

 private:
  void refuse(std::string_view field, std::string why) {
    if (!refusal_) refusal_ = Refusal{400, std::string(field), std::move(why)};
  }

  std::optional<JsonValue> at(std::string_view pointer) {
    auto found = json_at(whole_, pointer);
    if (!found) {
      refuse(pointer, found.error().what);
      return {};
    }
    if (*found && (*found)->kind == JsonKind::kNull) return {};
    return *found;
  }

  std::string text(std::string_view pointer, bool needed) {
    const auto value = at(pointer);
    if (!value) {
      if (needed) refuse(pointer, "is missing");
      return {};
    }
    if (value->kind != JsonKind::kString) {
      refuse(pointer, "must be a string");
      return {};
    }
    std::string said = json_string(*value);
    const std::size_t max = pointer == "/event_id" ? wire::kIdMax
                            : pointer == "/model"  ? 128
                                                   : wire::kNameMax;
    if (needed && said.empty()) refuse(pointer, "is empty");
    if (said.size() > max) refuse(pointer, "is longer than " + std::to_string(max) + " bytes");
    return said;
  }

  void units() {
    const auto value = at("/units");
    if (!value) return;
    const char* end = value->text.data() + value->text.size();
    const auto [stop, error] = std::from_chars(value->text.data(), end, cost_.units);
    if (error != std::errc() || stop != end) refuse("/units", "must be a whole number");
  }

  void amount() {
    const auto value = at("/amount");
    if (!value) return refuse("/amount", "is missing");
    std::optional<std::string> plain;
    if (value->kind == JsonKind::kString) plain = json_string(*value);
    if (value->kind == JsonKind::kNumber) plain = plain_decimal(value->text);
    if (!plain) return refuse("/amount", "must be an amount of USD, as \"12.50\"");
    if (plain->starts_with('-')) return refuse("/amount", "is negative");
    auto nano = parse_dollars(*plain);
    if (!nano) return refuse("/amount", nano.error().what);
    cost_.amount_nano = *nano;
  }

  // What is of another day than its producer thinks would be booked into another period's budget.
  void moment(StoreTime now) {
    const std::string said = text("/at", false);
    if (said.empty()) return;
    const auto parsed = parse_time(said);
    if (!parsed || parsed->us < 1) return refuse("/at", "is no time: write 2026-11-21T02:24:00Z");
    if (*parsed > now + kAheadAtMost) return refuse("/at", "is more than a day ahead of now");
    cost_.at = *parsed;
  }

  JsonValue whole_;
  wire::Cost cost_;
  std::optional<Refusal> refusal_;
};

}  // namespace

std::optional<std::string> plain_decimal(std::string_view number) {
  constexpr int kExponentMax = 40;
  const std::size_t mark = std::min(number.find_first_of("eE"), number.size());
  if (mark == number.size()) return std::string(number);
  std::string_view exponent_text = number.substr(mark + 1);
  if (exponent_text.starts_with('+')) exponent_text.remove_prefix(1);
  int exponent = 0;
  const char* end = exponent_text.data() + exponent_text.size();
  const auto [stop, error] = std::from_chars(exponent_text.data(), end, exponent);
  if (error != std::errc() || stop != end || mark > 64) return {};
  if (exponent > kExponentMax || exponent < -kExponentMax) return {};
  std::string digits(number.substr(0, mark));
  const std::string sign = digits.starts_with('-') ? "-" : "";
  digits.erase(0, sign.size());
  const std::size_t point = std::min(digits.find('.'), digits.size());
  if (point < digits.size()) digits.erase(point, 1);
  int whole = static_cast<int>(point) + exponent;  // digits before the point
  if (whole <= 0) {
    digits.insert(0, static_cast<std::size_t>(1 - whole), '0');
    whole = 1;
  }
  if (static_cast<std::size_t>(whole) > digits.size()) {
    digits.append(static_cast<std::size_t>(whole) - digits.size(), '0');
  }
  std::string fraction = digits.substr(static_cast<std::size_t>(whole));
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  digits.resize(static_cast<std::size_t>(whole));
  return sign + digits + (fraction.empty() ? "" : "." + fraction);
}

ReadCost read_cost(std::string_view bytes, StoreTime at) {
  if (bytes.size() > kDocumentMax) {
    return Refusal{413, "", "a cost has at most " + std::to_string(kDocumentMax) + " bytes"};
  }
  if (auto trouble = json_trouble(bytes)) return Refusal{400, "", "not JSON: " + *trouble};
  return CostReader(bytes).read(at);
}

}  // namespace sluice::ingest
