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
constexpr int kJavaMin = 17;
#ifdef __x86_64__
constexpr bool kIsX86 = true;
#else
constexpr bool kIsX86 = false;
#endif
const std::filesystem::path kPeers = std::filesystem::absolute("build/peers");

struct Program {
  std::string name;
  std::filesystem::path needs;
  std::vector<std::string> words;  // PORT stands for its port
};

// Next to the folder of the tests.
std::filesystem::path own_program(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin" / name;
}

// With little memory, and quick to start rather than to run.
Program java_program(const std::string& name, const std::vector<std::string>& settings,
                     const std::vector<std::string>& words) {
  const std::filesystem::path jars = kPeers / "jars" / name;
  Program program{name, kPeers / "installed.sha256", {"java", "-Xmx256m", "-XX:+UseSerialGC"}};
  program.words.insert(program.words.end(), {"-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"});
  for (const std::string& each : settings) program.words.push_back("-D" + each);
  program.words.insert(program.words.end(), {"-cp", jars / "*"});
  program.words.insert(program.words.end(), words.begin(), words.end());
  return program;
}

Program program_of(Emulator emulator) {
  switch (emulator) {
    case Emulator::kMoto:
      return {"moto",
              kPeers / "installed.txt",
              {kPeers / "venv/bin/moto_server", "-H", "127.0.0.1", "-p", "PORT"}};
    case Emulator::kFauxqs:
      return {"fauxqs",
              kPeers / "installed.json",
              {"node", "tests/peers/fauxqs.mjs", kPeers / "node_modules/fauxqs", "PORT"}};
    case Emulator::kTiny:
      return {"tiny", own_program("tiny-dynamodb"), {own_program("tiny-dynamodb"), "PORT"}};
    case Emulator::kTinySqs:
      return {"tiny_sqs", own_program("tiny-sqs"), {own_program("tiny-sqs"), "PORT"}};
    case Emulator::kDynamoDbLocal:
      return java_program(
          "dynamodb_local",
          {"org.eclipse.jetty.xml.XmlParser.Validating=false", "port=PORT",
           "sqlite4java.library.path=" + (kPeers / "jars/dynamodb_local").string()},
          {"org.eclipse.jetty.xml.XmlConfiguration", "tests/peers/dynamodb_local.xml"});
    case Emulator::kElasticMq:
      return java_program(
          "elasticmq",
          {"rest-sqs.bind-hostname=127.0.0.1", "rest-sqs.bind-port=PORT",
           "node-address.host=127.0.0.1", "node-address.port=PORT", "rest-stats.enabled=false"},
          {"org.elasticmq.server.Main"});
  }
  return {};
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
    std::vector<char*> argv;
    for (std::string& word : words) {
      if (word.ends_with("PORT")) word.replace(word.size() - 4, 4, std::to_string(port_));
      argv.push_back(word.data());
    }
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

// The first number that a command says; 0: there is none.
int version_by(const char* command) {
  std::FILE* said = popen(command, "r");
  int major = 0;
  if (said != nullptr && std::fscanf(said, "%*[^0-9]%d", &major) != 1) major = 0;
  if (said != nullptr) pclose(said);
  return major;
}

// Of what it runs on.
std::string why_unfit(Emulator emulator) {
  if (emulator == Emulator::kFauxqs) {
    static const int node = version_by("node --version 2>/dev/null");
    return node >= kNodeMin ? "" : "fauxqs needs Node 20; here is " + std::to_string(node);
  }
  if (emulator != Emulator::kDynamoDbLocal && emulator != Emulator::kElasticMq) return "";
  if (emulator == Emulator::kDynamoDbLocal && !kIsX86) return "its SQLite is for x86_64";
  static const int java = version_by("command -v java >/dev/null && java -version 2>&1");
  return java >= kJavaMin ? "" : "it needs Java 17; here is " + std::to_string(java);
}

// Those of this process, until it ends.
std::unique_ptr<Child>& child_of(Emulator emulator) {
  static std::map<Emulator, std::unique_ptr<Child>> children;
  return children[emulator];
}

}  // namespace

std::string name_of(Emulator emulator) { return program_of(emulator).name; }

std::string why_absent(Emulator emulator) {
  const Program program = program_of(emulator);
  if (!std::filesystem::exists(program.needs)) {
    return "scripts/peers has not brought " + program.name;
  }
  return why_unfit(emulator);
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
