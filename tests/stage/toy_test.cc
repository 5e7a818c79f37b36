// Real processes: two toy stages that find each other, lose each other, and stop in order.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lib/port/clock.h"
#include "lib/port/listen_socket.h"
#include "lib/port/random.h"

namespace sluice::stage {
namespace {

struct Child {
  pid_t pid = -1;
  std::string log;
};

class Toy : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/sluice-toy-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override {
    for (const Child& child : started_) {
      if (kill(child.pid, SIGKILL) == 0) waitpid(child.pid, nullptr, 0);
    }
    std::filesystem::remove_all(dir_);
  }
  Child start(const std::string& kind, std::vector<std::string> more = {}) {
    Child child{-1, dir_ + "/" + kind + std::to_string(started_.size()) + ".log"};
    std::vector<std::string> words{TOY_STAGE, kind, "--data-dir", dir_ + "/data"};
    words.insert(words.end(), more.begin(), more.end());
    child.pid = fork();
    if (child.pid == 0) {
      const int log = open(child.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(log, 1);
      dup2(log, 2);
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      execv(argv[0], argv.data());
      _exit(127);
    }
    started_.push_back(child);
    return child;
  }
  int wait_for(const Child& child, Duration at_most = seconds(10)) {
    const Instant end = port::steady_now() + at_most;
    int status = 0;
    while (port::steady_now() < end) {
      if (waitpid(child.pid, &status, WNOHANG) == child.pid) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
      }
      usleep(5000);
    }
    return -1;
  }
  int run(const std::string& kind, std::vector<std::string> more, std::string* said = nullptr) {
    const Child child = start(kind, std::move(more));
    const int code = wait_for(child);
    if (said != nullptr) *said = read(child.log);
    return code;
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text;
    return dir_ + "/" + name;
  }
  // Below the ports that the kernel gives to who connects.
  static std::uint16_t free_port() {
    for (;;) {
      const std::uint64_t port = 20'000 + port::random_id() % 12'000;
      if (port::listen_on("127.0.0.1:" + std::to_string(port))) {
        return static_cast<std::uint16_t>(port);
      }
    }
  }
  static std::string get(std::uint16_t port, const std::string& path) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string heard;
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      const std::string text = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
      send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      char bytes[4096];
      ssize_t got = 0;
      pollfd ready{fd, POLLIN, 0};
      while (poll(&ready, 1, 3000) == 1 && (got = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        heard.append(bytes, static_cast<std::size_t>(got));
      }
    }
    close(fd);
    return heard;
  }
  static std::uint64_t heard(std::uint16_t port) {
    const std::string text = get(port, "/metrics");
    const std::size_t at = text.find("\ntoy_heard_total ");
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + 17));
  }
  template <class Condition>
  static bool eventually(Condition condition, Duration at_most = seconds(10)) {
    const Instant end = port::steady_now() + at_most;
    while (!condition()) {
      if (port::steady_now() > end) return false;
      usleep(20'000);
    }
    return true;
  }
  static bool ready(std::uint16_t port) { return get(port, "/readyz").starts_with("HTTP/1.1 200"); }
  static std::vector<std::string> health(std::uint16_t port) {
    return {"--health-listen", "127.0.0.1:" + std::to_string(port)};
  }

  std::string dir_;
  std::vector<Child> started_;
};

TEST_F(Toy, TwoProcessesFindEachOtherAgainAfterAKillAndStopInOrder) {
  const auto port = free_port();
  const Child asker = start("ask", health(port));
  EXPECT_TRUE(eventually([&] { return get(port, "/healthz").ends_with("ok\n"); }));
  EXPECT_TRUE(get(port, "/readyz").ends_with("no limiter is connected\n"));
  Child answerer = start("answer");
  ASSERT_TRUE(eventually([&] { return ready(port) && heard(port) > 10; })) << read(asker.log);
  kill(answerer.pid, SIGKILL);
  EXPECT_EQ(wait_for(answerer), 1000 + SIGKILL);
  ASSERT_TRUE(eventually([&] { return !ready(port); }));
  const auto before = heard(port);
  answerer = start("answer");
  ASSERT_TRUE(eventually([&] { return ready(port) && heard(port) > before + 10; }));
  kill(asker.pid, SIGTERM);
  kill(answerer.pid, SIGINT);
  EXPECT_EQ(wait_for(asker), 0);
  EXPECT_EQ(wait_for(answerer), 0);
  EXPECT_NE(read(asker.log).find("ready instance=1"), std::string::npos) << read(asker.log);
  EXPECT_NE(read(asker.log).find("stopped"), std::string::npos);
}

