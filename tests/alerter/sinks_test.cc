// The sinks and the state on a real disk, and the core on them, killed at each call.
#include "alerter/sinks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "alerter/sqlite_state.h"
#include "tests/alerter/world.h"
#include "tests/auditor/temp_dir.h"

namespace sluice::alerter {
namespace {

std::string read_all(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST(Sinks, JsonAndText) {
  wire::Alert alert = alert_of(7);
  alert.severity = wire::Severity::kCritical;
  alert.text = "a \"quoted\" text\nof two lines";
  alert.labels = {{"budget", "monthly"}};
  EXPECT_EQ(json_of(alert),
            "{\"alert_id\":\"00000000-0000-5000-8000-000000000007\","
            "\"at\":\"1970-01-01T00:00:00.000001Z\",\"severity\":\"critical\",\"kind\":\"budget\","
            "\"title\":\"title 7\",\"text\":\"a \\\"quoted\\\" text\\nof two lines\","
            "\"dedup_key\":\"budget:7\",\"period\":\"\",\"labels\":{\"budget\":\"monthly\"}}");
  EXPECT_EQ(text_of(alert),
            "ALERT 1970-01-01T00:00:00.000001Z critical: title 7. a \"quoted\" text of two lines "
            "(00000000-0000-5000-8000-000000000007)\n");
}

TEST(FileSink, AnAlertThatIsInTheFileIsNotWrittenAgain) {
  const TempDir dir;
  const std::string path = dir.path() + "/new/alerts.ndjson";
  for (int life = 0; life < 3; ++life) {
    FileSink sink(path);
    EXPECT_TRUE(sink.deliver(alert_of(1)).ok());
    EXPECT_TRUE(sink.deliver(alert_of(2)).ok());
    EXPECT_TRUE(sink.deliver(alert_of(1)).ok());
  }
  EXPECT_EQ(read_all(path), json_of(alert_of(1)) + "\n" + json_of(alert_of(2)) + "\n");
}

TEST(FileSink, ATornLineIsWrittenAnew) {
  const TempDir dir;
  const std::string path = dir.path() + "/alerts.ndjson";
  const std::string first = json_of(alert_of(1)) + "\n";
  const std::string second = json_of(alert_of(2)) + "\n";
  for (std::size_t cut = 0; cut < second.size(); cut += 5) {
    std::ofstream(path, std::ios::binary) << first << second.substr(0, cut);
    FileSink sink(path);
    EXPECT_TRUE(sink.deliver(alert_of(2)).ok());
    ASSERT_EQ(read_all(path), first + second);
  }
}

TEST(FileSink, AFileThatCannotBeOpenedIsAnErrorAndWorksLater) {
  const TempDir dir;
  FileSink sink(dir.path());  // a directory
  EXPECT_FALSE(sink.deliver(alert_of(1)).ok());
}

TEST(FileSink, AFifoIsRefusedAndHoldsUpNobody) {
  const TempDir dir;
  const std::string path = dir.path() + "/fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  FileSink sink(path);
  const auto delivered = sink.deliver(alert_of(1));
  ASSERT_FALSE(delivered.ok());
  EXPECT_NE(delivered.error().what.find("no regular file"), std::string::npos);
}

TEST(FileSink, RemembersTheLastIdsOfItsFile) {
  const TempDir dir;
  const std::string path = dir.path() + "/alerts.ndjson";
  constexpr std::uint64_t kMore = FileSink::kIdsMax + 1;
  {
    std::ofstream file(path, std::ios::binary);
    for (std::uint64_t n = 1; n <= kMore; ++n) file << json_of(alert_of(n)) << "\n";
  }
  const auto before = std::filesystem::file_size(path);
  FileSink sink(path);
  for (const std::uint64_t n : {std::uint64_t{2}, kMore}) {
    EXPECT_TRUE(sink.deliver(alert_of(n)).ok());
    EXPECT_EQ(std::filesystem::file_size(path), before) << n;
  }
  EXPECT_TRUE(sink.deliver(alert_of(1)).ok());
  EXPECT_GT(std::filesystem::file_size(path), before);
}

TEST(FileSink, AFileThatWasMovedAwayOrDeletedIsMadeAnew) {
  const TempDir dir;
  const std::string path = dir.path() + "/alerts.ndjson";
  FileSink sink(path);
  EXPECT_TRUE(sink.deliver(alert_of(1)).ok());
  std::filesystem::rename(path, path + ".1");
  EXPECT_TRUE(sink.deliver(alert_of(2)).ok());
  EXPECT_EQ(read_all(path + ".1"), json_of(alert_of(1)) + "\n");
  EXPECT_EQ(read_all(path), json_of(alert_of(2)) + "\n");
  std::filesystem::remove(path);
  EXPECT_TRUE(sink.deliver(alert_of(3)).ok());
  EXPECT_EQ(read_all(path), json_of(alert_of(3)) + "\n");
}

// Fills a pipe or socket, so that a write to it would wait.
void fill(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  const std::string some(1000, 'x');
  while (write(fd, some.data(), some.size()) > 0) {
  }
  while (write(fd, some.data(), 1) > 0) {
  }
  fcntl(fd, F_SETFL, flags);
}

std::string drain(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  std::string all;
  char bytes[4096];
  for (ssize_t got = 0; (got = read(fd, bytes, sizeof bytes)) > 0;) {
    all.append(bytes, static_cast<std::size_t>(got));
  }
  return all;
}

TEST(StreamSink, AFullPipeIsAnErrorNotAWait) {
  for (const bool is_socket : {false, true}) {
    int fds[2];
    ASSERT_EQ(is_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : pipe(fds), 0);
    const port::UniqueFd reader(fds[0]);
    const port::UniqueFd writer(fds[1]);
    StreamSink sink(writer.get());
    fill(writer.get());
    EXPECT_FALSE(sink.deliver(alert_of(1)).ok());
    drain(reader.get());
    EXPECT_TRUE(sink.deliver(alert_of(2)).ok());
    EXPECT_TRUE(sink.deliver(alert_of(1)).ok());
    EXPECT_EQ(drain(reader.get()), text_of(alert_of(2)) + text_of(alert_of(1)));
  }
}

// A line longer than the pipe: its beginning was written, so its end is what comes next.
TEST(StreamSink, ALineThatWasBegunIsEndedFirst) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const port::UniqueFd reader(fds[0]);
  const port::UniqueFd writer(fds[1]);
  ASSERT_GT(fcntl(writer.get(), F_SETPIPE_SZ, 8192), 0);
  wire::Alert longer = alert_of(1);
  longer.text = std::string(9000, 'l');
  StreamSink sink(writer.get());
  EXPECT_FALSE(sink.deliver(longer).ok());
  std::string got = drain(reader.get());
  EXPECT_TRUE(sink.deliver(alert_of(2)).ok());
  EXPECT_TRUE(sink.deliver(alert_of(2)).ok());  // said again: it has it
  got += drain(reader.get());
  EXPECT_EQ(got, text_of(longer) + text_of(alert_of(2)));
}

StatePut put_of(const std::vector<std::uint64_t>& cursors, const std::vector<std::string>& sinks,
                std::uint64_t cursor) {
  StatePut put;
  for (const std::uint64_t n : cursors) {
    put.alerts.push_back(alert_of(n));
    put.sinks.push_back(sinks);
  }
  put.cursor = cursor;
  return put;
}

// Of a delivery to sink a.
StateMark mark_of(std::uint64_t cursor, Fate fate, std::uint32_t attempts) {
  return {{alert_of(cursor).alert_id}, "a", fate, attempts, "as it was", {}};
}

TEST(SqliteState, WhatIsGivenUpGoesToTheOthersAndWhatWasSpokenIsKept) {
  const TempDir dir;
  const std::string path = dir.path() + "/alerts.db";
  const Spoken spoken{"violation", {7}, {5}, wire::Severity::kCritical};
  {
    auto opened_state = SqliteState::open(path);
    SqliteState* state = opened_state->get();
    StatePut put = put_of({1, 2}, {"a", "b"}, 2);
    put.sinks[1].clear();  // says again what was said
    put.spoken = {{"violation", {1}, {1}, wire::Severity::kInfo}, spoken};
    state->answer(put);
    StateMark mark = mark_of(1, Fate::kDelivered, 1);
    state->answer(mark);
    mark.sink = "b";
    mark.fate = Fate::kGivenUp;
    mark.instead = {"a", "c"};
    state->answer(mark);
    state->answer(mark);
  }
  auto opened_state = SqliteState::open(path);
  SqliteState* state = opened_state->get();
  const auto opened = std::get<StateOpened>(state->answer(StateOpen{{"a", "b", "c"}}));
  EXPECT_EQ(opened.adopted, 0U);
  ASSERT_EQ(opened.spoken.size(), 1U);
  EXPECT_EQ(opened.spoken[0].said, spoken.said);
  EXPECT_EQ(opened.spoken[0].severity, spoken.severity);
  const auto due = std::get<StateDueFound>(state->answer(StateDue{{"a", "b", "c"}, 10})).due;
  ASSERT_EQ(due.size(), 1U);
  ASSERT_EQ(due[0].sinks.size(), 1U);
  EXPECT_EQ(due[0].sinks[0].name, "c");
  EXPECT_EQ(due[0].given_up, std::vector<std::string>{"b"});
}

TEST(SqliteState, WhatWasForASinkThatIsGoneGoesToTheOthers) {
  const TempDir dir;
  auto state = std::move(*SqliteState::open(dir.path() + "/alerts.db"));
  state->answer(put_of({1, 2}, {"a", "b"}, 2));
  state->answer(mark_of(1, Fate::kDelivered, 1));
  const StateOpen open{{"a", "c"}};
  EXPECT_EQ(std::get<StateOpened>(state->answer(open)).adopted, 2U);
  EXPECT_EQ(std::get<StateOpened>(state->answer(open)).adopted, 0U);
  const auto due = std::get<StateDueFound>(state->answer(StateDue{{"a", "c"}, 10})).due;
  ASSERT_EQ(due.size(), 2U);
  ASSERT_EQ(due[0].sinks.size(), 1U);  // a has had it
  EXPECT_EQ(due[0].sinks[0].name, "c");
  EXPECT_EQ(due[1].sinks.size(), 2U);
}

TEST(SqliteState, KeepsThePromisesOfItsPort) {
  const TempDir dir;
  const std::string path = dir.path() + "/alerts.db";
  {
    auto state = std::move(*SqliteState::open(path));
    EXPECT_EQ(std::get<StateOpened>(state->answer(StateOpen{{"a", "b"}})).cursor, 0U);
    const auto put = state->answer(put_of({5, 3}, {"a", "b"}, 5));
    EXPECT_EQ(std::get<StatePutDone>(put).created, (std::vector{true, true}));
    const auto again = state->answer(put_of({5, 6}, {"a", "b"}, 6));
    EXPECT_EQ(std::get<StatePutDone>(again).created, (std::vector{false, true}));
    state->answer(mark_of(3, Fate::kDelivered, 1));
    state->answer(mark_of(5, Fate::kUndelivered, 4));
    // A mark that comes late does not take a delivery back.
    state->answer(mark_of(3, Fate::kUndelivered, 2));
  }
  auto state = std::move(*SqliteState::open(path));
  EXPECT_EQ(std::get<StateOpened>(state->answer(StateOpen{{"a", "b"}})).cursor, 6U);
  const auto due = std::get<StateDueFound>(state->answer(StateDue{{"a"}, 10})).due;
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].alert.alert_id, alert_of(5).alert_id);
  EXPECT_EQ(due[0].alert.cursor, 5U);
  EXPECT_EQ(due[0].sinks.at(0).attempts, 4U);
  EXPECT_EQ(std::get<StateDueFound>(state->answer(StateDue{{"a", "b"}, 2})).due.size(), 2U);
  EXPECT_TRUE(std::get<StateDueFound>(state->answer(StateDue{{"gone"}, 10})).due.empty());
}

