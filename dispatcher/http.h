// The HTTP side of the dispatcher: libcurl's multi interface on the poller, one connection pool per
// upstream, so that nothing of one can hold up another. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dispatcher/core.h"
#include "dispatcher/secrets.h"
#include "dispatcher/transfer.h"
#include "dispatcher/url.h"
#include "lib/base/result.h"
#include "lib/port/poller.h"

namespace sluice::dispatcher {

struct HttpConfig {
  std::vector<Upstream> upstreams;
  bool allow_link_local = false;
  std::size_t answer_max = 1024 * 1024;
};

class Http {
 public:
  struct Hooks {
    Transfer::MayStart may_start;
    std::function<void(HttpEnded)> ended;  // once for each start, unless it was stopped
  };

  // kSettings when an upstream's url, credential, header or method cannot be.
  static Result<std::unique_ptr<Http>> open(port::Poller& poller, HttpConfig config, Hooks hooks);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  // Ends by hooks.ended, which may be called before this returns.
  void start(StartHttp call);
  // Its connection is reset; hooks.ended is not called.
  void stop(const wire::Attempt& attempt);

  [[nodiscard]] std::size_t running() const { return transfers_.size(); }
  // The first upstream's trouble that only a person can mend ("secret://env/X cannot be read").
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  struct Pool;  // of one upstream; http.cc
  struct Running {
    std::unique_ptr<Transfer> transfer;
    Pool* pool = nullptr;
    port::TimerId deadline;
  };

  Http(port::Poller& poller, HttpConfig config, Hooks hooks);
  Status add_pool(const Upstream& upstream);
  HttpEnded refused(const StartHttp& call, HttpEnd end, std::string_view why) const;
  void collect(Pool& pool);
  void sent(const wire::Attempt& attempt);
  void timed_out(const wire::Attempt& attempt);
  std::unique_ptr<Transfer> take(const wire::Attempt& attempt);

  port::Poller& poller_;
  HttpConfig config_;
  Hooks hooks_;
  Secrets secrets_;
  std::string trouble_;
  std::map<std::string, std::unique_ptr<Pool>> pools_;
  std::map<wire::Attempt, Running> transfers_;
};

}  // namespace sluice::dispatcher
