#include "limiter/shell_verbs.h"

#include <cctype>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/port/http_client.h"
#include "lib/port/poller.h"
#include "lib/stage/boot.h"
#include "lib/stage/verb_line.h"
#include "limiter/shell.h"
#include "limiter/shell_restore.h"
#include "limiter/shell_simulate.h"

namespace sluice::limiter {

namespace {

constexpr int kNotKnown = 1;
constexpr int kUsage = 64;
constexpr int kAway = 75;
constexpr std::size_t kBodyMax = 1024 * 1024;
constexpr Duration kPatience = seconds(5);
constexpr const char* kExplainUsage =
    "usage: sluice-limiter explain KEY|ID [--json] [--settings FILE] [--name value]\n"
    "Why a message, or the next of a key, waits, who goes before it, and when it goes: asks the\n"
    "limiter that runs with these settings, at its health_listen.\n";

std::string escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return out;
}

port::HttpAnswer get(const std::string& url) {
  port::Poller poller;
  port::HttpClient client(poller);
  port::HttpCall call;
  call.method = "GET";
  call.url = url;
  call.timeout = kPatience;
  call.body_max = kBodyMax;
  std::optional<port::HttpAnswer> heard;
  client.send(std::move(call), [&](const port::HttpAnswer& answer) { heard = answer; });
  while (!heard) poller.poll(poller.now() + seconds(1));
  return *heard;
}

int explain(int argc, char** argv) {
  if (stage::wants_help(argc, argv)) {
    std::cout << kExplainUsage;
    return 0;
  }
  const auto line = stage::read_verb_line(argc, argv, {.flags = {"--json"}});
  if (!line || line->words.size() != 1) {
    std::cerr << kExplainUsage;
    return kUsage;
  }
  auto booted = stage::boot(Shell::info(), static_cast<int>(line->rest.size()), line->rest.data());
  if (const int* code = std::get_if<int>(&booted)) return *code;
  const std::string at = std::get<Settings>(booted).stage.text("health_listen");
  const std::string& name = line->words.front();
  for (const char* by : {"key", "id"}) {
    const auto answer = get("http://" + at + "/v1/explain?" + by + "=" + escaped(name) +
                            (line->has("--json") ? "" : "&as=text"));
    if (answer.status == 200) {
      std::cout << answer.body;
      return 0;
    }
    if (answer.status == 404) continue;
    std::cerr << "sluice-limiter: no limiter answers at " << at << ": "
              << (answer.status == 0 ? answer.error : "status " + std::to_string(answer.status))
              << "\nIs it running, and are these its settings (health_listen)?\n";
    return kAway;
  }
  std::cerr
      << "sluice-limiter: nothing is known of \"" << name
      << "\": no key of this name has messages here, and no message of this id is in a line "
         "or under way.\nIf it is a message's id, GET /v1/messages/"
      << escaped(name)
      << " at the front door says whether it has ended, or waits beyond its line.\nThis limiter "
         "is at "
      << at << ". Of several each knows its own keys: --health-listen HOST:PORT asks another.\n";
  return kNotKnown;
}

}  // namespace

bool is_verb(std::string_view word) {
  return word == "explain" || word == "simulate" || word == "restore";
}

int run_verb(int argc, char** argv) {
  const std::string_view verb = argv[1];
  if (verb == "restore") return restore(argc, argv);
  return verb == "explain" ? explain(argc, argv) : simulate(argc, argv);
}

}  // namespace sluice::limiter
