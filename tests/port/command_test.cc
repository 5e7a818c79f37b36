// Programs that print, and those that would print for ever.
#include "lib/port/command.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include "lib/port/clock.h"

namespace sluice::port {
namespace {

using Words = std::vector<std::string>;

TEST(Words, AreCutAsAShellCutsThem) {
  const auto cut = [](std::string_view text) { return *words_of(text); };
  EXPECT_EQ(cut("a b\tc"), (Words{"a", "b", "c"}));
  EXPECT_EQ(cut("  '/opt/my keys' \"x y\"z ''"), (Words{"/opt/my keys", "x yz", ""}));
  EXPECT_EQ(cut(R"(a\ b "say \"no\" \n" '\')"), (Words{"a b", R"(say "no" \n)", "\\"}));
  EXPECT_EQ(cut("a $HOME `b` | c; d > e *"),
            (Words{"a", "$HOME", "`b`", "|", "c;", "d", ">", "e", "*"}));
}

TEST(Words, WhatIsNoneIsSaid) {
  for (const char* wrong : {"", "  ", "'a", "a \"b", "a\\"}) EXPECT_FALSE(words_of(wrong)) << wrong;
}

class CommandsTest : public ::testing::Test {
 protected:
  Result<std::string> run(Words words, Commands::Limits limits = {}) {
    std::optional<Result<std::string>> how;
    commands_.run(std::move(words), limits, [&](Result<std::string> said) {
      EXPECT_FALSE(how.has_value());
      how = std::move(said);
    });
    const Instant last = steady_now() + seconds(20);
    while (!how && steady_now() < last) poller_.poll(last);
    poller_.poll(steady_now() + milliseconds(20));
    EXPECT_TRUE(how.has_value());
    return how.value_or(Error{Trouble::kUnavailable, "never answered"});
  }
  std::string why(Words words, Commands::Limits limits = {}) {
    const auto how = run(std::move(words), limits);
    return how.ok() ? "it printed " + *how : how.error().what;
  }
  Poller poller_;
  Commands commands_{poller_};
};

TEST_F(CommandsTest, WhatItPrintsIsTheAnswer) {
  EXPECT_EQ(*run({"/bin/sh", "-c", "printf a; sleep 0.02; printf b"}), "ab");
  EXPECT_EQ(*run({"printf", "%s", "$HOME; exit 1"}), "$HOME; exit 1");
  EXPECT_EQ(*run({"true"}), "");
  const std::string large(60'000, 'x');
  EXPECT_EQ(run({"/bin/sh", "-c", "head -c 60000 /dev/zero | tr '\\0' x"}).value(), large);
}

TEST_F(CommandsTest, HowItFailedIsSaidAndNotWhatItPrinted) {
  EXPECT_EQ(why({"/bin/sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3"}), "it ended with 3");
  EXPECT_EQ(why({"/bin/sh", "-c", "kill -TERM $$"}), "it was ended by signal 15");
  EXPECT_EQ(why({"/nowhere/keys"}), "/nowhere/keys: No such file or directory");
}

TEST_F(CommandsTest, ItHasItsTime) {
  const Instant began = steady_now();
  EXPECT_EQ(why({"sleep", "60"}, {seconds(1)}), "it did not end within 1 s");
  EXPECT_LT(steady_now() - began, seconds(10));
}

TEST_F(CommandsTest, ItHasItsRoom) {
  EXPECT_EQ(why({"cat", "/dev/zero"}), "it prints more than 65536 bytes");
  EXPECT_EQ(why({"head", "-c", "9", "/dev/zero"}, {seconds(9), 8}), "it prints more than 8 bytes");
}

TEST_F(CommandsTest, AChildThatKeepsThePipeIsNotWaitedFor) {
  const Instant began = steady_now();
  const auto printed = run({"/bin/sh", "-c", "sleep 30 & echo $!"}, {seconds(20)});
  ASSERT_TRUE(printed.ok());
  kill(static_cast<pid_t>(std::stol(*printed)), SIGKILL);
  EXPECT_LT(steady_now() - began, seconds(10));
}

TEST_F(CommandsTest, ItHasNoTerminalNorOurDescriptors) {
  EXPECT_EQ(*run({"cat"}), "");
  EXPECT_EQ(*run({"/bin/sh", "-c", "echo /proc/self/fd/*"}),
            "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n");
}

TEST(Commands, WhatRunsEndsWithThem) {
  char path[] = "/tmp/sluice-command-XXXXXX";
  ::close(mkstemp(path));
  Poller poller;
  {
    Commands commands(poller);
    const std::string tell = "echo $$ > " + std::string(path) + "; exec sleep 60";
    commands.run({"/bin/sh", "-c", tell}, {}, [](const auto&) { ADD_FAILURE(); });
    for (int i = 0; i < 500 && std::ifstream(path).peek() == EOF; ++i) usleep(10'000);
  }
  pid_t child = 0;
  std::ifstream(path) >> child;
  ASSERT_GT(child, 1);
  EXPECT_EQ(kill(child, 0), -1);
  poller.poll(steady_now());
  ::unlink(path);
}

}  // namespace
}  // namespace sluice::port
