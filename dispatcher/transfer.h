// One HTTP attempt as libcurl makes it: every option that design 4.1 and 4.6 demand, and what is
// learnt on the way. One .cc knows libcurl.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/core.h"
#include "lib/base/upstream.h"

namespace sluice::dispatcher {

// Header lines of an attempt, in order, as libcurl wants them ("Name: value", "Name;" for an empty
// one). What is ours takes the place of what the message has under the same name.
std::vector<std::string> header_lines(const Upstream& upstream, const StartHttp& call,
                                      std::string_view credential);

struct TransferRules {
  const Upstream* upstream = nullptr;
  bool allow_link_local = false;
  std::size_t answer_max = 1024 * 1024;  // bytes of an answer's body that are read (and dropped)
};

class Transfer {
 public:
  // Asked just before the first byte; true: it is sent now.
  using MayStart = std::function<bool(const wire::Attempt&)>;

  Transfer(StartHttp call, std::string url, std::vector<std::string> headers, TransferRules rules,
           MayStart may_start);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  [[nodiscard]] void* easy() const { return easy_; }  // CURL*
  [[nodiscard]] const wire::Attempt& attempt() const { return call_.attempt; }
  [[nodiscard]] std::optional<Instant> sent() const { return sent_; }
  // What became of it, `code` being libcurl's result. Where a byte may have left and no status came
  // back, it is unknown, whatever libcurl says.
  [[nodiscard]] HttpEnded ended(int code, Instant now) const;
  // The same, given up by us for that reason.
  [[nodiscard]] HttpEnded stopped(std::string_view why, Instant now) const;

 private:
  struct Calls;  // the functions that libcurl calls
  friend struct Calls;
  void set_request();
  void set_connection();
  void set_calls();
  void take_header(std::string_view line);
  [[nodiscard]] HttpEnded as(HttpEnd end, std::string_view why, Instant now) const;

  StartHttp call_;
  std::string url_;
  TransferRules rules_;
  MayStart may_start_;
  void* easy_ = nullptr;
  void* headers_ = nullptr;  // curl_slist*
  std::optional<Instant> sent_;
  bool denied_ = false;    // may_start said no
  bool off_lane_ = false;  // an address that is not allowed
  bool answered_ = false;  // a final status and all its headers were read
  std::uint32_t status_ = 0;
  std::size_t body_ = 0;
  std::string retry_after_;
  std::string date_;
};

}  // namespace sluice::dispatcher
