// The dispatcher's HTTP: StartHttp -> lane rules, credential, headers -> one shot on the wire ->
// HttpEnded. A pool of connections per upstream, so that nothing of one can hold up another.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/core.h"
#include "dispatcher/secrets.h"
#include "lib/aws/secrets.h"
#include "lib/base/result.h"
#include "lib/port/one_shot.h"
#include "lib/port/poller.h"
#include "lib/port/url.h"

namespace sluice::dispatcher {

struct HttpConfig {
  std::vector<Upstream> upstreams;
  bool allow_link_local = false;
  std::size_t answer_max = 1024 * 1024;
};

class Http {
 public:
  struct Hooks {
    // Asked just before the first byte: how long it may take, if that is less than the timeout;
    // nothing: it may not leave. Must not call Http.
    std::function<std::optional<Duration>(const wire::Attempt&)> may_start;
    // Once for each start, unless it was stopped.
    std::function<void(HttpEnded)> ended;
    aws::Secrets* secrets = nullptr;  // nullptr: of the environment and files alone
  };

  // kSettings when an upstream's url, credential, header or method cannot be.
  static Result<std::unique_ptr<Http>> open(port::Poller& poller, HttpConfig config, Hooks hooks);
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  // Ends by hooks.ended, which may be called before this returns.
  void start(StartHttp call);
  // Its connection is reset; hooks.ended is not called.
  void stop(const wire::Attempt& attempt);

  [[nodiscard]] std::size_t running() const { return attempts_.size() + waiting_.size(); }
  // The trouble that only a person can mend ("secret://env/X cannot be read"); empty: none.
  [[nodiscard]] std::string trouble() const;

 private:
  struct Line {  // to one upstream
    const Upstream* upstream = nullptr;
    port::BaseUrl url;
    std::unique_ptr<port::OneShots> shots;
    std::string trouble;  // with its credential
    bool astray = false;  // its name led to an address that is refused
  };
  struct Running {
    wire::Attempt attempt;
    Line* line = nullptr;
  };

  // For a secret that is being read.
  struct Waiting {
    StartHttp call;
    std::uint64_t number = 0;
  };

  Http(port::Poller& poller, HttpConfig config, Hooks hooks);
  Status add_line(port::Poller& poller, const Upstream& upstream);
  void refuse(const wire::Attempt& attempt, HttpEnd end, std::string_view why);
  // What the request is to carry and only this process knows.
  struct Secrets {
    std::string credential;
    std::vector<std::string> signing;
  };
  // Otherwise has refused the attempt.
  std::optional<Secrets> secrets_for(Line& line, const StartHttp& call);
  // Nothing: all of them can be read, or cannot.
  std::optional<std::string> unread(const Upstream& upstream);
  void wait(const std::string& reference, StartHttp call);
  std::optional<StartHttp> waited(const wire::Attempt& attempt, std::uint64_t number);
  void go(Line& line, StartHttp call);
  void ended(port::ShotResult result);

  port::Poller& poller_;
  HttpConfig config_;
  Hooks hooks_;
  aws::Secrets own_secrets_;  // where no others are given
  aws::Secrets& secrets_;
  std::uint64_t shots_named_ = 0;
  std::map<std::uint64_t, Running> attempts_;  // by the shot's id
  std::map<wire::Attempt, std::uint64_t> shot_of_;
  std::map<std::string, Line> lines_;
  std::map<wire::Attempt, Waiting> waiting_;
  std::uint64_t waits_named_ = 0;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

// Header lines of an attempt, in order. What is ours takes the place of what the message has under
// the same name.
// With signing secrets the request is signed as the Standard Webhooks specification has it, by the
// time of this attempt.
std::vector<std::string> header_lines(const Upstream& upstream, const StartHttp& call,
                                      std::string_view credential,
                                      std::span<const std::string> signing);

}  // namespace sluice::dispatcher
