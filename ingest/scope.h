// Whose messages a request may see and change. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::ingest {

struct Scope {
  std::vector<std::string> upstreams;  // empty: all
  std::vector<std::string> keys;       // globs of whole keys ("onlyfans:user-*"); empty: all

  [[nodiscard]] bool whole() const { return upstreams.empty() && keys.empty(); }
  [[nodiscard]] bool covers_upstream(std::string_view upstream) const;
  [[nodiscard]] bool covers_key(std::string_view key) const;
  [[nodiscard]] bool covers(std::string_view upstream, std::string_view key) const {
    return covers_upstream(upstream) && covers_key(key);
  }
  friend bool operator==(const Scope&, const Scope&) = default;
};

// `*` stands for any bytes, also none, `?` for one byte; all else for itself. Time: at most the
// product of the lengths.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace sluice::ingest
