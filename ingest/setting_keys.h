// API keys of the settings: [[api_key]]. Their tokens are secrets elsewhere, read by reference.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ingest/api_keys.h"
#include "lib/aws/secrets.h"
#include "lib/base/settings.h"
#include "lib/port/secrets.h"

namespace sluice::ingest {

std::span<const SettingRow> api_key_rows();

class SettingKeys {
 public:
  // Each with a name of its own, and for upstreams that there are.
  static Result<SettingKeys> read(const Settings& settings);

  [[nodiscard]] bool empty() const { return keys_.empty(); }
  // Reads all tokens. True: one is another than before.
  bool look(const port::ReadSecret& read);
  // A key whose token cannot be read opens nothing; nor does one whose token people could guess.
  [[nodiscard]] const std::vector<ApiKey>& keys() const { return keys_; }
  [[nodiscard]] std::vector<std::string> guessable() const;
  [[nodiscard]] const std::vector<aws::NamedSecret>& tokens() const { return tokens_; }

 private:
  std::vector<ApiKey> keys_;
  std::vector<aws::NamedSecret> tokens_;  // of each
  std::vector<std::string> seen_;         // of each: the hash of its token; empty: not read
};

}  // namespace sluice::ingest
