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
#include "lib/stage/command_line.h"

namespace sluice::ingest {

namespace {

constexpr int kUsage = 64;
constexpr std::string_view kProgram = "sluice-ingest";
constexpr const char* kKeysUsage =
    "usage: sluice-ingest keys add NAME [--may read|control] [--upstream NAME]... [--key GLOB]...\n"
    "       sluice-ingest keys list\n"
    "       sluice-ingest keys revoke NAME\n"
    "Each with [--settings FILE] [--name value] behind it. add prints the token, once: only its\n"
    "hash is kept. --may read (the default) looks; control also sends, cancels, pauses, resumes\n"
    "and consumes. Without --upstream all upstreams, without --key all keys: a GLOB of whole keys\n"
    "(\"onlyfans:user-*\"). A running ingest heeds a change within a second.\n";

struct Words {
  std::vector<std::string> own;
  Right may = Right::kRead;
  Scope scope;
  std::vector<const char*> rest;
  bool wrong = false;
};

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
         std::string_view::npos;
}

void take_flag(Words& words, std::string_view flag, const std::string& value) {
  if (flag == "--may") {
    words.wrong = words.wrong || (value != "read" && value != "control");
    words.may = value == "control" ? Right::kControl : Right::kRead;
    return;
  }
  words.wrong =
      words.wrong || value.empty() || value.size() > 256 || value.find('\n') != std::string::npos;
  (flag == "--upstream" ? words.scope.upstreams : words.scope.keys).push_back(value);
}

// Its own flags, and their values, are taken out; what is left is for the settings.
Words words_of(int argc, char** argv) {
  Words words;
  words.rest.push_back(argv[0]);
  bool flags = false;
  for (int at = 2; at < argc; ++at) {
    const std::string word = argv[at];
    const std::size_t equals = word.find('=');
    const std::string flag = word.substr(0, equals);
    if (flag == "--may" || flag == "--upstream" || flag == "--key") {
      const bool inside = equals != std::string::npos;
      if (!inside && at + 1 >= argc) words.wrong = true;
      if (inside || at + 1 < argc) {
        take_flag(words, flag, inside ? word.substr(equals + 1) : std::string(argv[++at]));
      }
      continue;
    }
    flags = flags || word.starts_with("-");
    if (flags) {
      words.rest.push_back(argv[at]);
    } else {
      words.own.push_back(word);
    }
  }
  return words;
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text.empty() ? "all" : text;
}

int add(SqliteApiKeys& keys, const Words& words, const Settings& settings) {
  auto config = read_config(settings);
  if (!config) return stage::fail(kProgram, config.error());
  for (const std::string& name : words.scope.upstreams) {
    bool known = false;
    for (const Upstream& one : config->upstreams) known = known || one.name == name;
    if (!known) {
      return stage::fail(kProgram,
                         {Trouble::kUsage, "--upstream: no upstream is named \"" + name + "\""});
    }
  }
  const std::string token = token_of(port::random_bytes(32));
  const ApiKey key{words.own[1], token_hash(token), words.may, words.scope, port::wall_now(), {}};
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
  const Words words = words_of(argc, argv);
  const std::string verb = words.own.empty() ? "" : words.own.front();
  const bool named = words.own.size() == 2 && is_name(words.own[1]);
  const bool right =
      (verb == "list" && words.own.size() == 1) || ((verb == "add" || verb == "revoke") && named);
  if (!right || words.wrong) {
    std::cerr << kKeysUsage;
    return kUsage;
  }
  auto booted = stage::boot(stage_info(), static_cast<int>(words.rest.size()), words.rest.data(),
                            check_settings);
  if (const int* code = std::get_if<int>(&booted)) return *code;
  const Settings& settings = std::get<Settings>(booted);
  auto keys = SqliteApiKeys::open(api_keys_file(stage::stage_directory(stage_info(), settings)));
  if (!keys) return stage::fail(kProgram, keys.error());
  if (verb == "list") return list(**keys);
  if (verb == "add") return add(**keys, words, settings);
  if (auto done = (*keys)->revoke(words.own[1], port::wall_now()); !done) {
    return stage::fail(kProgram, done.error());
  }
  std::cout << "revoked " << words.own[1] << "\n";
  return 0;
}

}  // namespace sluice::ingest