TEST_F(Toy, SighupReadsTheSettingsAgainAndWhatDoesNotCheckChangesNothing) {
  const auto settings = [this](const std::string& text) {
    return write("s.toml", "[sluice]\ndata_dir = \"" + dir_ + "/data\"\n[ingest]\n" + text);
  };
  const std::string file = dir_ + "/s.toml";
  const auto port = free_port();
  const Child child = start("ask", {"--settings", settings("pause = \"30ms\"\n"), "--health-listen",
                                    "127.0.0.1:" + std::to_string(port)});
  ASSERT_TRUE(eventually([&] { return get(port, "/healthz").starts_with("HTTP/1.1 200"); }));
  const auto hup = [&](const std::string& text, const std::string& says) {
    settings(text);
    kill(child.pid, SIGHUP);
    return eventually([&] { return read(child.log).find(says) != std::string::npos; });
  };
  EXPECT_TRUE(hup("pause = \"30ms\"\n", "SIGHUP: the settings are as they were"));
  EXPECT_TRUE(hup("\npause = \"soon\"\n", file + ":5: pause: "));
  EXPECT_TRUE(hup("pause = \"40ms\"\nword = \"never\"\n", "not that word"));
  EXPECT_TRUE(
      hup("pause = \"40ms\"\nword = \"two\"\n", "SIGHUP: new settings are taken settings=pause"));
  EXPECT_TRUE(hup("pause = \"40ms\"\nword = \"three\"\n", "the old ones hold settings=word"));
  std::ofstream(file) << "[sluice]\ndata_dir = \"" << dir_ << "/data\"\ntime_scale = 0.5\n";
  kill(child.pid, SIGHUP);
  EXPECT_TRUE(eventually([&] {
    return read(child.log).find(file + ":3: time_scale cannot change") != std::string::npos;
  }));
  kill(child.pid, SIGTERM);
  EXPECT_EQ(wait_for(child), 0);
}

TEST_F(Toy, ASecondOneInADataDirectoryIsTurnedAway) {
  start("answer");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(dir_ + "/data/run/limiter.sock"); }));
  std::string said;
  EXPECT_EQ(run("answer", {}, &said), 75);
  EXPECT_NE(said.find("is locked by process " + std::to_string(started_[0].pid)), std::string::npos)
      << said;
}

TEST_F(Toy, ATakenPortIsNamedAndEndsWith75) {
  auto taken = port::listen_on("127.0.0.1:0");
  std::string said;
  EXPECT_EQ(run("answer", health(port::port_of(taken->get())), &said), 75);
  EXPECT_NE(said.find("cannot listen on 127.0.0.1:"), std::string::npos) << said;
}

TEST_F(Toy, ExitCodesOfSettings) {
  const auto file = write("s.toml", "[sluice]\ntime_scale = 0.5\n\n[ingest]\npause = \"2s\"\n");
  std::string said;
  EXPECT_EQ(run("ask", {"--settings", file}, &said), 78);
  EXPECT_EQ(said,
            "sluice-ingest: " + file +
                ":5: pause: 2s is too much; allowed is a duration such as \"250ms\", \"10s\", "
                "\"5min\", \"2h\", at least 1ms, at most 1s\n");
  EXPECT_EQ(run("answer", {"--settings", file, "--check"}), 0) << "another stage's table";
  EXPECT_EQ(run("ask", {"--bogus"}), 64);
  EXPECT_EQ(run("ask", {"--pause", "never"}, &said), 78);
  EXPECT_NE(said.find("--pause: pause: \"never\" is not allowed"), std::string::npos) << said;
  EXPECT_EQ(run("ask", {"--version"}, &said), 0);
  EXPECT_EQ(said, "sluice-ingest 0.1.0\n");
  EXPECT_EQ(run("ask", {"--help"}, &said), 0);
  EXPECT_NE(said.find("--health-listen"), std::string::npos);
  EXPECT_EQ(run("ask", {"--settings", dir_ + "/none.toml"}, &said), 78);
  EXPECT_NE(said.find("none.toml: cannot be read"), std::string::npos) << said;
}

