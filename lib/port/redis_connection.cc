#include "lib/port/redis_connection.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>
#include <vector>

#include "lib/base/check.h"

namespace sluice::port {

namespace {

using Step = RedisSocket::Step;
using Verdict = RedisPipeline::Verdict;

constexpr std::size_t kReadAtOnce = 16 * 1024;  // as much as hiredis's reader likes to hold
constexpr int kReadsPerTurn = 16;
constexpr std::uint32_t kSendingsMax = 3;

// Errors begin with their kind: "MOVED 3999 127.0.0.1:6381".
std::string_view kind_of(std::string_view error) { return error.substr(0, error.find(' ')); }

bool is_one_of(std::string_view kind, std::initializer_list<std::string_view> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// The server loads its data, follows another one, or has lost its replicas, of which one may have
// taken its place.
bool none_to_ask(std::string_view kind) {
  return is_one_of(kind, {"READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS"});
}

// An error's kind alone, if it is one: a server that does not know AUTH repeats the password.
std::string plain_kind(std::string_view error) {
  constexpr std::string_view kFull = "ERR max number of clients reached";
  if (error == kFull) return std::string(kFull);
  const std::string_view kind = kind_of(error);
  const bool plain =
      !kind.empty() && kind.size() <= 16 &&
      std::all_of(kind.begin(), kind.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  return plain ? std::string(kind) : "an error";
}

}  // namespace

RedisConnection::RedisConnection(Poller& poller, const RedisConfig& config, Login login,
                                 Redirected redirected)
    : poller_(poller),
      config_(config),
      login_(std::move(login)),
      redirected_(std::move(redirected)),
      pipeline_({config.calls_max, config.bytes_max, config.answer_bytes_max},
                [this](const RedisPipeline::Refused& refused) { return judge(refused); }),
      open_by_(poller.now() + config.connect_timeout) {}

RedisConnection::~RedisConnection() {
  if (socket_.fd() >= 0) poller_.unwatch_fd(socket_.fd());
}

void RedisConnection::open(const RedisSocket::Target& target) {
  const Status begun = socket_.begin(target, config_.tls, config_.call_timeout);
  if (!begun) return end("connecting: " + begun.error().what);
  watch(EPOLLOUT);
  act();
}

void RedisConnection::watch(std::uint32_t events) {
  if (events == watched_) return;
  watched_ = events;
  poller_.watch_fd(socket_.fd(), events, [this](std::uint32_t) { act(); });
}

void RedisConnection::act() {
  if (state_ == State::kOpening) go_on_opening();
  if (state_ == State::kOpening || state_ == State::kEnded) return;
  if ((watched_ & EPOLLOUT) != 0) write();
  if (state_ != State::kEnded) read();
}

void RedisConnection::go_on_opening() {
  const Step step = socket_.open();
  if (step == Step::kBroken) return end("connecting: " + socket_.why());
  watch(step == Step::kWantsWrite ? EPOLLOUT : EPOLLIN);
  if (step == Step::kDone) greet();
}

// ---- login, database, preamble -----------------------------------------------------------------

void RedisConnection::greet() {
  state_ = State::kGreeting;
  const auto step = [this](std::string_view name, bool last) {
    return [this, name, last](const RedisAnswer& answer) { greeted(name, answer, last); };
  };
  if (!config_.password.empty() && !say_login(step("AUTH", false))) return;
  if (login_.database != 0) {
    const std::string database = std::to_string(login_.database);
    const std::array<std::string_view, 2> select{"SELECT", database};
    pipeline_.add_own(select, open_by_, step("SELECT", false));
  }
  say_preamble(step("preamble", false));
  const std::array<std::string_view, 1> ping{"PING"};
  pipeline_.add_own(ping, open_by_, step("PING", true));
  // At once: a server that is full says so without being asked, and that is taken for an answer.
  write();
}

void RedisConnection::greeted(std::string_view step, const RedisAnswer& answer, bool last) {
  if (step == "AUTH") logging_in_ = false;
  if (state_ != State::kGreeting || answer.end != RedisAnswer::End::kAnswered) return;
  const std::string& text = answer.value.text;
  const bool error = answer.value.kind == RedisValue::Kind::kError;
  // A user that may not PING is welcome all the same.
  const bool refused = error && !(step == "PING" && kind_of(text) == "NOPERM");
  if (refused) {
    if (step == "AUTH") config_.secret_refused(config_.password);
    const std::string why = step == "AUTH" ? plain_kind(text) : text;
    return end(std::string(step) + " is refused: " + why);
  }
  if (last) state_ = State::kUp;
}

// The secret as it is now. false: it cannot be read, and this connection has ended.
bool RedisConnection::say_login(RedisAnswered answered) {
  auto secret = config_.read_secret(config_.password);
  if (!secret) {
    end(secret.error().what);
    return false;
  }
  password_ = std::move(*secret);
  password_at_ = poller_.now() + config_.password_every;
  logging_in_ = true;
  std::vector<std::string_view> auth{"AUTH"};
  if (!login_.user.empty()) auth.emplace_back(login_.user);
  auth.emplace_back(password_);
  pipeline_.add_own(auth, due(), std::move(answered));
  return true;
}

void RedisConnection::say_preamble(const RedisAnswered& answered) {
  for (const auto& words : config_.preamble) {
    const std::vector<std::string_view> args(words.begin(), words.end());
    pipeline_.add_own(args, due(), answered);
  }
  pipeline_.count_preamble();
}

// On a connection that is up. Refused, it stays what it was before; the next look tries again.
void RedisConnection::login_again() {
  if (logging_in_) return;
  say_login([this](const RedisAnswer& answer) {
    logging_in_ = false;
    const bool refused =
        answer.end != RedisAnswer::End::kAnswered || answer.value.kind == RedisValue::Kind::kError;
    if (!refused) return;
    password_.clear();
    config_.secret_refused(config_.password);
  });
}

// ---- calls -------------------------------------------------------------------------------------

void RedisConnection::command(std::span<const std::string_view> args, RedisAnswered answered) {
  CHECK(state_ == State::kUp);
  pipeline_.add(args, due(), std::move(answered));
}

void RedisConnection::ask(std::span<const std::string_view> args, RedisAnswered answered) {
  CHECK(state_ == State::kUp);
  pipeline_.add_own(args, due(), std::move(answered));
}

Verdict RedisConnection::judge(const RedisPipeline::Refused& refused) {
  const std::string& text = refused.error.text;
  const std::string_view kind = kind_of(text);
  if (none_to_ask(kind)) {
    turned_away_ = true;
    drain(text);
    return Verdict::kNotExecuted;
  }
  if (kind == "NOAUTH") return judge_login(refused);
  if (kind == "NOSCRIPT" && !config_.preamble.empty()) {
    if (refused.sendings >= kSendingsMax) return Verdict::kNotExecuted;
    if (refused.preambles == pipeline_.preambles()) say_preamble([](const RedisAnswer&) {});
    return Verdict::kAgain;
  }
  if (is_one_of(kind, {"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"})) {
    redirected_(text);
    return Verdict::kNotExecuted;
  }
  return kind == "BUSY" ? Verdict::kNotExecuted : Verdict::kGive;
}

// The login was taken from us, or there was none: the secret may be another by now.
Verdict RedisConnection::judge_login(const RedisPipeline::Refused& refused) {
  if (config_.password.empty() || refused.sendings >= kSendingsMax) {
    drain(refused.error.text);
    return Verdict::kNotExecuted;
  }
  config_.secret_refused(config_.password);
  login_again();
  return state_ == State::kEnded ? Verdict::kNotExecuted : Verdict::kAgain;
}

// ---- bytes -------------------------------------------------------------------------------------

void RedisConnection::write() {
  while (!pipeline_.unwritten().empty()) {
    const RedisSocket::Moved moved = socket_.write(pipeline_.unwritten());
    if (moved.step == Step::kBroken) {
      const std::string why = "writing: " + socket_.why();
      read();  // answers, or the server's own word of why it does not want us
      return end(why);
    }
    if (moved.step == Step::kWantsRead) return watch(EPOLLIN);
    if (moved.step == Step::kWantsWrite) return watch(EPOLLIN | EPOLLOUT);
    pipeline_.wrote(moved.bytes);
  }
  watch(EPOLLIN);
}

void RedisConnection::read() {
  std::array<char, kReadAtOnce> bytes{};
  more_to_read_ = false;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const RedisSocket::Moved moved = socket_.read(bytes);
    if (moved.step == Step::kBroken) {
      const bool greeting = state_ == State::kGreeting;
      return end((greeting ? "right after connecting: " : "") + socket_.why());
    }
    if (moved.step == Step::kWantsWrite) return watch(EPOLLIN | EPOLLOUT);
    if (moved.step == Step::kWantsRead) return;
    read_at_ = poller_.now();
    const Status fed = pipeline_.feed({bytes.data(), moved.bytes}, due());
    if (state_ == State::kEnded) return;
    if (!fed) return end("what came is no answer of Redis: " + fed.error().what);
    // Less than was asked for: there is no more, and one call less to find that out.
    if (moved.bytes < bytes.size() && !socket_.buffered()) return;
  }
  more_to_read_ = true;
}

Instant RedisConnection::flush(Instant now) {
  if (state_ == State::kEnded || more_to_read_) return now;
  if (state_ == State::kOpening) return open_by_;
  if ((watched_ & EPOLLOUT) == 0) write();
  if (state_ == State::kEnded) return now;
  if (state_ == State::kDraining && pipeline_.size() == 0) return now;
  if (state_ == State::kGreeting) return open_by_;
  return config_.password.empty() ? pipeline_.deadline()
                                  : std::min(pipeline_.deadline(), password_at_);
}

void RedisConnection::look(Instant now) {
  if (more_to_read_ && state_ != State::kEnded) read();
  const bool opening = state_ == State::kOpening || state_ == State::kGreeting;
  if (opening && now >= open_by_) {
    // A server without TLS waits for the end of what it takes for a command.
    const bool no_tls = state_ == State::kOpening && socket_.shaking();
    return end(no_tls ? "connecting: TLS: no answer in time: is it a port for TLS?"
                      : "connecting: no answer in time");
  }
  if (state_ == State::kDraining && pipeline_.size() == 0) return end(why_);
  if (state_ != State::kUp && state_ != State::kDraining) return;
  // While answers still come, what is overdue may be among those not yet read: it was our turn that
  // was long.
  if (pipeline_.deadline() <= now && read_at_ != now) return end("no answer in time");
  if (config_.password.empty() || now < password_at_) return;
  password_at_ = now + config_.password_every;
  const auto secret = config_.read_secret(config_.password);
  if (secret && *secret != password_) login_again();
}

void RedisConnection::drain(std::string why) {
  if (state_ != State::kUp) return;
  state_ = State::kDraining;
  why_ = std::move(why);
}

void RedisConnection::end(std::string why) {
  if (state_ == State::kEnded) return;
  if (state_ != State::kDraining) why_ = std::move(why);
  state_ = State::kEnded;
  if (socket_.fd() >= 0) poller_.unwatch_fd(socket_.fd());
}

}  // namespace sluice::port
