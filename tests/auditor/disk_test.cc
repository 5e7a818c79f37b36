// Trail and ledger on a real disk: torn tails, segments, and the core on both, killed at each call.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "auditor/disk_trail.h"
#include "auditor/sqlite_ledger.h"
#include "auditor/verify.h"
#include "lib/port/clock.h"
#include "tests/auditor/temp_dir.h"
#include "tests/auditor/world.h"

namespace sluice::auditor {
namespace {

std::string read_all(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write_all(const std::string& path, std::string_view bytes) {
  chmod(path.c_str(), 0640);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// All segments of a directory: the lines, or what is wrong with the first bad one.
struct Checked {
  std::vector<Line> lines;
  std::string wrong;
  std::uint64_t segments = 0;
};
Checked check(const std::string& directory) {
  Checked checked;
  Verifier verifier;
  const auto numbers = segments_in(directory);
  for (const std::uint64_t number : *numbers) {
    verifier.begin_segment(number);
    std::istringstream text(read_all(segment_path(directory, number)));
    for (std::string line; std::getline(text, line);) {
      if (const auto wrong = verifier.check(line)) {
        checked.wrong = "line " + std::to_string(verifier.last() + 1) + ": " + *wrong;
        return checked;
      }
      checked.lines.push_back(verifier.line());
    }
  }
  checked.segments = verifier.segments();
  return checked;
}

TrailAnswer must(Result<TrailAnswer> answer) {
  EXPECT_TRUE(answer.ok()) << answer.error().what;
  return std::move(*answer);
}

// Appends records n..n+count as one batch.
struct Records {
  int first = 0;
  int count = 1;
};
void append(DiskTrail& trail, Tail& tail, Records some, std::uint64_t segment_max = 1'000'000) {
  Chain chain(tail, segment_max);
  for (int i = some.first; i < some.first + some.count; ++i) {
    chain.add_record(attempt_record(i, "onlyfans:a", i, i), "name", "s");
  }
  const auto answer = must(trail.answer(TrailAppend{tail.line, tail.hash, chain.lines()}));
  ASSERT_TRUE(std::holds_alternative<TrailAppended>(answer));
  tail = chain.tail();
}

TrailOpened open_trail(DiskTrail& trail) {
  return std::get<TrailOpened>(must(trail.answer(TrailOpen{})));
}

TEST(DiskTrail, EndsWhereTheLastWholeLineEnds) {
  const TempDir dir;
  Tail tail;
  {
    DiskTrail trail(dir.path());
    tail = open_trail(trail).tail;
    EXPECT_EQ(tail.line, 0U);
    append(trail, tail, {0, 3});
  }
  const Tail before = tail;
  {
    DiskTrail trail(dir.path());
    EXPECT_EQ(open_trail(trail).tail.hash, tail.hash);
    append(trail, tail, {3, 2});
  }
  const std::string path = segment_path(dir.path(), 1);
  const std::string whole = read_all(path);
  const std::size_t fourth = whole.find('\n', before.segment_bytes) + 1;
  for (std::size_t cut = before.segment_bytes; cut < whole.size(); cut += 7) {
    SCOPED_TRACE(cut);
    write_all(path, std::string_view(whole).substr(0, cut));
    DiskTrail trail(dir.path());
    const TrailOpened opened = open_trail(trail);
    EXPECT_EQ(opened.tail.line, before.line + (cut >= fourth ? 1 : 0));
    EXPECT_EQ(opened.cut_bytes, cut - (cut >= fourth ? fourth : before.segment_bytes));
    Tail at = opened.tail;
    Chain chain(at, 1'000'000);
    if (opened.cut_bytes > 0) chain.add_torn(opened.cut_bytes, {});
    chain.add_record(attempt_record(9, "onlyfans:a", 9, 9), "name", "s");
    must(trail.answer(TrailAppend{at.line, at.hash, chain.lines()}));
    EXPECT_EQ(check(dir.path()).wrong, "");
  }
}

TEST(DiskTrail, SaysHowOldItsLastSegmentIs) {
  const TempDir dir;
  DiskTrail trail(dir.path());
  Tail tail = open_trail(trail).tail;
  EXPECT_EQ(open_trail(trail).segment_age, Duration{});
  const auto append_at = [&](int n, Duration ago) {
    wire::Record record = attempt_record(n, "onlyfans:a", n, n);
    record.at = port::wall_now() - ago;
    Chain chain(tail, 1);  // a segment for each
    chain.add_record(record, "name", "s");
    must(trail.answer(TrailAppend{tail.line, tail.hash, chain.lines()}));
    tail = chain.tail();
    return open_trail(trail).segment_age;
  };
  EXPECT_GE(append_at(1, hours(3)), hours(3));
  const Duration age = append_at(2, hours(2));
  EXPECT_GE(age, hours(2));
  EXPECT_LT(age, hours(3));
  EXPECT_EQ(append_at(3, -hours(2)), Duration{}) << "of a clock that is ahead";
}

TEST(DiskTrail, BlocksThatNeverArrivedAreCutADamagedLineIsNot) {
  const TempDir dir;
  DiskTrail trail(dir.path());
  Tail tail = open_trail(trail).tail;
  append(trail, tail, {0, 3});
  const Tail before = tail;
  append(trail, tail, {3, 3});
  const std::string path = segment_path(dir.path(), 1);
  std::string bytes = read_all(path);
  for (std::size_t at = before.segment_bytes + 10; at < before.segment_bytes + 700; ++at) {
    bytes[at] = '\0';
  }
  write_all(path, bytes);
  DiskTrail holed(dir.path());
  EXPECT_EQ(open_trail(holed).tail.line, before.line);
  bytes = read_all(path).substr(0, before.segment_bytes);
  bytes[before.segment_bytes / 2] ^= 1;
  write_all(path, bytes);
  DiskTrail damaged(dir.path());
  const auto answer = damaged.answer(TrailOpen{});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Trouble::kCorrupt);
}

TEST(DiskTrail, SegmentsAreSealedAndFollowEachOther) {
  const TempDir dir;
  DiskTrail trail(dir.path());
  Tail tail = open_trail(trail).tail;
  for (int n = 0; n < 40; n += 4) append(trail, tail, {n, 4}, 3'000);
  const auto numbers = *segments_in(dir.path());
  ASSERT_GT(numbers.size(), 4U);
  for (const std::uint64_t number : numbers) {
    struct stat status {};
    ASSERT_EQ(stat(segment_path(dir.path(), number).c_str(), &status), 0);
    EXPECT_EQ((status.st_mode & 0222) == 0, number != numbers.back());
  }
  EXPECT_EQ(check(dir.path()).wrong, "");
  DiskTrail again(dir.path());
  EXPECT_EQ(open_trail(again).tail.line, tail.line);
  // Read from any line to the end, in steps that do not fit the segments.
  for (std::uint64_t from = 1; from <= tail.line; ++from) {
    std::uint64_t n = from;
    for (bool more = true; more;) {
      const auto found = std::get<TrailLines>(must(again.answer(TrailRead{n, 3})));
      for (const std::string& text : found.lines) ASSERT_EQ(read_line(text)->n, n++);
      more = found.more;
    }
    ASSERT_EQ(n, tail.line + 1);
  }
}

TEST(DiskTrail, ASegmentThatWasOnlyBegunIsBegunAgain) {
  for (const std::string begun : {"", "{\"n\":14,\"t\":\"segm"}) {
    const TempDir dir;
    DiskTrail trail(dir.path());
    Tail tail = open_trail(trail).tail;
    append(trail, tail, {0, 3});
    chmod(segment_path(dir.path(), 1).c_str(), 0440);
    write_all(segment_path(dir.path(), 2), begun);
    DiskTrail again(dir.path());
    TrailOpened opened = open_trail(again);
    EXPECT_EQ(opened.tail.line, tail.line);
    EXPECT_EQ(opened.cut_bytes, begun.size());
    append(again, opened.tail, {3, 3});
    const Checked checked = check(dir.path());
    EXPECT_EQ(checked.wrong, "");
    EXPECT_EQ(checked.segments, 2U);
  }
}

TEST(DiskTrail, AnAppendToAnotherEndIsRefused) {
  const TempDir dir;
  DiskTrail trail(dir.path());
  Tail tail = open_trail(trail).tail;
  const Tail old = tail;
  append(trail, tail, {0, 1});
  Chain chain(old, 1'000'000);
  chain.add_record(attempt_record(5, "onlyfans:a", 5, 5), "name", "s");
  EXPECT_TRUE(std::holds_alternative<TrailFailed>(
      must(trail.answer(TrailAppend{old.line, old.hash, chain.lines()}))));
  EXPECT_EQ(check(dir.path()).lines.size(), 2U);
}

// ---- the core on both ------------------------------------------------------------------------

class RealWorld {
 public:
  explicit RealWorld(Config config = small_config()) : world(std::move(config)) {
    world.real_trail = [this](const TrailCall& call) { return must(trail_->answer(call)); };
    world.real_ledger = [this](const LedgerCall& call) { return ledger_->answer(call); };
    world.on_restart = [this] { reopen(); };
    world.calls = 0;
  }
  void say_everything() {
    for (int n = 0; n < 11; ++n) world.say(attempt_record(n, "onlyfans:a", n, n + 1));
    for (int n = 0; n < 10; ++n) world.say(cost_of(n, 60'000'000'000));
    world.run();
    for (int n = 11; n < 14; ++n) world.say(attempt_record(n, "onlyfans:b", n, n + 1));
    for (int n = 5; n < 12; ++n) world.say(cost_of(n, 60'000'000'000));
    world.run();
  }
  void expect_exact() const {
    const Checked checked = check(dir_.path());
    EXPECT_EQ(checked.wrong, "");
    std::map<std::string, int> types;
    for (const Line& line : checked.lines) ++types[line.type];
    EXPECT_EQ(types["attempt"], 14);
    EXPECT_EQ(types["alert"], 2);
    auto reader = LedgerReader::open(dir_.path() + "/ledger.db");
    ASSERT_TRUE(reader.ok());
    const auto costs = *reader->costs("2026-11");
    ASSERT_EQ(costs.size(), 1U);
    EXPECT_EQ(costs[0].amount_nano, 12 * 60'000'000'000);
    EXPECT_EQ(costs[0].events, 12);
    EXPECT_EQ(reader->indexed()->line, checked.lines.back().n);
  }

  World world;

 private:
  void reopen() {
    ledger_.reset();
    trail_ = std::make_unique<DiskTrail>(dir_.path());
    ledger_ = std::move(*SqliteLedger::open(dir_.path() + "/ledger.db", {}));
  }
  TempDir dir_;
  std::unique_ptr<DiskTrail> trail_;
  std::unique_ptr<SqliteLedger> ledger_;
};

TEST(AuditorOnDisk, AKillAtAnyCallLosesAndDoublesNothing) {
  Config config = small_config();
  config.segment_bytes_max = 4'000;
  RealWorld untouched(config);
  untouched.world.restart();
  untouched.say_everything();
  untouched.expect_exact();
  for (int n = 1; n <= untouched.world.calls; ++n) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE(testing::Message() << "call " << n << (after ? " after" : " before"));
      RealWorld real(config);
      real.world.kill_at = n;
      real.world.kill_after = after;
      real.world.restart();
      real.say_everything();
      real.world.restart();
      real.say_everything();
      real.expect_exact();
    }
  }
}

TEST(AuditorOnDisk, TheWatchIsRebuiltFromTheMarksOnward) {
  RealWorld real;
  World& world = real.world;
  world.restart();
  for (int n = 0; n < 300; ++n) {
    world.say(attempt_record(n, "onlyfans:a", n * 10, n * 10 + 1));
    world.run();
  }
  const int calls = world.calls;
  world.restart();
  EXPECT_LE(world.calls - calls, 4);  // open, open, one read
  for (int n = 0; n < 5; ++n) world.say(attempt_record(1000 + n, "onlyfans:a", 2985, 2999));
  world.run();
  EXPECT_EQ(world.core->counts().violations_certain, 1U);
}

TEST(SqliteLedger, AnErasedKeyLeavesNoTrace) {
  const TempDir dir;
  const std::string path = dir.path() + "/ledger.db";
  std::string secret;
  {
    auto ledger = std::move(*SqliteLedger::open(path, {}));
    const auto found =
        std::get<LedgerFound>(ledger->answer(LedgerLook{{}, {"onlyfans:a", "onlyfans:b"}, {}, {}}));
    secret = found.secrets.at(0);
    ASSERT_EQ(secret.size(), 32U);
    EXPECT_NE(secret, found.secrets.at(1));
    EXPECT_TRUE(*erase_key(path, "onlyfans:a"));
    EXPECT_FALSE(*erase_key(path, "onlyfans:a"));
    for (const char* suffix : {"", "-wal"}) {
      EXPECT_EQ(read_all(path + suffix).find(secret), std::string::npos) << suffix;
    }
    const auto again =
        std::get<LedgerFound>(ledger->answer(LedgerLook{{}, {"onlyfans:a", "onlyfans:b"}, {}, {}}));
    EXPECT_NE(again.secrets.at(0), secret);
    EXPECT_EQ(again.secrets.at(1), found.secrets.at(1));
  }
}

TEST(SqliteLedger, AnErasureThatAReaderKeepsFromItsEndIsNotSaidToBeDone) {
  const TempDir dir;
  const std::string path = dir.path() + "/ledger.db";
  auto ledger = std::move(*SqliteLedger::open(path, {}));
  const auto found = std::get<LedgerFound>(ledger->answer(LedgerLook{{}, {"onlyfans:a"}, {}, {}}));
  auto reader = std::move(*port::Sqlite::open(path, {false, true, 0}));
  {
    auto reads = std::move(*reader.prepare("SELECT count(*) FROM keys"));
    ASSERT_TRUE(reader.begin_reads().ok());
    ASSERT_TRUE(reads.step().ok());
    reads.reset();
    const auto erased = erase_key(path, "onlyfans:a", 50);
    ASSERT_FALSE(erased.ok());
    EXPECT_EQ(erased.error().code, Trouble::kUnavailable);
    EXPECT_NE(erased.error().what.find("run it again"), std::string::npos) << erased.error().what;
  }
  reader.rollback();
  EXPECT_FALSE(*erase_key(path, "onlyfans:a", 50));  // its row had gone
  for (const char* suffix : {"", "-wal"}) {
    EXPECT_EQ(read_all(path + suffix).find(found.secrets.at(0)), std::string::npos) << suffix;
  }
}

TEST(SqliteLedger, AnErrorNamesItsFile) {
  const TempDir dir;
  const std::string path = dir.path() + "/ledger.db";
  std::ofstream(path) << std::string(10'000, 'x');
  const auto ledger = SqliteLedger::open(path, {});
  ASSERT_FALSE(ledger.ok());
  const std::string& what = ledger.error().what;
  EXPECT_NE(what.find(path), std::string::npos) << what;
  EXPECT_EQ(what.find(path), what.rfind(path)) << what;
}

TEST(SqliteLedger, IsSweptALittleAtATime) {
  const TempDir dir;
  auto ledger = std::move(*SqliteLedger::open(dir.path() + "/ledger.db", {}));
  std::uint64_t line = 0;
  for (int n = 0; n < 3; ++n) {  // the last round is of today
    LedgerBook book;
    const std::uint64_t first = line + 1;
    for (int k = 0; k < 3'000; ++k)
      book.records.push_back({"record " + std::to_string(++line), line});
    book.indexed = Indexed{first, line, no_hash(), {kNov21Us + hours(24 * 40 * n).us}};
    ASSERT_TRUE(std::holds_alternative<LedgerBooked>(ledger->answer(book)));
  }
  const StoreTime now{kNov21Us + hours(24 * 80).us};
  int sweeps = 1;
  while (*ledger->sweep(now)) ++sweeps;
  EXPECT_EQ(sweeps, 4);
  const auto known =
      std::get<LedgerFound>(ledger->answer(LedgerLook{{"record 6000", "record 6001"}, {}, {}, {}}));
  EXPECT_EQ(known.records, (std::vector{false, true}));
}

TEST(SqliteLedger, ForgetsWhatIsOlderThanItsRetention) {
  const TempDir dir;
  auto ledger = std::move(*SqliteLedger::open(dir.path() + "/ledger.db", {}));
  for (int n = 1; n <= 4; ++n) {
    LedgerBook book;
    const StoreTime at{kNov21Us + hours(24 * 20 * n).us};
    book.records = {{"record " + std::to_string(n), static_cast<std::uint64_t>(n)}};
    book.indexed =
        Indexed{static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(n), no_hash(), at};
    book.costs = {cost_of(n, 1)};
    book.costs[0].at = at;
    ASSERT_TRUE(std::holds_alternative<LedgerBooked>(ledger->answer(book)));
  }
  const auto known = [&] {
    return std::get<LedgerFound>(ledger->answer(LedgerLook{
                                     {"record 1", "record 2", "record 3", "record 4"}, {}, {}, {}}))
        .records;
  };
  EXPECT_EQ(known(), (std::vector{true, true, true, true}));
  const StoreTime now{kNov21Us + hours(24 * 80).us};
  ASSERT_TRUE(ledger->sweep(now).ok());
  ASSERT_TRUE(ledger->sweep(now).ok());
  EXPECT_FALSE(known()[0]);
  EXPECT_TRUE(known()[2]);
  EXPECT_TRUE(known()[3]);
}

TEST(SqliteLedger, ACostOfAPastYearIsKeptAsLongAsOneOfToday) {
  const TempDir dir;
  auto ledger = std::move(*SqliteLedger::open(dir.path() + "/ledger.db", {}));
  LedgerBook book;
  book.costs = {cost_of(1, 1)};
  book.costs[0].at = StoreTime{kNov21Us - hours(24 * 3650).us};
  const LedgerLook look{{}, {}, {book.costs[0].event_id}, {}};
  const auto is_known = [&] {
    return !std::get<LedgerFound>(ledger->answer(look)).events[0].empty();
  };
  const StoreTime now = port::wall_now();
  ASSERT_TRUE(std::holds_alternative<LedgerBooked>(ledger->answer(book)));
  ASSERT_TRUE(ledger->sweep(now).ok());
  EXPECT_TRUE(is_known());
  ASSERT_TRUE(ledger->sweep(now + hours(24 * 399)).ok());
  EXPECT_TRUE(is_known());
  ASSERT_TRUE(ledger->sweep(now + hours(24 * 402)).ok());
  EXPECT_FALSE(is_known());
}

TEST(SqliteLedger, AnAlertOfAPastMonthLeavesOnce) {
  const TempDir dir;
  auto ledger = std::move(*SqliteLedger::open(dir.path() + "/ledger.db", {}));
  LedgerBook book;
  wire::Alert alert;
  alert.cursor = 7;
  alert.alert_id = "5c2d4c3e-7f0f-5f0e-9a53-3c8b4a5a7a10";
  alert.at = StoreTime{kNov21Us - hours(24 * 3650).us};
  book.alerts = {alert};
  const auto is_new = [&]() -> bool {
    return std::get<LedgerBooked>(ledger->answer(book)).alerts_new[0];
  };
  EXPECT_TRUE(is_new());
  ASSERT_TRUE(ledger->sweep(port::wall_now()).ok());
  EXPECT_FALSE(is_new());
}

// The versions of an upstream's limits: which rules, since when the others do not, and for how long
// they are kept.
TEST(Ledger, KeepsReplacedLimitsForAsLongAsTheyMatter) {
  const TempDir dir;
  auto ledger = std::move(*SqliteLedger::open(dir.path() + "/ledger.db", {}));
  const std::vector<Limit> day = {Limit{"d", LimitScope::kKey, 5, hours(24), 5, seconds(1)}};
  const std::vector<Limit> minute = {Limit{"m", LimitScope::kKey, 5, minutes(1), 5, seconds(1)}};
  const StoreTime start{kNov21Us};
  const auto learn = [&](const char* version, const std::vector<Limit>& limits, StoreTime at) {
    LedgerBook book;
    book.limits.push_back({"onlyfans", version, limits, at});
    EXPECT_TRUE(std::holds_alternative<LedgerBooked>(ledger->answer(book)));
  };
  const auto known = [&] {
    std::string text;
    const auto opened = std::get<LedgerOpened>(ledger->answer(LedgerOpen{}));
    for (const LimitsSeen& one : opened.limits) {
      text += one.version + (one.replaced_at.us == 0 ? "" : "-") + " ";
    }
    return text;
  };
  learn("day", day, start);
  learn("minute", minute, start + minutes(1));
  learn("again", day, start + minutes(2));
  learn("minute", minute, start + minutes(1));  // said again, late
  EXPECT_EQ(known(), "day- minute again ");     // of two that rule the one that was said last does
  learn("minute", minute, start + minutes(3));
  EXPECT_EQ(known(), "day- again- minute ");
  const auto found = std::get<LedgerOpened>(ledger->answer(LedgerOpen{})).limits;
  EXPECT_EQ(found[0].limits, day);
  EXPECT_EQ(found[0].replaced_at, start + minutes(1));
  EXPECT_TRUE(ledger->sweep(start + hours(47)).ok());
  EXPECT_EQ(known(), "day- again- minute ");
  learn("last", day, start + hours(47));
  EXPECT_TRUE(ledger->sweep(start + hours(49)).ok());
  EXPECT_EQ(known(), "last ");
}

}  // namespace
}  // namespace sluice::auditor
