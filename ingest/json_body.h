// JSON objects that we write, member by member.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/calendar.h"
#include "lib/port/json_text.h"

namespace sluice::ingest {

class JsonBody {
 public:
  JsonBody& text(std::string_view name, std::string_view value) {
    return raw(name, port::json_quoted(value));
  }
  JsonBody& number(std::string_view name, std::uint64_t value) {
    return raw(name, std::to_string(value));
  }
  JsonBody& flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  JsonBody& time(std::string_view name, StoreTime at) { return text(name, timestamp_of(at)); }
  // Seconds, to the millisecond.
  JsonBody& span(std::string_view name, Duration d) {
    const std::int64_t ms = std::max<std::int64_t>(0, d.us / 1'000);
    const std::string fraction = std::to_string(1'000 + ms % 1'000).substr(1);
    return raw(name, std::to_string(ms / 1'000) + "." + fraction);
  }
  // A value that is JSON already.
  JsonBody& raw(std::string_view name, std::string_view value) {
    text_ += text_.size() > 1 ? "," : "";
    text_ += port::json_quoted(name) + ":";
    text_ += value;
    return *this;
  }
  [[nodiscard]] std::string object() const { return text_ + "}"; }
  [[nodiscard]] std::string done() const { return text_ + "}\n"; }

 private:
  std::string text_ = "{";
};

}  // namespace sluice::ingest
