// Credentials, wherever they are ("Understand credential provider chains", AWS SDKs and Tools
// Reference Guide): the environment, a profile, a web identity, the container, the instance; the
// first that is set up, whether it has some or fails: whoever is asked next would make us somebody
// else. Kept, and renewed five minutes before they expire, from the source that brought them alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/aws/sources.h"

namespace sluice::aws {

class CredentialChain final : public KeySource {
 public:
  // What it is given outlives it, and it outlives what it asked for.
  explicit CredentialChain(Surroundings in) : in_(std::move(in)) {}

  // The error is a list: each source, and why it had none.
  void ask(std::function<void(Result<Keys>)> done) override;
  void doubt(const Keys& keys) override;

  // What brought the keys in use: "the environment". Empty: nothing yet.
  [[nodiscard]] std::string source() const;

 private:
  struct Source;
  static const std::vector<Source>& sources();
  void renew();
  void take_from(const Source& source);
  void note(const Source& source, const Error& why);
  void fail();
  void answer(const Result<Keys>& with);
  [[nodiscard]] std::optional<Duration> left() const;

  Surroundings in_;
  std::optional<Credentials> kept_;
  const Source* found_ = nullptr;  // what brought them, for good
  bool renewing_ = false;
  std::string tried_;
  std::vector<std::function<void(Result<Keys>)>> waiting_;
};

}  // namespace sluice::aws
