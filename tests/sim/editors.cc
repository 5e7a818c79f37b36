#include "tests/sim/editors.h"

#include <algorithm>

#include "lib/wire/limits.h"

namespace sluice::sim {
namespace {

constexpr Duration kAgain = seconds(6);     // longer than a door waits for a limiter
constexpr Duration kThinks = seconds(2);    // between what somebody saw and what they put
constexpr std::uint32_t kWrites = 350'000;  // of a million edits, so many are of settings

std::uint32_t up_to(Prng& prng, std::uint32_t most) {
  return static_cast<std::uint32_t>(prng.between(1, std::max(1U, most)));
}

Limit draw_limit(Prng& prng, int number) {
  Limit limit;
  limit.name = "added-" + std::to_string(number);
  if (prng.chance(300'000)) limit.scope = LimitScope::kUpstream;
  if (prng.chance(250'000)) limit.kind = LimitKind::kConcurrency;
  limit.shadow = prng.chance(200'000);
  limit.n = up_to(prng, 10);
  limit.burst = up_to(prng, limit.n);
  limit.window = milliseconds(prng.between(1'000, 12'000));
  return limit;
}

// One edit of one limit, as somebody would make it.
void edit_one(Prng& prng, std::vector<Limit>& limits, int number) {
  Limit& limit = limits[prng.below(limits.size())];
  switch (prng.below(8)) {
    case 0:
    case 1:
      limit.n = up_to(prng, limit.n * 2 + 2);
      break;
    case 2:
      limit.window = milliseconds(prng.between(1'000, 15'000));
      break;
    case 3:
      limit.burst = up_to(prng, limit.n);
      break;
    case 4:
      limit.name = "renamed-" + std::to_string(number);
      break;
    case 5:
      limit.guard = milliseconds(prng.between(501, 2'000));
      break;
    case 6:
      if (limits.size() < 4) limits.push_back(draw_limit(prng, number));
      break;
    default:
      if (limits.size() > 1)
        limits.erase(limits.begin() + static_cast<std::ptrdiff_t>(prng.below(limits.size())));
      else
        limit.shadow = !limit.shadow;
  }
  for (Limit& one : limits) one.burst = std::min(one.burst, one.n);
}

}  // namespace

void Editors::begin() {
  edits_ = world_.faults.people.edit_every > Duration{0};
  if (edits_) arrange();
}

void Editors::arrange() {
  world_.agenda.after(world_.around(world_.faults.people.edit_every), [this] {
    if (world_.healed) {
      write_(settings_.upstreams);
      return put_back();
    }
    edit_once();
    arrange();
  });
}

void Editors::edit_once() {
  Prng& prng = world_.prng;
  const std::size_t upstream = prng.below(files_.size());
  if (prng.chance(kWrites)) {
    edit_one(prng, files_[upstream].limits, ++made_);
    return write_(files_);
  }
  const auto before = seen_.find(upstream);
  if (before != seen_.end() && prng.chance(150'000)) return put(upstream, before->second);
  look(upstream);
  if (prng.chance(400'000)) look(upstream);  // somebody else, at the same moment
}

void Editors::look(std::size_t upstream) {
  say({{0, settings_.upstreams[upstream].name}, upstream, false});
}

void Editors::put(std::size_t upstream, const ingest::LimitsFound& seen) {
  std::vector<Limit> limits = wire::limits_of(seen.rows);
  if (limits.empty()) return;
  edit_one(world_.prng, limits, ++made_);
  ingest::AskLimits ask{0, seen.upstream, wire::rows_of(limits), seen.version, "somebody"};
  if (world_.prng.chance(200'000)) ask.version = 0;  // whatever holds
  say({std::move(ask), upstream, false});
}

void Editors::say(Word word) {
  word.ask.request_id = ++said_;
  words_[said_] = word;
  ask_(word.ask);
}

void Editors::hears(const ingest::Respond& answer) {
  const auto at = words_.find(answer.request_id);
  if (at == words_.end()) return;
  const Word word = std::move(at->second);
  words_.erase(at);
  if (const auto* wrong = std::get_if<ingest::LimitsWrong>(&answer.answer))
    world_.breaks("limits", "nothing is wrong with them: " + wrong->field + " " + wrong->why);
  if (std::holds_alternative<ingest::Unavailable>(answer.answer)) return unheard(word);
  const auto* found = std::get_if<ingest::LimitsFound>(&answer.answer);
  if (word.last) {
    put_back_ = std::max(put_back_, word.upstream + (found != nullptr ? 1 : 0));
  } else if (found != nullptr && word.ask.rows.empty() && !world_.healed) {
    seen_.try_emplace(word.upstream, *found);
    world_.agenda.after(world_.prng.between(Duration{0}, kThinks),
                        [this, upstream = word.upstream, seen = *found] {
                          if (!world_.healed) put(upstream, seen);
                        });
  }
}

// Nobody knows whether it holds. To say the same again, made from the same, harms nobody.
void Editors::unheard(const Word& word) {
  if (word.last || word.ask.rows.empty() || word.ask.version == 0) return;
  if (!world_.healed && world_.prng.chance(500'000)) say(word);
}

// What was said before may still be under way: not too soon, and until somebody is told of it.
void Editors::put_back() {
  world_.agenda.after(kAgain * 3, [this] {
    for (std::size_t i = put_back_; i < settings_.upstreams.size(); ++i) {
      const Upstream& upstream = settings_.upstreams[i];
      say({{0, upstream.name, wire::rows_of(upstream.limits), 0, "somebody"}, i, true});
      break;
    }
    if (!done()) put_back();
  });
}

}  // namespace sluice::sim
