// Calls of AWS: signed, sent, and said again where that may help (retry.h). One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/aws/answer.h"
#include "lib/aws/pace.h"
#include "lib/aws/request.h"
#include "lib/aws/retry.h"
#include "lib/aws/uses.h"
#include "lib/base/result.h"

namespace sluice::aws {

// The world, as a client needs it.
class Transport {
 public:
  virtual ~Transport() = default;
  struct Limits {
    Duration timeout;
    std::size_t answer_max;
  };
  // Calls `done` once, later. Of a larger answer it gives a byte more than that.
  virtual void send(HttpRequest request, Limits limits, std::function<void(HttpText)> done) = 0;
  virtual void after(Duration wait, std::function<void()> run) = 0;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual StoreTime wall() const = 0;
};

class KeySource {
 public:
  virtual ~KeySource() = default;
  // Calls `done` once, at once or later; the error lists what was tried.
  virtual void ask(std::function<void(Result<Keys>)> done) = 0;
  // A service refused these: they are not given out again.
  virtual void doubt(const Keys& keys) = 0;
};

struct Outcome {
  std::optional<Fault> fault;  // nothing: it succeeded
  FaultKind kind = FaultKind::kRefused;
  std::uint32_t status = 0;  // of the last answer; 0: none came
  std::uint32_t attempts = 0;
  std::string answer = {};  // JSON of all protocols but rest-xml, whose body it is
  std::map<std::string, std::string> fields = {};
  // It failed, and an attempt that had no answer, or one of the service's own trouble, may have
  // been executed: a condition that fails now may have been made to by ourselves.
  bool may_be_done = false;
};

struct ClientConfig {
  std::string region;
  EndpointSettings endpoints = {};
  std::uint32_t calls_per_second = 1000;  // of each service
  std::uint64_t seed = 1;
  std::optional<Uses> uses = {};  // nothing: whatever it is asked for
};

class Client {
 public:
  using Done = std::function<void(Outcome)>;

  // What it is given outlives it, and it outlives its calls: `done` of what is under way when it
  // goes is never called.
  Client(Transport& transport, KeySource& keys, ClientConfig config);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Calls `done` once. CHECKs that the request is among the uses.
  void call(Request request, Done done);

 private:
  struct Call;
  using Shared = std::shared_ptr<Call>;
  // `run`, unless this client has gone by then.
  template <class... Args>
  auto later(void (Client::*run)(const Shared&, Args...), const Shared& call);
  void take_turn(const Shared& call);
  void ask_keys(const Shared& call);
  void attempt(const Shared& call, Result<Keys> keys);
  void answered(const Shared& call, HttpText answer);
  void failed(const Shared& call, const HttpText& answer, Fault fault);
  void finish(const Shared& call, Outcome outcome);
  [[nodiscard]] bool learn_skew(const HttpText& answer);

  Transport& transport_;
  KeySource& keys_;
  ClientConfig config_;
  RetryQuota quota_;
  Prng chance_;
  std::map<std::string, Pace, std::less<>> paces_;  // by service
  Duration skew_;                                   // AWS's clock less ours
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace sluice::aws
