#include "tests/redis/redis_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "lib/base/check.h"
#include "lib/port/unique_fd.h"

namespace sluice {

namespace {

constexpr timeval kPatience{10, 0};
constexpr int kLooks = 5'000;  // 2 ms apart

port::RedisValue value_of(const redisReply& reply) {
  using Kind = port::RedisValue::Kind;
  port::RedisValue value;
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      value.kind = Kind::kInteger;
      value.integer = reply.integer;
      return value;
    case REDIS_REPLY_STRING:
      value.kind = Kind::kString;
      break;
    case REDIS_REPLY_STATUS:
      value.kind = Kind::kStatus;
      break;
    case REDIS_REPLY_ERROR:
      value.kind = Kind::kError;
      break;
    case REDIS_REPLY_ARRAY:
      value.kind = Kind::kArray;
      for (std::size_t i = 0; i < reply.elements; ++i) {
        value.items.push_back(value_of(*reply.element[i]));
      }
      return value;
    default:
      return value;
  }
  value.text.assign(reply.str, reply.len);
  return value;
}

}  // namespace

std::uint16_t free_port() {
  const port::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* at = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  CHECK(bind(fd.get(), at, size) == 0 && getsockname(fd.get(), at, &size) == 0);
  return ntohs(address.sin_port);
}

