#include "ingest/dead_text.h"

#include <array>
#include <cstdio>

#include "lib/base/calendar.h"
#include "lib/digest/digest.h"
#include "lib/port/json_text.h"

namespace sluice::ingest {

namespace {

using port::json_quoted;

// Control characters would let a dead letter write to the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
  }
  return out.empty() ? "-" : out;
}

std::string columns(const std::array<std::string, 6>& cells) {
  std::array<char, 1024> text{};
  std::snprintf(text.data(), text.size(), "%-20s  %-8s  %-14s  %8s  %6s  ", cells[0].c_str(),
                cells[1].c_str(), cells[2].c_str(), cells[3].c_str(), cells[4].c_str());
  return text.data() + cells[5] + "\n";
}

}  // namespace

std::string dead_heading() {
  return columns({"died", "identity", "reason", "attempts", "status", "id (key)"});
}

std::string dead_line(const DeadRow& dead) {
  return columns({timestamp_of(dead.at).substr(0, 19) + "Z", to_hex(dead.identity).substr(0, 8),
                  printable(dead.reason), std::to_string(dead.attempts),
                  std::to_string(dead.status),
                  printable(dead.id) + " (" + printable(dead.key) + ")"});
}

std::string dead_json(const DeadRow& dead) {
  std::string text =
      "{\"id\":" + json_quoted(dead.id) + ",\"identity\":" + json_quoted(to_hex(dead.identity)) +
      ",\"generation\":" + std::to_string(dead.generation) +
      ",\"source\":" + json_quoted(dead.source) + ",\"key\":" + json_quoted(dead.key) +
      ",\"upstream\":" + json_quoted(dead.upstream) + ",\"reason\":" + json_quoted(dead.reason) +
      ",\"attempts\":" + std::to_string(dead.attempts) +
      ",\"last_status\":" + std::to_string(dead.status) +
      ",\"died_at\":" + json_quoted(timestamp_of(dead.at));
  if (dead.message) {
    const wire::Request& request = dead.message->request;
    text += ",\"first_seen\":" + json_quoted(timestamp_of(dead.message->first_seen)) +
            ",\"method\":" + json_quoted(request.method) +
            ",\"path\":" + json_quoted(request.path) + ",\"headers\":{";
    for (const wire::Header& header : request.headers) {
      if (&header != &request.headers.front()) text += ",";
      text += json_quoted(header.name) + ":" + json_quoted(header.value);
    }
    text += "},\"body\":" + json_quoted(request.body);
  } else {
    if (!dead.detail.empty()) text += ",\"detail\":" + json_quoted(dead.detail);
    text += ",\"raw\":" + json_quoted(dead.raw);
  }
  return text + "}\n";
}

}  // namespace sluice::ingest
