#include "lib/aws/credential_chain.h"

#include <utility>

namespace sluice::aws {

namespace {

constexpr Duration kRenew = minutes(5);  // before they expire
constexpr Duration kUsable = seconds(10);

}  // namespace

struct CredentialChain::Source {
  const char* name;
  void (*from)(const Surroundings& in, const Got& got);
};

const std::vector<CredentialChain::Source>& CredentialChain::sources() {
  static const std::vector<Source> kAll{{"the environment", &from_environment},
                                        {"a profile", &from_profile},
                                        {"a web identity", &from_web_identity},
                                        {"the container", &from_container},
                                        {"the instance", &from_instance}};
  return kAll;
}

// Until they expire; nothing: never.
std::optional<Duration> CredentialChain::left() const {
  if (!kept_->expires) return std::nullopt;
  return *kept_->expires - in_.transport.wall();
}

void CredentialChain::ask(std::function<void(Result<Keys>)> done) {
  const bool good = kept_ && left().value_or(kRenew) >= kRenew;
  const bool usable = kept_ && left().value_or(kUsable) >= kUsable;
  if (good || (usable && renewing_)) return done(kept_->keys);
  waiting_.push_back(std::move(done));
  if (!std::exchange(renewing_, true)) renew();
}

void CredentialChain::doubt(const Keys& keys) {
  if (kept_ && kept_->keys == keys) kept_.reset();
}

void CredentialChain::renew() {
  tried_.clear();
  try_from(0);
}

void CredentialChain::try_from(std::size_t index) {
  const Source& source = sources()[index];
  source.from(in_, [this, index, &source](Result<Credentials> got) {
    if (got.ok()) {
      kept_ = std::move(*got);
      source_ = source.name;
      return answer(kept_->keys);
    }
    tried_.push_back(std::string(source.name) + ": " + got.error().what);
    if (index + 1 < sources().size()) return try_from(index + 1);
    if (kept_ && left().value_or(kUsable) >= kUsable) return answer(kept_->keys);
    std::string all;
    for (const std::string& one : tried_) all += (all.empty() ? "" : "; ") + one;
    answer(Error{Trouble::kUnavailable, "no AWS credentials; tried " + all});
  });
}

void CredentialChain::answer(const Result<Keys>& with) {
  renewing_ = false;
  for (const auto& done : std::exchange(waiting_, {})) done(with);
}

}  // namespace sluice::aws
