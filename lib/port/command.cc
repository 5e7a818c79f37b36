#include "lib/port/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "lib/base/check.h"
#include "lib/port/unique_fd.h"

namespace sluice::port {

namespace {

Error unavailable(std::string what) { return {Trouble::kUnavailable, std::move(what)}; }

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{-1, -1};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
    CHECK(fcntl(out.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  UniqueFd out;  // to read from
  UniqueFd in;
};

// What a program starts with: a process group of its own, every signal as it is by default.
class Start {
 public:
  explicit Start(int output) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
    posix_spawnattr_init(&how_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&how_, &none);
    posix_spawnattr_setsigdefault(&how_, &all);
    posix_spawnattr_setpgroup(&how_, 0);
    posix_spawnattr_setflags(
        &how_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Start() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&how_);
  }
  Start(const Start&) = delete;
  Start& operator=(const Start&) = delete;

  // errno; 0: it runs.
  int spawn(std::vector<std::string>& words, pid_t& child) {
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return posix_spawnp(&child, argv.front(), &files_, &how_, argv.data(), environ);
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t how_{};
};

class Cutter {
 public:
  explicit Cutter(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> cut() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      const bool whole = c == '\'' || c == '"' ? quoted(c) : plain(c);
      if (!whole) return Error{Trouble::kInvalid, "a quote without its end"};
    }
    end_word();
    if (words_.empty()) return Error{Trouble::kInvalid, "no command"};
    return std::move(words_);
  }

 private:
  bool plain(char c) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return end_word(), true;
    if (c == '\\' && ++at_ == text_.size()) return false;
    add(text_[at_]);
    return true;
  }
  bool quoted(char mark) {
    if (!word_) word_.emplace();
    while (++at_ < text_.size() && text_[at_] != mark) {
      const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      if (mark == '"' && text_[at_] == '\\' && (next == '"' || next == '\\')) ++at_;
      add(text_[at_]);
    }
    return at_ < text_.size();
  }
  void add(char c) {
    if (!word_) word_.emplace();
    word_->push_back(c);
  }
  void end_word() {
    if (word_) words_.push_back(std::move(*word_));
    word_.reset();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<std::string> word_;  // nothing: between two
  std::vector<std::string> words_;
};

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "it was ended by signal " + std::to_string(WTERMSIG(status));
  return "it ended with " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Result<std::vector<std::string>> words_of(std::string_view command) {
  return Cutter(command).cut();
}

struct Commands::Running {
  pid_t child = 0;
  UniqueFd process;
  UniqueFd output;
  Limits limits;
  Done done;  // empty: answered, and yet to end
  std::string printed = {};
  TimerId timer = {};

  void kill_all() const { kill(-child, SIGKILL); }
};

Commands::Commands(Poller& poller) : poller_(poller) {}

Commands::~Commands() {
  for (auto& [fd, running] : running_) {
    poller_.cancel(running->timer);
    poller_.unwatch_fd(fd);
    if (running->output.open()) poller_.unwatch_fd(running->output.get());
    running->kill_all();
    waitpid(running->child, nullptr, 0);
  }
}

void Commands::run(std::vector<std::string> words, Limits limits, Done done) {
  CHECK(!words.empty());
  Pipe pipe;
  if (!pipe.out.open()) return done(unavailable("no descriptor is left"));
  auto owned = std::make_unique<Running>();
  Running& running = *owned;
  const int failed = Start(pipe.in.get()).spawn(words, running.child);
  if (failed != 0) return done(unavailable(words.front() + ": " + std::strerror(failed)));
  running.process = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, running.child, 0)));
  if (!running.process.open()) {
    const std::string why = std::strerror(errno);
    running.kill_all();
    waitpid(running.child, nullptr, 0);
    return done(unavailable(words.front() + " cannot be watched: " + why));
  }
  running.output = std::move(pipe.out);
  running.limits = limits;
  running.done = std::move(done);
  running_.emplace(running.process.get(), std::move(owned));
  poller_.watch_fd(running.output.get(), EPOLLIN,
                   [this, &running](std::uint32_t) { read(running); });
  poller_.watch_fd(running.process.get(), EPOLLIN,
                   [this, &running](std::uint32_t) { ended(running); });
  running.timer = poller_.after(limits.time, [this, &running] {
    finish(running, unavailable("it did not end within " +
                                std::to_string(running.limits.time.us / 1'000'000) + " s"));
  });
}

// What is there. Its end is heard of by the process's: another may hold the pipe for ever.
void Commands::read(Running& running) {
  std::array<char, 4096> piece{};
  for (;;) {
    const ssize_t got = ::read(running.output.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      poller_.unwatch_fd(running.output.get());
      return running.output.close();
    }
    running.printed.append(piece.data(), static_cast<std::size_t>(got));
    if (running.printed.size() <= running.limits.bytes) continue;
    return finish(running, unavailable("it prints more than " +
                                       std::to_string(running.limits.bytes) + " bytes"));
  }
}

void Commands::ended(Running& running) {
  if (running.output.open() && running.done) read(running);
  int status = 0;
  if (waitpid(running.child, &status, WNOHANG) != running.child) return;
  const int fd = running.process.get();
  const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  poller_.unwatch_fd(fd);
  const auto owned = std::move(running_.extract(fd).mapped());
  if (!owned->done) return;
  poller_.cancel(owned->timer);
  if (owned->output.open()) poller_.unwatch_fd(owned->output.get());
  const Done done = std::move(owned->done);
  if (!well) return done(unavailable(how_it_ended(status)));
  done(std::move(owned->printed));
}

// Before its end, which is brought about. It stays until it has ended.
void Commands::finish(Running& running, Result<std::string> how) {
  running.kill_all();
  poller_.cancel(running.timer);
  if (running.output.open()) poller_.unwatch_fd(running.output.get());
  running.output.close();
  const Done done = std::exchange(running.done, {});
  done(std::move(how));
}

}  // namespace sluice::port