struct RedisServer::Connection {
  explicit Connection(const std::string& socket)
      : context(redisConnectUnixWithTimeout(socket.c_str(), kPatience)) {
    if (context != nullptr && context->err == 0) redisSetTimeout(context, kPatience);
  }
  ~Connection() { redisFree(context); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool is_lost() const { return context == nullptr || context->err != 0; }
  // To be sent with the next flush(), or while the first answer is waited for.
  void append(const std::vector<std::string>& words) const {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    if (is_lost()) return;
    redisAppendCommandArgv(context, static_cast<int>(words.size()), texts.data(), sizes.data());
  }
  void flush() const {
    int done = 0;
    while (!is_lost() && done == 0) redisBufferWrite(context, &done);
  }
  port::RedisValue answer() const {
    void* said = nullptr;
    if (is_lost() || redisGetReply(context, &said) != REDIS_OK) {
      const std::string why = context == nullptr ? "no memory" : context->errstr;
      return {port::RedisValue::Kind::kError, 0, "lost: " + why, {}};
    }
    auto* reply = static_cast<redisReply*>(said);
    port::RedisValue value = value_of(*reply);
    freeReplyObject(reply);
    return value;
  }
  port::RedisValue command(const std::vector<std::string>& words) const {
    append(words);
    return answer();
  }

  redisContext* context;
};

RedisServer::RedisServer(Options options) : options_(std::move(options)) {
  const bool memory = options_.memory && access("/dev/shm", W_OK) == 0;
  const std::filesystem::path under = memory ? "/dev/shm" : std::filesystem::temp_directory_path();
  std::string name = (under / "sluice_redis_XXXXXX").string();
  CHECK(mkdtemp(name.data()) != nullptr);
  directory_ = name;
  if (options_.clock) {
    const port::UniqueFd file(
        open((directory_ + "/clock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    CHECK(ftruncate(file.get(), 2 * sizeof *clock_) == 0);
    void* at = mmap(nullptr, 2 * sizeof *clock_, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    CHECK(at != MAP_FAILED);
    clock_ = static_cast<std::int64_t*>(at);
  }
  start();
}

RedisServer::~RedisServer() {
  kill();
  if (clock_ != nullptr) munmap(clock_, 2 * sizeof *clock_);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void RedisServer::tell_clock(std::int64_t mode, std::int64_t value) {
  CHECK(clock_ != nullptr);
  clock_[1] = value;
  clock_[0] = mode;
}

void RedisServer::write_conf() const {
  std::ofstream conf(directory_ + "/redis.conf");
  conf << "dir " << directory_ << "\nunixsocket " << socket() << "\nlogfile " << directory_
       << "/redis.log\nbind 127.0.0.1\nport " << port_ << "\ndaemonize no\nsave \"\"\n"
       << "maxmemory-policy noeviction\nenable-debug-command yes\n";
  for (const std::string& line : options_.conf) conf << line << '\n';
}

bool RedisServer::wait_until_up() {
  for (int i = 0; i < kLooks; ++i) {
    if (waitpid(child_, nullptr, WNOHANG) != 0) return child_ = 0, false;
    if (access(socket().c_str(), F_OK) == 0) {
      const port::RedisValue said = Connection(socket()).command({"PING"});
      // Any other word than these two is one of a server that answers.
      if (!said.text.starts_with("lost") && !said.text.starts_with("LOADING")) return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

void RedisServer::start() {
  CHECK(child_ == 0);
  unlink(socket().c_str());
  for (int tries = 0; tries < 5; ++tries) {
    if (options_.port && port_ == 0) port_ = free_port();
    write_conf();
    child_ = fork();
    CHECK(child_ >= 0);
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (options_.clock) {
        setenv("LD_PRELOAD", SLUICE_CLOCK_SHIM, 1);
        setenv("SLUICE_TEST_CLOCK", (directory_ + "/clock").c_str(), 1);
      }
      execlp("redis-server", "redis-server", (directory_ + "/redis.conf").c_str(), nullptr);
      _exit(127);
    }
    if (wait_until_up()) return;
    kill();
  }
  ADD_FAILURE() << "redis-server does not start (scripts/setup installs it):\n" << log();
}

void RedisServer::kill() {
  connection_.reset();
  end();
}

void RedisServer::end() {
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
  child_ = 0;
}

void RedisServer::freeze() { ::kill(child_, SIGSTOP); }
void RedisServer::thaw() { ::kill(child_, SIGCONT); }

void RedisServer::evict_one() {
  // The next one, which makes room enough.
  constexpr std::size_t kBallast = 8 << 20;
  constexpr const char* kLater = "259200";  // 3 days
  command({"SET", "ballast", std::string(kBallast, 'x'), "EX", kLater});
  const std::string info = command({"INFO", "memory"}).text;
  const std::size_t used = std::stoull(info.substr(info.find("used_memory:") + 12));
  command({"CONFIG", "SET", "maxmemory-samples", "64", "maxmemory-policy", "volatile-ttl"});
  command({"CONFIG", "SET", "maxmemory", std::to_string(used - kBallast / 2)});
  for (int i = 0; i < kLooks && command({"EXISTS", "ballast"}).integer == 1; ++i) usleep(2'000);
  command({"CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction"});
}

void RedisServer::log_in(std::string user, std::string password) {
  user_ = std::move(user);
  password_ = std::move(password);
  connection_.reset();
}

RedisServer::Connection& RedisServer::connected() {
  if (connection_ == nullptr || connection_->is_lost()) {
    connection_ = std::make_unique<Connection>(socket());
    if (!password_.empty()) {
      // Who is refused is told so by every command that follows.
      connection_->command({"AUTH", user_.empty() ? "default" : user_, password_});
    }
  }
  return *connection_;
}

port::RedisValue RedisServer::command(const std::vector<std::string>& words) {
  return connected().command(words);
}

std::vector<port::RedisValue> RedisServer::pipeline(
    const std::vector<std::vector<std::string>>& commands) {
  const Connection& connection = connected();
  for (const auto& words : commands) connection.append(words);
  std::vector<port::RedisValue> answers;
  for (std::size_t i = 0; i < commands.size(); ++i) answers.push_back(connection.answer());
  return answers;
}

std::size_t RedisServer::kill_amid(const std::vector<std::vector<std::string>>& commands,
                                   std::size_t answers, Duration later) {
  const Connection& connection = connected();
  for (const auto& words : commands) connection.append(words);
  connection.flush();
  std::size_t answered = 0;
  const auto hear = [&](std::size_t upto) {
    while (answered < upto && !connection.answer().text.starts_with("lost")) ++answered;
  };
  hear(std::min(answers, commands.size()));
  std::this_thread::sleep_for(std::chrono::microseconds(later.us));
  end();
  hear(commands.size());
  connection_.reset();
  return answered;
}

std::string RedisServer::log() const {
  std::ifstream file(directory_ + "/redis.log");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace sluice
