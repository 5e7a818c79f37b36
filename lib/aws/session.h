// Everything that a process needs to call AWS, made of its settings and surroundings.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lib/aws/client.h"
#include "lib/aws/credential_chain.h"
#include "lib/aws/http_transport.h"
#include "lib/aws/own_machine.h"
#include "lib/base/result.h"
#include "lib/port/poller.h"

namespace sluice::aws {

struct SessionSettings {
  // Empty: AWS_REGION, AWS_DEFAULT_REGION, region of the profile, the EC2 instance's.
  std::string region = {};
  std::string endpoint = {};  // of all services, before what AWS_ENDPOINT_URL and its like say
  std::uint32_t calls_per_second = 1000;
};

// The region of the instance that this runs on, or why there is none.
using AskInstance = std::function<Result<std::string>()>;

// What a machine says of region and endpoints; `config.seed` is not among it. The instance is asked
// when nothing else says the region. kSettings names what is missing, and where it was looked for,
// or what cannot be.
Result<ClientConfig> client_config(const Machine& machine, const SessionSettings& settings,
                                   const AskInstance& instance);

// The file of the authorities that AWS is trusted by: AWS_CA_BUNDLE, ca_bundle of the profile;
// empty: the system's. kSettings when it cannot be read.
Result<std::string> ca_file(const Machine& machine);

class Session {
 public:
  // Takes up to a second when the region is looked for on an instance that is none. The poller and
  // what `uses` names outlive it; a use of nothing is whatever it is asked for. No
  // credentials are asked for before the first call.
  static Result<std::unique_ptr<Session>> open(port::Poller& poller,
                                               const SessionSettings& settings,
                                               std::optional<Uses> uses);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Of all services.
  Client& client() { return client_; }
  // Its clock and timers.
  Transport& world() { return transport_; }
  [[nodiscard]] const std::string& region() const { return region_; }
  // What brought the credentials in use, such as "the container"; empty: nothing yet.
  [[nodiscard]] std::string credentials_from() const { return keys_.source(); }

 private:
  Session(port::Poller& poller, const ClientConfig& config, const std::string& ca_file);

  std::string region_;
  HttpTransport transport_;
  OwnMachine machine_;
  CredentialChain keys_;
  Client client_;
};

}  // namespace sluice::aws
