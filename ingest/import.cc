#include "ingest/import.h"

#include <algorithm>
#include <istream>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ingest/json.h"
#include "ingest/order.h"
#include "lib/digest/running_digest.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // some editors begin files with it
constexpr std::size_t kBatch = 500;                          // lines of one commit
constexpr std::size_t kBatchBytes = 1024 * 1024;  // of them; a running ingest waits for it
constexpr std::size_t kRawMax = 64 * 1024;        // of a malformed line, kept
constexpr std::size_t kLineMax = 512 * 1024;      // more is not even read into memory
constexpr std::size_t kPiece = 64 * 1024;         // of the file, hashed at a time

enum class Got : std::uint8_t { kLine, kTooLong, kEnd };

// The file's lines, and what was read of it so far.
class Lines {
 public:
  explicit Lines(std::istream& input) : input_(input) {}

  // Up to kLineMax bytes of the next line; the rest of a longer one is skipped.
  Got read(std::string& line) {
    line.clear();
    line_from_ = bytes_;
    line_at_ = piece_.size();
    before_line_.reset();
    bool too_long = false;
    for (int c = input_.get(); c != std::char_traits<char>::eof(); c = input_.get()) {
      count(static_cast<char>(c));
      if (c == '\n') return too_long ? Got::kTooLong : Got::kLine;
      if (line.size() < kLineMax) {
        line.push_back(static_cast<char>(c));
      } else {
        too_long = true;
      }
    }
    cut_ = bytes_ > line_from_;
    if (too_long) return Got::kTooLong;
    return line.empty() ? Got::kEnd : Got::kLine;
  }

  // What was imported before; false when the file is shorter.
  bool skip(std::uint64_t bytes) {
    std::string piece;
    while (bytes_ < bytes) {
      piece.resize(std::min<std::uint64_t>(bytes - bytes_, kPiece));
      if (!input_.read(piece.data(), static_cast<std::streamsize>(piece.size()))) return false;
      digest_.add(piece);
      bytes_ += piece.size();
    }
    return true;
  }

  // The file ended, or could not be read, before the last line did.
  [[nodiscard]] bool cut() const { return cut_; }
  // As if the last line had not been read. Nothing more is read after it.
  void step_back() {
    piece_.resize(line_at_);
    bytes_ = line_from_;
    stepped_back_ = true;
  }

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  std::string digest() {
    if (stepped_back_ && before_line_) return to_bytes(*before_line_);
    digest_.add(piece_);
    piece_.clear();
    return to_bytes(digest_.so_far());
  }

 private:
  void count(char c) {
    ++bytes_;
    piece_.push_back(c);
    if (piece_.size() < kPiece) return;
    const std::string_view piece = piece_;
    digest_.add(piece.substr(0, line_at_));
    if (!before_line_) before_line_ = digest_.so_far();
    digest_.add(piece.substr(line_at_));
    piece_.clear();
    line_at_ = 0;
  }

  std::istream& input_;
  std::uint64_t bytes_ = 0;
  std::string piece_;  // not yet in the digest
  RunningDigest digest_;
  std::uint64_t line_from_ = 0;        // where the last line began: in the file, in the piece,
  std::size_t line_at_ = 0;            // if its beginning is there still,
  std::optional<Sha256> before_line_;  // and else the digest of what is before it
  bool cut_ = false;
  bool stepped_back_ = false;
};

class Import {
 public:
  Import(const ImportFrom& from, SqliteParking& parking)
      : from_(from), parking_(parking), file_(from.input) {}

  Result<ImportCounts> run() {
    if (auto found = find_place(); !found) return found.error();
    std::string line;
    for (Got got = file_.read(line); got != Got::kEnd; got = file_.read(line)) {
      ++counts_.lines;
      if (counts_.lines == 1 && line.starts_with(kByteOrderMark)) line.erase(0, 3);
      if (line.ends_with('\r')) line.pop_back();
      if (line.find_first_not_of(" \t") == std::string::npos) continue;
      const bool half = file_.cut() && (got == Got::kTooLong || json_trouble(line));
      if (half && !from_.file.empty()) {
        leave();
        break;
      }
      take(line, got == Got::kTooLong);
      if (puts_.size() + dead_.size() < kBatch && taken_bytes_ < kBatchBytes) continue;
      if (auto written = write(); !written) return written.error();
    }
    // A directory, a disk that fails: what was not read is not the file's end.
    const bool ended = !from_.input.bad();
    if (auto written = write(ended && !left_); !written) return written.error();
    if (!ended) {
      return Error{Trouble::kUnavailable,
                   from_.name + ": cannot be read after line " + std::to_string(counts_.lines)};
    }
    return counts_;
  }

