#include "lib/port/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>

#include "lib/port/json_text.h"

namespace sluice::port {

namespace {

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view text_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "info";
}

// One word stays bare; anything else is quoted, so that a line can be split again and nothing in
// it speaks to a terminal.
std::string human_value(const std::string& value) {
  const bool bare = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
  return bare ? value : json_quoted(value);
}

std::string human_line(std::string_view event, Fields fields) {
  std::string line(event);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += human_value(field.value);
  }
  return line;
}

}  // namespace

struct Log::Sink {
  std::shared_ptr<spdlog::logger> logger;
};

Log::Log(Config config) : config_(std::move(config)), sink_(std::make_unique<Sink>()) {
  sink_->logger = std::make_shared<spdlog::logger>(
      config_.name, std::make_shared<spdlog::sinks::stderr_sink_st>());
  sink_->logger->set_level(level_of(config_.level));
  // JSON lines bring their own frame, but for the time.
  const char* pattern =
      config_.json ? "{\"at\":\"%Y-%m-%dT%H:%M:%S.%eZ\",%v}" : "%Y-%m-%dT%H:%M:%S.%eZ %L %n: %v";
  sink_->logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
}

Log::~Log() { flush(); }

void Log::set_level(Level level) {
  config_.level = level;
  sink_->logger->set_level(level_of(level));
}

void Log::flush() { sink_->logger->flush(); }

void Log::write(Level level, std::string_view event, Fields fields) {
  if (!on(level)) return;
  std::string line;
  if (config_.json) {
    line = "\"level\":\"" + std::string(text_of(level)) +
           "\",\"stage\":" + json_quoted(config_.name) + ",\"event\":" + json_quoted(event);
    for (const Field& field : fields) {
      line += "," + json_quoted(field.key) + ":";
      line += field.number ? field.value : json_quoted(field.value);
    }
  } else {
    line = human_line(event, fields);
  }
  sink_->logger->log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
  if (level >= Level::kInfo) flush();
}

}  // namespace sluice::port
