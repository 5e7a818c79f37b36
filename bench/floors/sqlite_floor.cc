// What an insert costs in a bare SQLite table, WAL and synchronous = FULL: parking's floor.
#include <benchmark/benchmark.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace sluice::bench {
namespace {

// A database of its own, where SLUICE_BENCH_DIR says (the disk that is to be measured).
class Table {
 public:
  Table() {
    const char* named = std::getenv("SLUICE_BENCH_DIR");
    std::string path = std::string(named != nullptr ? named : "/tmp") + "/floor-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) std::abort();
    folder_ = path;
    must(sqlite3_open((path + "/floor.db").c_str(), &database_));
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    run("CREATE TABLE rows (id INTEGER PRIMARY KEY, key TEXT NOT NULL, body BLOB NOT NULL)");
    must(sqlite3_prepare_v2(database_, "INSERT INTO rows (key, body) VALUES (?, ?)", -1, &insert_,
                            nullptr));
  }
  ~Table() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  void insert(std::int64_t count) {
    run("BEGIN IMMEDIATE");
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string key = "user-" + std::to_string(next_++ % 100'000);
      sqlite3_bind_text(insert_, 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
      sqlite3_bind_blob(insert_, 2, body_.data(), static_cast<int>(body_.size()), SQLITE_STATIC);
      if (sqlite3_step(insert_) != SQLITE_DONE) std::abort();
      sqlite3_reset(insert_);
    }
    run("COMMIT");
  }

 private:
  static void must(int code) {
    if (code != SQLITE_OK) std::abort();
  }
  void run(const char* sql) { must(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr)); }

  std::string folder_;
  std::string body_ = std::string(512, 'x');
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::uint64_t next_ = 0;
};

void sqlite_insert(benchmark::State& state) {
  Table table;
  for (auto _ : state) table.insert(state.range(0));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(sqlite_insert)->Arg(32)->Arg(256)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::bench
