#include "ingest/scope.h"

#include <algorithm>

namespace sluice::ingest {

bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;  // the last one, and what it has taken so far
  std::size_t taken = 0;
  while (in < text.size()) {
    if (at < glob.size() && glob[at] == '*') {
      star = at++;
      taken = in;
    } else if (at < glob.size() && (glob[at] == '?' || glob[at] == text[in])) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++taken;
    } else {
      return false;
    }
  }
  return glob.substr(at).find_first_not_of('*') == std::string_view::npos;
}

bool Scope::covers_upstream(std::string_view upstream) const {
  return upstreams.empty() ||
         std::find(upstreams.begin(), upstreams.end(), upstream) != upstreams.end();
}

bool Scope::covers_key(std::string_view key) const {
  return keys.empty() || std::any_of(keys.begin(), keys.end(), [key](const std::string& glob) {
           return glob_matches(glob, key);
         });
}

}  // namespace sluice::ingest
