#include "lib/aws/credential_chain.h"

#include <utility>

namespace sluice::aws {

namespace {

constexpr Duration kRenew = minutes(5);  // before they expire
constexpr Duration kUsable = seconds(10);

}  // namespace

struct CredentialChain::Source {
  const char* name;
  Status (*is_set)(const Machine& machine);
  void (*from)(const Surroundings& in, const Got& got);
};

const std::vector<CredentialChain::Source>& CredentialChain::sources() {
  static const std::vector<Source> kAll{
      {"the environment", &environment_is_set, &from_environment},
      {"a profile", &profile_is_set, &from_profile},
      {"a web identity", &web_identity_is_set, &from_web_identity},
      {"the container", &container_is_set, &from_container},
      {"the instance", &instance_is_set, &from_instance}};
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
  if (found_ != nullptr) return take_from(*found_);
  for (const Source& source : sources()) {
    const Status set = source.is_set(in_.machine);
    if (set.ok()) return take_from(source);
    note(source, set.error());
  }
  fail();
}

void CredentialChain::take_from(const Source& source) {
  source.from(in_, [this, &source](Result<Credentials> got) {
    if (got.ok()) {
      kept_ = std::move(*got);
      found_ = &source;
      return answer(kept_->keys);
    }
    note(source, got.error());
    fail();
  });
}

void CredentialChain::note(const Source& source, const Error& why) {
  tried_ += (tried_.empty() ? "" : "; ") + std::string(source.name) + ": " + why.what;
}

void CredentialChain::fail() {
  if (kept_ && left().value_or(kUsable) >= kUsable) return answer(kept_->keys);
  answer(Error{Trouble::kUnavailable, "no AWS credentials; tried " + tried_});
}

std::string CredentialChain::source() const { return found_ == nullptr ? "" : found_->name; }

void CredentialChain::answer(const Result<Keys>& with) {
  renewing_ = false;
  for (const auto& done : std::exchange(waiting_, {})) done(with);
}

}  // namespace sluice::aws
