// sluice-ingest keys add|list|revoke: API keys of the front door, next to a running ingest or
// without one.
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ingest/settings.h"
#include "ingest/sqlite_api_keys.h"
#include "ingest/verbs.h"
#include "lib/base/calendar.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"
#include "lib/stage/boot.h"
#include "lib/stage/verb_line.h"

namespace sluice::ingest {

namespace {

using stage::VerbLine;

constexpr int kUsage = 64;
constexpr std::string_view kProgram = "sluice-ingest";
constexpr const char* kKeysUsage =
    "usage: sluice-ingest keys add NAME [--may read|control|limits] [--upstream NAME]... [--key "
    "GLOB]...\n"
    "       sluice-ingest keys list\n"
    "       sluice-ingest keys revoke NAME\n"
    "Each with [--settings FILE] [--name value] behind it. add prints the token, once: only its\n"
    "hash is kept. --may read (the default) looks; control also sends, cancels, pauses, resumes\n"
    "and consumes; limits also edits limits. Without --upstream all upstreams, without --key all\n"
    "keys: a GLOB of whole keys (\"onlyfans:user-*\"). A running ingest heeds a change within a "
    "second.\n";

// What add makes of its options; nothing: they are wrong.
struct Granted {
  Right may = Right::kRead;
  Scope scope;
};
std::optional<Granted> granted_by(const VerbLine& line) {
  const std::string may = line.value("--may");
  const auto right = may.empty() ? Right::kRead : right_of(may);
  const auto bad = [](const std::string& value) {
    return value.empty() || value.size() > 256 || value.find('\n') != std::string::npos;
  };
  const auto any_bad = [&](const std::vector<std::string>& values) {
    return std::any_of(values.begin(), values.end(), bad);
  };
  const Scope scope{line.all("--upstream"), line.all("--key")};
  if (!right || any_bad(scope.upstreams) || any_bad(scope.keys)) return {};
  return Granted{*right, scope};
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text.empty() ? "all" : text;
}

int add(SqliteApiKeys& keys, const ApiKey& wanted, const Settings& settings) {
  auto config = read_config(settings);
  if (!config) return stage::fail(kProgram, config.error());
  for (const std::string& name : wanted.scope.upstreams) {
    bool known = false;
    for (const Upstream& one : config->upstreams) known = known || one.name == name;
    if (!known) {
      return stage::fail(kProgram,
                         {Trouble::kUsage, "--upstream: no upstream is named \"" + name + "\""});
    }
  }
  const std::string token = token_of(port::random_bytes(32));
  ApiKey key = wanted;
  key.hash = token_hash(token);
  if (auto added = keys.add(key); !added) return stage::fail(kProgram, added.error());
  std::cout << token << std::endl;
  std::cerr << kProgram << ": this token is shown once; send it as Authorization: Bearer <token>"
            << std::endl;
  return 0;
}

int list(SqliteApiKeys& keys) {
  auto all = keys.all();
  if (!all) return stage::fail(kProgram, all.error());
  for (const ApiKey& key : *all) {
    std::cout << key.name << "  may " << word_of(key.right)
              << "  upstreams: " << listed(key.scope.upstreams)
              << "  keys: " << listed(key.scope.keys) << "  made " << timestamp_of(key.made_at);
    if (key.revoked_at.us > 0) std::cout << "  revoked " << timestamp_of(key.revoked_at);
    std::cout << "\n";
  }
  return 0;
}

}  // namespace

int run_keys(int argc, char** argv) {
  if (stage::wants_help(argc, argv)) {
    std::cout << kKeysUsage;
    return 0;
  }
  const auto line = stage::read_verb_line(argc, argv, {.valued = {"--may", "--upstream", "--key"}});
  const auto granted = line ? granted_by(*line) : std::nullopt;
  const auto words = line ? line->words : std::vector<std::string>{};
  const std::string verb = words.empty() ? "" : words.front();
  const bool named = words.size() == 2 && is_key_name(words[1]);
  const bool right =
      (verb == "list" && words.size() == 1) || ((verb == "add" || verb == "revoke") && named);
  if (!right || !granted) {
    std::cerr << kKeysUsage;
    return kUsage;
  }
  auto booted = stage::boot(stage_info(), static_cast<int>(line->rest.size()), line->rest.data(),
                            check_settings);
  if (const int* code = std::get_if<int>(&booted)) return *code;
  const Settings& settings = std::get<Settings>(booted);
  auto keys = SqliteApiKeys::open(api_keys_file(stage::stage_directory(stage_info(), settings)));
  if (!keys) return stage::fail(kProgram, keys.error());
  if (verb == "list") return list(**keys);
  if (verb == "add") {
    return add(**keys, {words[1], "", granted->may, granted->scope, port::wall_now(), {}},
               settings);
  }
  if (auto done = (*keys)->revoke(words[1], port::wall_now()); !done) {
    return stage::fail(kProgram, done.error());
  }
  std::cout << "revoked " << words[1] << "\n";
  return 0;
}

}  // namespace sluice::ingest
