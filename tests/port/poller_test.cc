#include "lib/port/poller.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <zmq.h>
#include <filesystem>

#include <array>

#include "lib/port/clock.h"
#include "lib/port/lockfile.h"

namespace sluice::port {
namespace {

TEST(Timers, RunInOrderAndMayCancelEachOther) {
  Timers timers;
  std::string ran;
  TimerId third;
  timers.at({30}, [&] { ran += "c"; });
  timers.at({10}, [&] {
    ran += "a";
    timers.cancel(third);
    timers.at({5}, [&] { ran += "late"; });
  });
  timers.at({10}, [&] { ran += "b"; });
  third = timers.at({20}, [&] { ran += "never"; });
  EXPECT_EQ(timers.next(), Instant{10});
  timers.run_due({25});
  EXPECT_EQ(ran, "ab");
  timers.run_due({30});
  EXPECT_EQ(ran, "ablatec");
  EXPECT_EQ(timers.next(), Instant::never());
}

TEST(Poller, WakesForATimerAndNotBefore) {
  Poller poller;
  bool ran = false;
  const Instant start = steady_now();
  poller.after(milliseconds(20), [&] { ran = true; });
  while (!ran) poller.poll(Instant::never());
  EXPECT_GE(steady_now() - start, milliseconds(20));
  EXPECT_LT(steady_now() - start, seconds(5));
}

TEST(Poller, AHandlerMayRemoveItself) {
  Poller poller;
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  int calls = 0;
  poller.watch_fd(pipe_ends[0], EPOLLIN, [&](std::uint32_t events) {
    EXPECT_TRUE(events & EPOLLIN);
    ++calls;
    poller.unwatch_fd(pipe_ends[0]);
  });
  ASSERT_EQ(write(pipe_ends[1], "x", 1), 1);
  poller.poll(steady_now() + seconds(5));
  poller.poll(steady_now());
  EXPECT_EQ(calls, 1);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST(Poller, AZmqHandlerMayCloseAnother) {
  void* context = zmq_ctx_new();
  void* first = zmq_socket(context, ZMQ_PAIR);
  void* second = zmq_socket(context, ZMQ_PAIR);
  void* to_first = zmq_socket(context, ZMQ_PAIR);
  void* to_second = zmq_socket(context, ZMQ_PAIR);
  ASSERT_EQ(zmq_bind(first, "inproc://one"), 0);
  ASSERT_EQ(zmq_bind(second, "inproc://two"), 0);
  ASSERT_EQ(zmq_connect(to_first, "inproc://one"), 0);
  ASSERT_EQ(zmq_connect(to_second, "inproc://two"), 0);
  zmq_send(to_first, "x", 1, 0);
  zmq_send(to_second, "x", 1, 0);
  Poller poller;
  int calls = 0;
  poller.watch_zmq(first, [&] {
    ++calls;
    poller.unwatch_zmq(second);
    zmq_close(second);
  });
  poller.watch_zmq(second, [&] { ADD_FAILURE() << "called after it was closed"; });
  poller.poll(steady_now() + seconds(5));
  EXPECT_EQ(calls, 1);
  poller.unwatch_zmq(first);
  for (void* socket : {first, to_first, to_second}) zmq_close(socket);
  zmq_ctx_term(context);
}

TEST(Lockfile, SecondHolderIsToldWhoHasIt) {
  std::string pattern = testing::TempDir() + "sluice-lock-XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const std::string path = pattern + "/a/b/lock";
  {
    auto held = lock_file(path);
    ASSERT_TRUE(held);
    auto second = lock_file(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Trouble::kUnavailable);
    EXPECT_NE(second.error().what.find(std::to_string(getpid())), std::string::npos);
  }
  EXPECT_TRUE(lock_file(path));
  namespace fs = std::filesystem;
  EXPECT_EQ(fs::status(pattern + "/a").permissions(), fs::perms::owner_all);  // whose data it is
  EXPECT_EQ(fs::status(pattern + "/a/b").permissions(), fs::perms::owner_all);
  auto blocked = make_directory(path + "/c");
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().what, "cannot make " + path + ": File exists");
}

}  // namespace
}  // namespace sluice::port
