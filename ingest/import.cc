#include "ingest/import.h"

#include <algorithm>
#include <istream>
#include <utility>

#include "ingest/order.h"
#include "lib/digest/digest.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // some editors begin files with it
constexpr std::size_t kBatch = 500;                          // lines of one commit
constexpr std::size_t kRawMax = 64 * 1024;                   // of a malformed line, kept
constexpr std::size_t kLineMax = 512 * 1024;                 // more is not even read into memory

enum class Got : std::uint8_t { kLine, kTooLong, kEnd };

// Up to kLineMax bytes of the next line; the rest of a longer one is skipped.
Got read_line(std::istream& input, std::string& line) {
  line.clear();
  bool too_long = false;
  for (int c = input.get(); c != std::char_traits<char>::eof(); c = input.get()) {
    if (c == '\n') return too_long ? Got::kTooLong : Got::kLine;
    if (line.size() < kLineMax) {
      line.push_back(static_cast<char>(c));
    } else {
      too_long = true;
    }
  }
  if (too_long) return Got::kTooLong;
  return line.empty() ? Got::kEnd : Got::kLine;
}

class Import {
 public:
  Import(const ImportFrom& from, SqliteParking& parking) : from_(from), parking_(parking) {}

  Result<ImportCounts> run() {
    std::string line;
    for (Got got = read_line(from_.input, line); got != Got::kEnd;
         got = read_line(from_.input, line)) {
      ++counts_.lines;
      if (counts_.lines == 1 && line.starts_with(kByteOrderMark)) line.erase(0, 3);
      if (line.ends_with('\r')) line.pop_back();
      if (line.find_first_not_of(" \t") == std::string::npos) continue;
      take(line, got == Got::kTooLong);
      if (puts_.size() + dead_.size() < kBatch) continue;
      if (auto written = write(); !written) return written.error();
    }
    if (auto written = write(); !written) return written.error();
    // A directory, a disk that fails: what was not read is not the file's end.
    if (from_.input.bad()) {
      return Error{Trouble::kUnavailable,
                   from_.name + ": cannot be read after line " + std::to_string(counts_.lines)};
    }
    return counts_;
  }

 private:
  void take(const std::string& line, bool too_long) {
    const StoreTime at = from_.wall();
    if (too_long) return malformed(line, {400, "", "the line is too long"});
    ReadDocument read = read_document(line, {from_.pointers, from_.config.upstreams, at,
                                             [this] { return uuid_v4(from_.random(16)); }});
    if (const auto* refusal = std::get_if<Refusal>(&read)) return malformed(line, *refusal);
    auto& message = std::get<wire::Offer>(read);
    last_seen_ = std::max(last_seen_ + microseconds(1), at);
    complete_row(message, from_.config, last_seen_);
    lines_.push_back(counts_.lines);
    puts_.push_back({puts_.size(), Put{std::move(message), true, at}});
  }

  void malformed(const std::string& line, const Refusal& refusal) {
    ++counts_.malformed;
    const std::string where = refusal.field.empty() ? "" : refusal.field + ": ";
    from_.say("line " + std::to_string(counts_.lines) + ": " + where + refusal.why);
    DeadRow dead;
    dead.id = from_.name + ":" + std::to_string(counts_.lines);
    dead.identity = to_bytes(sha256(dead.id + "\n" + line)).substr(0, 16);
    dead.source = "file";
    dead.reason = "malformed";
    dead.at = from_.wall();
    dead.raw = line.substr(0, kRawMax);
    dead_.push_back(std::move(dead));
  }

  // The newcomer is dead, under a name of its own; the first one is untouched.
  void conflict(const wire::Offer& row, std::uint64_t line) {
    ++counts_.conflicts;
    from_.say("line " + std::to_string(line) + ": the id \"" + row.id +
              "\" was accepted with another key or other bytes");
    DeadRow dead;
    dead.identity = to_bytes(sha256(row.identity + row.content_hash)).substr(0, 16);
    dead.source = "file";
    dead.id = row.id;
    dead.key = row.key;
    dead.upstream = row.upstream;
    dead.reason = "id_conflict";
    dead.at = from_.wall();
    dead.raw = row.request.body;
    dead_.push_back(std::move(dead));
  }

  Status write() {
    if (!puts_.empty()) {
      const std::vector<ParkingReply> replies = parking_.apply(puts_);
      for (std::size_t n = 0; n < replies.size(); ++n) {
        if (const auto* failed = std::get_if<ParkingFailed>(&replies[n].answer)) {
          return Error{failed->full ? Trouble::kFull : Trouble::kUnavailable,
                       "nothing after line " + std::to_string(lines_.front() - 1) +
                           " was imported: " + failed->what};
        }
        judge(std::get<PutAnswer>(replies[n].answer), std::get<Put>(puts_[n].call).row, lines_[n]);
      }
    }
    puts_.clear();
    lines_.clear();
    auto buried = parking_.bury(dead_);
    dead_.clear();
    if (buried) from_.progress(counts_);
    return buried;
  }

  void judge(const PutAnswer& answer, const wire::Offer& row, std::uint64_t line) {
    if (answer.end == PutEnd::kCreated) ++counts_.accepted;
    if (answer.end == PutEnd::kSame) ++counts_.repeated;
    if (answer.end == PutEnd::kOther) conflict(row, line);
  }

  const ImportFrom& from_;
  SqliteParking& parking_;
  ImportCounts counts_;
  StoreTime last_seen_;
  std::vector<ParkingCall> puts_;
  std::vector<std::uint64_t> lines_;  // of each put
  std::vector<DeadRow> dead_;
};

}  // namespace

Result<ImportCounts> import_lines(const ImportFrom& from, SqliteParking& parking) {
  return Import(from, parking).run();
}

}  // namespace sluice::ingest
