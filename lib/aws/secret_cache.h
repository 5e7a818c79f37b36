// Secrets by reference, out of Secrets Manager: secret://aws/NAME for all of a secret's text, and
// secret://aws/NAME#FIELD for a member of one that is a JSON object. NAME may be an ARN. Kept for
// ten minutes, and read as JSON once; values are never in a log or an error.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/aws/client.h"
#include "lib/aws/secrets_manager.h"

namespace sluice::aws {

struct SecretReference {
  std::string name;
  std::string field;  // empty: all of it
  friend bool operator==(const SecretReference&, const SecretReference&) = default;
};
// Nothing: `text` is no such reference.
std::optional<SecretReference> read_reference(std::string_view text);

class SecretCache {
 public:
  using Done = std::function<void(Result<std::string>)>;

  // What it is given outlives it, and it outlives the client's calls.
  SecretCache(Client& client, Transport& world) : client_(client), world_(world) {}
  SecretCache(const SecretCache&) = delete;
  SecretCache& operator=(const SecretCache&) = delete;

  // Calls `done` once, at once when the value is kept. A secret is asked for once, whatever number
  // of its fields. While it cannot be read again the old value serves. The error names the
  // reference and says why; kInvalid: the secret has no such field; else kUnavailable.
  void ask(const std::string& reference, Done done);
  // What ask() would say, at once; also an old value, unless it was refused, while it is read
  // again. Nothing: it is being read.
  std::optional<Result<std::string>> peek(const std::string& reference);
  // Whether peek() would say nothing.
  bool is_being_read(const std::string& reference);
  // Whoever was shown the value refused it (401, 403): it is read again by the next who asks, but
  // not within ten seconds of when it was read: many are refused at once. One that was read again
  // so, and did not change or could not be read, serves from then on while it is: it may be one key
  // that is refused for good.
  void doubt(const std::string& reference);
  // Whoever waits can do so no longer: the refused value serves, where there is one, while another
  // is read.
  void settle_for_old(const std::string& reference);

 private:
  struct Waiting {
    std::string reference;
    SecretReference parts;
    Done done;
  };
  struct Kept {
    std::optional<secrets_manager::Secret> secret;
    std::optional<secrets_manager::Fields> fields;  // of it
    std::string why;                                // it could not be read; empty: it could
    Instant read_at;
    bool refused = false;  // since then
    bool awaited = false;  // nobody is shown it, since it was refused
    bool in_vain = false;  // it was read again for being refused, and is no other
    bool asking = false;
    std::vector<Waiting> waiting;
  };
  [[nodiscard]] bool is_settled(const Kept& kept) const;
  // That of a secret, which is being asked for unless it is settled.
  Kept& look(const std::string& name);
  static Result<std::string> answer(const Kept& kept, const SecretReference& parts,
                                    const std::string& reference);
  void fetch(const std::string& name, Kept& kept);
  void take(Kept& kept, const Outcome& outcome);

  Client& client_;
  Transport& world_;
  std::map<std::string, Kept> kept_;  // by name
};

}  // namespace sluice::aws
