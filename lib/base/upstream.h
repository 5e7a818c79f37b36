// What the settings say of an upstream and of its limits; read by ingest, limiter and dispatcher.
// The tables [[upstream]] and [[limit]] of sluice.toml; docs/settings.md lists every row.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/instant.h"

namespace sluice {

enum class LimitScope : std::uint8_t { kKey, kUpstream };

enum class LimitKind : std::uint8_t { kRate, kConcurrency };

// kRate: at most `n` per closed window; at most `burst` at once, refilled at n / window (design
// 4.1). kConcurrency: at most `n` at the same time; window, burst and guard say nothing. A message
// of cost c counts c times in either.
struct Limit {
  std::string name;
  LimitScope scope = LimitScope::kKey;
  std::uint32_t n = 10;
  Duration window = seconds(60);
  std::uint32_t burst = 3;
  Duration guard = seconds(1);
  LimitKind kind = LimitKind::kRate;
  bool shadow = false;  // refuses nothing: what it would have refused is counted
  friend bool operator==(const Limit&, const Limit&) = default;
};

// in_flight_per_key: as many as the limits need at the latency that was learnt
// (limiter/in_flight.h).
inline constexpr std::uint32_t kInFlightAuto = 0;

enum class OnUnknown : std::uint8_t { kResend, kDead };

enum class HttpVersion : std::uint8_t { k1_1, k2 };

// Statuses from `first` to `last`; of several that match, the narrowest counts, then the first.
struct Statuses {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  [[nodiscard]] bool has(std::uint32_t status) const { return status >= first && status <= last; }
};
enum class StatusMeans : std::uint8_t { kDelivered, kFailed, kRefused, kThrottled };
struct StatusRule {
  Statuses statuses;
  StatusMeans means = StatusMeans::kRefused;
};
// An answer whose body has this text, capitals or not, says that the key is used abnormally.
struct AbnormalRule {
  Statuses statuses;
  std::string text;
};

struct Upstream {
  std::string name;
  std::string url;         // scheme, host, port and an optional path prefix
  std::string path = "/";  // where messages go that name no path
  std::string method = "POST";
  std::vector<std::string> methods = {"POST"};               // what a message may ask for
  std::vector<std::pair<std::string, std::string>> headers;  // added to every request
  HttpVersion http = HttpVersion::k1_1;
  // A secret's reference (lib/port/secrets.h); empty: none. {key} in it stands for the key's field.
  std::string credential;
  std::string credential_default;  // of keys that have none of their own
  std::string credential_header = "Authorization";
  std::vector<std::string> sign;         // secrets that requests are signed with
  std::vector<StatusRule> statuses;      // before the defaults
  std::vector<AbnormalRule> abnormal;    // any of them
  std::uint32_t answer_kept = 4 * 1024;  // bytes of an answer's body
  Duration timeout = seconds(10);        // of one attempt, first byte to last
  Duration connect_timeout = seconds(3);
  Duration keep_idle = seconds(2);  // connections idle longer are not reused
  std::uint32_t in_flight = 256;    // attempts at the same time, each dispatcher
  std::uint32_t in_flight_per_key = kInFlightAuto;
  OnUnknown on_unknown = OnUnknown::kResend;
  std::uint32_t attempts_max = 5;
  std::uint32_t throttles_max = 100;
  Duration backoff_base = seconds(5);  // 2^n times this, full jitter upwards
  Duration backoff_max = minutes(15);
  Duration penalty_base = seconds(60);  // throttled without Retry-After; doubles
  Duration penalty_max = hours(1);
  Duration unknown_hold = seconds(60);  // design 2.1 A5
  Duration max_pause = seconds(60);     // design 2.1 A3
  Duration start_window = seconds(2);   // a grant is to start within this
  Duration expires_after = hours(96);   // a message without expires_at lives so long
  std::string ca_file;                  // empty: the system's
  std::vector<Limit> limits;
};

// The version of an upstream's limits: a hash of them, so that nobody has to agree on an order.
// Never 0.
std::uint64_t limits_version(std::string_view upstream, std::span<const Limit> limits);

}  // namespace sluice
