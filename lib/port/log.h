// Log lines for people and machines: an event in a few words, then fields. Standard error; human or
// JSON, one line each. Secrets never get here: whoever has one knows it and does not pass it.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/instant.h"

namespace sluice::port {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };

struct Field {
  std::string_view key;
  std::string value;
  bool number = false;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, Duration v) : key(k), value(std::to_string(v.us / 1000) + "ms") {}
  template <std::integral N>
  Field(std::string_view k, N v) : key(k), value(std::to_string(v)), number(true) {}
};
using Fields = std::initializer_list<Field>;

class Log {
 public:
  struct Config {
    std::string name;  // "limiter"
    Level level = Level::kInfo;
    bool json = false;
  };
  explicit Log(Config config);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void debug(std::string_view event, Fields fields = {}) { write(Level::kDebug, event, fields); }
  void info(std::string_view event, Fields fields = {}) { write(Level::kInfo, event, fields); }
  void warning(std::string_view event, Fields fields = {}) {
    write(Level::kWarning, event, fields);
  }
  void error(std::string_view event, Fields fields = {}) { write(Level::kError, event, fields); }
  void write(Level level, std::string_view event, Fields fields);
  [[nodiscard]] bool on(Level level) const { return level >= config_.level; }
  void set_level(Level level);
  void flush();

 private:
  struct Sink;
  Config config_;
  std::unique_ptr<Sink> sink_;
};

}  // namespace sluice::port
