// Secrets by reference, wherever they are: the environment and files (lib/port/secrets.h), and
// Secrets Manager (secret_cache.h), of which each is read at start, before anybody needs it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/aws/secret_cache.h"
#include "lib/aws/session.h"
#include "lib/base/settings.h"
#include "lib/port/log.h"

namespace sluice::aws {

struct NamedSecret {
  std::string reference;
  std::string setting;  // "sluice.toml:12: credential"
};
// Those that settings of these names have, texts or lists.
void name_secrets(const SettingTable& table, const std::vector<std::string_view>& texts,
                  const std::vector<std::string_view>& lists, std::vector<NamedSecret>& into);

class Secrets {
 public:
  // Of a session of its own, if there are any of Secrets Manager, by [aws] of the settings. The log
  // says of each that cannot be read now where it is asked for. {key} in a reference stands for any
  // key's.
  static Result<std::unique_ptr<Secrets>> open(port::Poller& poller, port::Log& log,
                                               const Settings& settings,
                                               const std::vector<NamedSecret>& named);
  // Of the environment and files alone.
  Secrets() = default;
  Secrets(Client& client, Transport& world) : cache_(std::in_place, client, world) {}
  ~Secrets();
  Secrets(const Secrets&) = delete;
  Secrets& operator=(const Secrets&) = delete;

  // As it is now. The error names the reference, never the value; kInvalid: a secret of Secrets
  // Manager has no such field; else kUnavailable, also while it is being read for the first time,
  // or after it was refused.
  Result<std::string> read(const std::string& reference);
  // Whether read() has to wait for Secrets Manager.
  [[nodiscard]] bool is_being_read(const std::string& reference);
  // Calls `then` once, when it is not.
  void when_read(const std::string& reference, std::function<void()> then);
  // Whoever was shown the value refused it (401, 403, WRONGPASS): it is read again.
  void refused(const std::string& reference);
  // Whoever waits for it can do so no longer: what was refused serves meanwhile, if there is any.
  void settle_for_old(const std::string& reference);

 private:
  explicit Secrets(std::unique_ptr<Session> session);
  void look(port::Log& log, const NamedSecret& named);

  std::unique_ptr<Session> session_;
  std::optional<SecretCache> cache_;
};

}  // namespace sluice::aws
