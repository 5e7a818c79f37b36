#include "ingest/sqlite_api_keys.h"

#include <utility>

namespace sluice::ingest {

using port::Statement;
using Step = Statement::Step;

namespace {

constexpr const char* kTable = R"sql(
CREATE TABLE IF NOT EXISTS api_keys (
  number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, hash BLOB NOT NULL UNIQUE,
  may INTEGER NOT NULL, upstreams TEXT NOT NULL, keys TEXT NOT NULL, made_at INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL);
)sql";

// Names and globs have no line ends: one a line.
std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + "\n";
  return text;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

}  // namespace

std::string api_keys_file(const std::string& directory) { return directory + "/keys.db"; }

Result<std::unique_ptr<SqliteApiKeys>> SqliteApiKeys::open(const std::string& path) {
  auto database = port::Sqlite::open(path);
  if (!database) return Error{database.error().code, path + ": " + database.error().what};
  if (auto made = database->execute(kTable); !made) {
    return Error{made.error().code, path + ": " + made.error().what};
  }
  return std::unique_ptr<SqliteApiKeys>(new SqliteApiKeys(std::move(*database)));
}

Result<std::vector<ApiKey>> SqliteApiKeys::all() {
  const auto version_before = version();  // what is committed meanwhile is a change to come
  if (!version_before) return version_before.error();
  auto question = database_.prepare(
      "SELECT name, hash, may, upstreams, keys, made_at, revoked_at FROM api_keys ORDER BY number");
  if (!question) return question.error();
  std::vector<ApiKey> found;
  for (;;) {
    auto stepped = question->step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kDone) break;
    ApiKey key;
    key.name = question->bytes(0);
    key.hash = question->bytes(1);
    key.right = Right::kRead;  // also when a later build wrote a right that we do not know
    for (const Right right : kRights) {
      if (question->integer(2) == static_cast<std::int64_t>(right)) key.right = right;
    }
    key.scope = {split(question->bytes(3)), split(question->bytes(4))};
    key.made_at = {question->integer(5)};
    key.revoked_at = {question->integer(6)};
    found.push_back(std::move(key));
  }
  version_read_ = *version_before;
  return found;
}

Status SqliteApiKeys::add(const ApiKey& key) {
  auto write = database_.prepare(
      "INSERT INTO api_keys (name, hash, may, upstreams, keys, made_at, revoked_at) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0) ON CONFLICT (name) DO NOTHING");
  if (!write) return write.error();
  const std::string upstreams = joined(key.scope.upstreams);
  const std::string keys = joined(key.scope.keys);
  write->bind_text(1, key.name).bind_blob(2, key.hash);
  write->bind(3, static_cast<std::int64_t>(key.right));
  write->bind_text(4, upstreams).bind_text(5, keys).bind(6, key.made_at.us);
  if (auto done = write->run(); !done) return done;
  if (database_.changes() > 0) return Done{};
  return Error{Trouble::kUsage, "there is, or was, an API key named \"" + key.name + "\""};
}

Status SqliteApiKeys::revoke(const std::string& name, StoreTime at) {
  auto write =
      database_.prepare("UPDATE api_keys SET revoked_at = ?1 WHERE name = ?2 AND revoked_at = 0");
  if (!write) return write.error();
  if (auto done = write->bind(1, at.us).bind_text(2, name).run(); !done) return done;
  if (database_.changes() > 0) return Done{};
  return Error{Trouble::kUsage, "no API key named \"" + name + "\" holds"};
}

Result<std::int64_t> SqliteApiKeys::version() {
  auto question = database_.prepare("PRAGMA data_version");
  if (!question) return question.error();
  auto stepped = question->step();
  if (!stepped) return stepped.error();
  return question->integer(0);
}

bool SqliteApiKeys::changed() {
  const auto now = version();
  return !now || *now != version_read_;
}

}  // namespace sluice::ingest
