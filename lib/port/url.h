// URLs, by libcurl's own parser: what is compared here is what will be connected to.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sluice::port {

struct BaseUrl {
  std::string scheme;  // http or https
  std::string host;    // as libcurl normalises it
  std::string port;    // the default one too
  std::string prefix;  // path without its last '/': "" or "/v2"
};

// An upstream's url. kSettings with the reason when it is none: another scheme, a user name,
// a query or a fragment.
Result<BaseUrl> parse_base_url(std::string_view text);

// base + path, normalised, dot segments resolved. kInvalid when scheme, host or port came out
// another, or the path left the prefix. `path` has passed lane_fault().
Result<std::string> join_url(const BaseUrl& base, std::string_view path);

}  // namespace sluice::port