 private:
  // The end of a file that is still written to: whoever resumes takes the line when it is whole.
  void leave() {
    from_.say("line " + std::to_string(counts_.lines) +
              ": the file ends within it, it is not taken; --resume goes on with it");
    --counts_.lines;
    file_.step_back();
    left_ = true;
  }

  // Where to begin: at the start, or after what was imported before.
  Status find_place() {
    if (from_.file.empty()) return Done{};
    auto known = parking_.import_position(from_.file);
    if (!known) return known.error();
    if (!*known) return Done{};
    const ImportPosition& before = **known;
    const std::string place = "line " + std::to_string(before.lines);
    if (!from_.resume) {
      if (!before.ended) {
        from_.say("an import of " + from_.name + " was interrupted after " + place +
                  "; this one begins anew, --resume would go on from there");
      }
      return Done{};
    }
    if (!file_.skip(before.bytes) || file_.digest() != before.digest) {
      return Error{Trouble::kUsage, from_.name + " is not the file whose first " +
                                        std::to_string(before.lines) +
                                        " lines were imported under this name: import it without "
                                        "--resume, or under another name"};
    }
    counts_.lines = counts_.before = written_ = before.lines;
    last_seen_ = before.last_seen;
    from_.say(from_.name + " goes on after " + place);
    return Done{};
  }

  void take(const std::string& line, bool too_long) {
    const StoreTime at = from_.wall();
    taken_bytes_ += line.size();
    if (too_long) return malformed(line, {400, "", "the line is too long"});
    ReadDocument read = read_document(
        line, {from_.pointers, from_.config.upstreams, at,
               [this] { return uuid_v4(from_.random(16)); }, from_.config.replies.hosts});
    if (const auto* refusal = std::get_if<Refusal>(&read)) return malformed(line, *refusal);
    auto& message = std::get<wire::Offer>(read);
    last_seen_ = std::max(last_seen_ + microseconds(1), at);
    complete_row(message, from_.config, last_seen_);
    lines_.push_back(counts_.lines);
    puts_.push_back(Put{std::move(message), true, at});
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
    dead.identity = wire::conflict_identity_of(row.identity, row.content_hash);
    dead.source = "file";
    dead.id = row.id;
    dead.key = row.key;
    dead.upstream = row.upstream;
    dead.reason = wire::kIdConflict;
    dead.at = from_.wall();
    dead.raw = row.request.body;
    dead_.push_back(std::move(dead));
  }

  Status write(bool ended = false) {
    const std::uint64_t before = written_;
    const ImportPosition here{from_.file,     file_.bytes(), counts_.lines,
                              file_.digest(), last_seen_,    ended};
    const ImportBatch batch{puts_, [this](auto answers) { return judge_all(answers); },
                            from_.file.empty() ? nullptr : &here};
    auto written = parking_.import(batch);
    puts_.clear();
    lines_.clear();
    dead_.clear();
    taken_bytes_ = 0;
    if (!written) {
      return Error{written.error().code, "nothing after line " + std::to_string(before) +
                                             " was imported: " + written.error().what};
    }
    written_ = counts_.lines;
    from_.progress(counts_);
    return Done{};
  }

  std::vector<DeadRow> judge_all(std::span<const PutAnswer> answers) {
    for (std::size_t n = 0; n < answers.size(); ++n) judge(answers[n], puts_[n].row, lines_[n]);
    return std::move(dead_);
  }

  void judge(const PutAnswer& answer, const wire::Offer& row, std::uint64_t line) {
    if (answer.end == PutEnd::kCreated) ++counts_.accepted;
    if (answer.end == PutEnd::kSame) ++counts_.repeated;
    if (answer.end == PutEnd::kOther) conflict(row, line);
  }

  const ImportFrom& from_;
  SqliteParking& parking_;
  Lines file_;
  ImportCounts counts_;
  std::uint64_t written_ = 0;  // lines, by the last commit
  StoreTime last_seen_;
  std::vector<Put> puts_;
  std::vector<std::uint64_t> lines_;  // of each put
  std::vector<DeadRow> dead_;
  std::size_t taken_bytes_ = 0;  // since the last commit
  bool left_ = false;            // the last line
};

}  // namespace

Result<ImportCounts> import_lines(const ImportFrom& from, SqliteParking& parking) {
  return Import(from, parking).run();
}

}  // namespace sluice::ingest
