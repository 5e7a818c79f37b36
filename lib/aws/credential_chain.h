// Credentials, wherever they are ("Understand credential provider chains", AWS SDKs and Tools
// Reference Guide): the environment, a profile, a web identity, the container, the instance; the
// first that has some. Kept, and renewed five minutes before they expire.
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
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  struct Source;
  static const std::vector<Source>& sources();
  void renew();
  void try_from(std::size_t index);
  void answer(const Result<Keys>& with);
  [[nodiscard]] std::optional<Duration> left() const;

  Surroundings in_;
  std::optional<Credentials> kept_;
  std::string source_;
  bool renewing_ = false;
  std::vector<std::string> tried_;
  std::vector<std::function<void(Result<Keys>)>> waiting_;
};

}  // namespace sluice::aws