TEST(SqliteState, ForgetsOnlyWhatWasDelivered) {
  const TempDir dir;
  auto state = std::move(*SqliteState::open(dir.path() + "/alerts.db"));
  state->answer(put_of({1, 2}, {"a"}, 2));
  state->answer(mark_of(1, Fate::kDelivered, 1));
  ASSERT_TRUE(state->sweep(StoreTime{1'000'000}).ok());
  const auto put = state->answer(put_of({1, 2}, {"a"}, 2));
  EXPECT_EQ(std::get<StatePutDone>(put).created, (std::vector{true, false}));
}

TEST(AlerterOnDisk, AKillAtAnyCallGivesEachLineOfTheFileOnce) {
  int calls = 0;
  for (int n = 0; n <= calls || n == 0; ++n) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE(testing::Message() << "call " << n << (after ? " after" : " before"));
      const TempDir dir;
      std::unique_ptr<SqliteState> state;
      std::unique_ptr<FileSink> file;
      World world({"a"});
      world.real_state = [&](const StateCall& call) { return state->answer(call); };
      world.real_sink = [&](const Deliver& deliver) {
        bool ok = true;
        for (const wire::Alert& alert : deliver.alerts) ok = ok && file->deliver(alert).ok();
        return ok;
      };
      world.config.group_max = 2;
      for (std::uint64_t line = 1; line <= 3; ++line) world.trail.push_back(alert_of(line));
      for (int life = 0; life < 2; ++life) {
        state.reset();
        state = std::move(*SqliteState::open(dir.path() + "/alerts.db"));
        file = std::make_unique<FileSink>(dir.path() + "/alerts.ndjson");
        world.kill_at = life == 0 ? n : 0;
        world.kill_after = after;
        world.start();
        world.wait(seconds(2));
        if (n == 0) calls = world.calls;
      }
      std::string expected;
      for (const wire::Alert& alert : world.trail) expected += json_of(alert) + "\n";
      ASSERT_EQ(read_all(dir.path() + "/alerts.ndjson"), expected);
    }
  }
  EXPECT_GT(calls, 8);
}

}  // namespace
}  // namespace sluice::alerter
