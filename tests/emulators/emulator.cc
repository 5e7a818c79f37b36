#include "tests/emulators/emulator.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "lib/base/check.h"
#include "lib/port/unique_fd.h"
#include "tests/redis/redis_server.h"

namespace sluice {

namespace {

constexpr int kLooks = 1'500;  // 20 ms apart
constexpr int kNodeMin = 20;
const std::filesystem::path kPeers = std::filesystem::absolute("build/peers");

struct Program {
  std::vector<std::string> words;  // before the port
  std::filesystem::path needs;
};

// Next to the folder of the tests.
std::filesystem::path own_programs() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin";
}

Program program_of(Emulator emulator) {
  if (emulator == Emulator::kTiny || emulator == Emulator::kTinySqs) {
    const auto tiny = own_programs() / (emulator == Emulator::kTiny ? "tiny-dynamodb" : "tiny-sqs");
    return {{tiny}, tiny};
  }
  if (emulator == Emulator::kMoto) {
    return {{kPeers / "venv/bin/moto_server", "-H", "127.0.0.1", "-p"}, kPeers / "installed.txt"};
  }
  return {{"node", "tests/peers/fauxqs.mjs", kPeers / "node_modules/fauxqs"},
          kPeers / "installed.json"};
}

bool listens(std::uint16_t port) {
  const port::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

class Child {
 public:
  explicit Child(const Program& program) : port_(free_port()) {
    std::vector<std::string> words = program.words;
    words.push_back(std::to_string(port_));
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    child_ = fork();
    CHECK(child_ >= 0);
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
      for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, fd);
      execvp(argv.front(), argv.data());
      _exit(127);
    }
  }
  ~Child() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // False: it has ended, or does not listen in time.
  bool comes_up() {
    for (int i = 0; i < kLooks; ++i) {
      if (waitpid(child_, nullptr, WNOHANG) != 0) return child_ = 0, false;
      if (listens(port_)) return true;
      usleep(20'000);
    }
    return false;
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  std::uint16_t port_;
  pid_t child_ = 0;
};

// Of Node; 0: there is none.
int node_version() {
  std::FILE* said = popen("node -p process.versions.node 2>/dev/null", "r");
  int major = 0;
  if (said != nullptr && std::fscanf(said, "%d", &major) != 1) major = 0;
  if (said != nullptr) pclose(said);
  return major;
}

// Those of this process, until it ends.
std::unique_ptr<Child>& child_of(Emulator emulator) {
  static std::map<Emulator, std::unique_ptr<Child>> children;
  return children[emulator];
}

}  // namespace

std::string name_of(Emulator emulator) {
  if (emulator == Emulator::kTiny) return "tiny";
  if (emulator == Emulator::kTinySqs) return "tiny_sqs";
  return emulator == Emulator::kMoto ? "moto" : "fauxqs";
}

std::string why_absent(Emulator emulator) {
  if (!std::filesystem::exists(program_of(emulator).needs)) {
    return "scripts/peers has not brought " + name_of(emulator);
  }
  static const int node = node_version();
  const bool too_old = emulator == Emulator::kFauxqs && node < kNodeMin;
  return too_old ? "fauxqs needs Node 20; here is " + std::to_string(node) : "";
}

std::string url_of(Emulator emulator) {
  if (!why_absent(emulator).empty()) return {};
  auto& child = child_of(emulator);
  for (int tries = 0; child == nullptr && tries < 3; ++tries) {
    child = std::make_unique<Child>(program_of(emulator));
    if (!child->comes_up()) child.reset();
  }
  if (child != nullptr) return child->url();
  ADD_FAILURE() << name_of(emulator) << " does not start";
  return {};
}

}  // namespace sluice