TEST_F(Toy, WrongNamesAndAddressesAreSettings) {
  std::string said;
  for (const char* wrong : {"a/b", "..", "a b", "a\x01", "\xff"}) {
    EXPECT_EQ(run("ask", {"--check", "--instance", wrong}), 78) << wrong;
  }
  EXPECT_EQ(run("ask", {"--check", "--instance", "eu-1_b.2"}), 0);
  for (const char* wrong : {"foo", "tcp://127.0.0.1:x", "tcp://8.8.8.8:1", "ipc://"}) {
    EXPECT_EQ(run("ask", {"--check", "--limiters", wrong}, &said), 78) << wrong;
    EXPECT_NE(said.find("--limiters: limiters: " + std::string(wrong)), std::string::npos) << said;
    EXPECT_EQ(run("answer", {"--check", "--listen", wrong}), 78) << wrong;
  }
  EXPECT_EQ(run("ask", {"--check", "--health-listen", "127.0.0.1:99999"}, &said), 78);
  EXPECT_NE(said.find("--health_listen: health_listen: "), std::string::npos) << said;
}

TEST_F(Toy, FlagBeatsEnvironmentBeatsFile) {
  const auto file = write("s.toml", "[ingest]\npause = \"30ms\"\nstop_timeout = \"3s\"\n");
  setenv("SLUICE_INGEST_PAUSE", "40ms", 1);
  setenv("SLUICE_LOG_LEVEL", "error", 1);
  std::string said;
  EXPECT_EQ(run("ask", {"--settings", file, "--print-settings"}, &said), 0);
  EXPECT_NE(said.find("pause = \"40ms\"\n"), std::string::npos) << said;
  EXPECT_NE(said.find("log_level = \"error\"\n"), std::string::npos) << said;
  EXPECT_NE(said.find("stop_timeout = \"3s\"\n"), std::string::npos) << said;
  EXPECT_EQ(run("ask", {"--settings", file, "--print-settings", "--pause", "50ms"}, &said), 0);
  EXPECT_NE(said.find("pause = \"50ms\"\n"), std::string::npos) << said;
  EXPECT_NE(said.find("\n[[upstream]]\nname = \"onlyfans\"\n"), std::string::npos) << said;
  EXPECT_NE(said.find("\n[[limit]]\nupstream = \"onlyfans\"\n"), std::string::npos) << said;
  unsetenv("SLUICE_INGEST_PAUSE");
  unsetenv("SLUICE_LOG_LEVEL");
}

TEST_F(Toy, WhereAnUpstreamIsTheEnvironmentMaySay) {
  const auto file =
      write("s.toml", "[[upstream]]\nname = \"fans-2\"\nurl = \"https://a.example\"\n");
  setenv("SLUICE_UPSTREAM_FANS_2_URL", "http://127.0.0.1:1", 1);
  std::string said;
  EXPECT_EQ(run("ask", {"--settings", file, "--print-settings", "--time-scale", "0.1"}, &said), 0);
  EXPECT_NE(said.find("url = \"http://127.0.0.1:1\"\n"), std::string::npos) << said;
  setenv("SLUICE_UPSTREAM_FANS_2_URL", "127.0.0.1:1", 1);
  EXPECT_EQ(run("ask", {"--settings", file, "--check"}, &said), 78);
  EXPECT_NE(said.find("SLUICE_UPSTREAM_FANS_2_URL: url: must start"), std::string::npos) << said;
  unsetenv("SLUICE_UPSTREAM_FANS_2_URL");
}

}  // namespace
}  // namespace sluice::stage
