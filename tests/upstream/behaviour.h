// How this upstream treats a request: well, or badly on request or at a rate.
//
//   spec = kind [":" argument] ["*" times]
//
//   ok              200
//   slow:MS         200 after MS milliseconds
//   trickle:MS      200, one byte each MS milliseconds
//   429:S 503:S     that status with Retry-After: S seconds
//   429-date:S      the same with an HTTP-date, S seconds after the answer's own Date
//   503-date:S
//   NNN             that status, without Retry-After (302 comes with a Location)
//   reset           read, then the connection is reset; not accepted
//   hangup          read, then the connection is closed; not accepted
//   lost            accepted, then the connection is closed without an answer
//   hang            read and never answered
//
// "*times": only the first so many requests with the same Idempotency-Key, the others are ok.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/prng.h"
#include "lib/base/result.h"

namespace sluice::upstream {

enum class Act : std::uint8_t { kAnswer, kTrickle, kReset, kHangUp, kLost, kHang };

struct Behaviour {
  Act act = Act::kAnswer;
  unsigned status = 200;
  std::int64_t delay_ms = 0;       // before the answer; kTrickle: between its bytes
  std::int64_t retry_after_s = 0;  // with has_retry_after
  bool has_retry_after = false;
  bool as_date = false;
  std::uint32_t times = 0;  // 0: always

  [[nodiscard]] bool accepts() const {
    return status < 300 && act != Act::kReset && act != Act::kHangUp;
  }
};

Result<Behaviour> parse_behaviour(std::string_view spec);

struct Rate {
  Behaviour behaviour;
  std::uint32_t per_million = 0;
};

// "slow:200=0.05": that behaviour for 5 % of the requests.
Result<Rate> parse_rate(std::string_view text);

// Draws once; the rates are shares of one whole, the rest is ok.
Behaviour draw(const std::vector<Rate>& rates, Prng& prng);

}  // namespace sluice::upstream
