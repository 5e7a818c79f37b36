#include "lib/aws/secret_cache.h"

#include <utility>

#include "lib/port/secrets.h"

namespace sluice::aws {

namespace {

constexpr std::string_view kStart = "secret://aws/";
constexpr Duration kGood = minutes(10);
constexpr Duration kAgain = seconds(10);  // after one that was no use

}  // namespace

std::optional<SecretReference> read_reference(std::string_view text) {
  if (!text.starts_with(kStart)) return std::nullopt;
  text.remove_prefix(kStart.size());
  const std::size_t mark = text.rfind('#');
  SecretReference parts{std::string(text.substr(0, mark)), {}};
  if (mark != std::string_view::npos) parts.field = text.substr(mark + 1);
  const bool no_field = mark != std::string_view::npos && parts.field.empty();
  if (parts.name.empty() || no_field) return std::nullopt;
  return parts;
}

void SecretCache::ask(const std::string& reference, Done done) {
  auto parts = read_reference(reference);
  if (!parts) {
    return done(Error{Trouble::kUnavailable, reference + " is no secret://aws/NAME#FIELD"});
  }
  const std::string name = parts->name;
  Kept& kept = kept_[name];
  if (is_settled(kept)) return done(answer(kept, *parts, reference));
  kept.waiting.push_back({reference, std::move(*parts), std::move(done)});
  if (!std::exchange(kept.asking, true)) fetch(name, kept);
}

std::optional<Result<std::string>> SecretCache::peek(const std::string& reference) {
  const auto parts = read_reference(reference);
  if (!parts) return Error{Trouble::kUnavailable, reference + " is no secret://aws/NAME#FIELD"};
  const Kept& kept = look(parts->name);
  const bool usable = kept.secret && !kept.awaited;
  if (!usable && !is_settled(kept)) return std::nullopt;
  return answer(kept, *parts, reference);
}

bool SecretCache::is_being_read(const std::string& reference) {
  const auto parts = read_reference(reference);
  if (!parts) return false;
  const Kept& kept = look(parts->name);
  return (!kept.secret || kept.awaited) && !is_settled(kept);
}

SecretCache::Kept& SecretCache::look(const std::string& name) {
  Kept& kept = kept_[name];
  if (!is_settled(kept) && !std::exchange(kept.asking, true)) fetch(name, kept);
  return kept;
}

void SecretCache::doubt(const std::string& reference) {
  const auto parts = read_reference(reference);
  const auto found = parts ? kept_.find(parts->name) : kept_.end();
  if (found == kept_.end()) return;
  Kept& kept = found->second;
  if (kept.refused || world_.now() - kept.read_at < kAgain) return;
  kept.refused = true;
  kept.awaited = !kept.in_vain;
}

void SecretCache::settle_for_old(const std::string& reference) {
  const auto parts = read_reference(reference);
  const auto found = parts ? kept_.find(parts->name) : kept_.end();
  if (found != kept_.end() && found->second.secret) found->second.awaited = false;
}

// A map's elements stay where they are.
void SecretCache::fetch(const std::string& name, Kept& kept) {
  client_.call(secrets_manager::get_secret_value(name),
               [this, &kept](const Outcome& outcome) { take(kept, outcome); });
}

bool SecretCache::is_settled(const Kept& kept) const {
  if (kept.refused || kept.asking) return false;
  const Duration age = world_.now() - kept.read_at;
  return kept.secret ? age < kGood : !kept.why.empty() && age < kAgain;
}

Result<std::string> SecretCache::answer(const Kept& kept, const SecretReference& parts,
                                        const std::string& reference) {
  if (!kept.secret) return Error{Trouble::kUnavailable, reference + ": " + kept.why};
  if (parts.field.empty()) return port::usable_secret(kept.secret->value, reference);
  auto field = secrets_manager::field_of(kept.fields, parts.field);
  if (field.ok()) return port::usable_secret(std::move(*field), reference);
  const bool none = field.error().code == Trouble::kInvalid;
  return Error{none ? Trouble::kInvalid : Trouble::kUnavailable,
               reference + ": " + field.error().what};
}

void SecretCache::take(Kept& kept, const Outcome& outcome) {
  auto secret = secrets_manager::read_secret(outcome);
  kept.why = secret.ok() ? "" : secret.refusal().code + ": " + secret.refusal().message;
  const bool other = secret.ok() && (!kept.secret || kept.secret->value != (*secret).value);
  kept.in_vain = !other && (kept.in_vain || kept.refused);
  if (other) {
    kept.secret = std::move(*secret);
    kept.fields = secrets_manager::fields_of(*kept.secret);
  }
  // Also when it failed: an old value serves until then.
  kept.read_at = world_.now();
  kept.refused = false;
  kept.awaited = false;
  kept.asking = false;
  for (const Waiting& one : std::exchange(kept.waiting, {})) {
    one.done(answer(kept, one.parts, one.reference));
  }
}

}  // namespace sluice::aws
