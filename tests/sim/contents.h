// Several messages may come under one identity, with other bytes: the store takes one of them, and
// each of the others is dead (design 4). For checkers that must tell them apart.
#pragma once

#include <compare>
#include <map>
#include <set>
#include <string>

#include "lib/wire/identity.h"
#include "tests/sim/settlements.h"
#include "tests/sim/witness.h"

namespace sluice::sim {

// One message, whatever else has its identity.
struct Named {
  std::string identity;
  std::string content;  // the hash of its bytes
  friend auto operator<=>(const Named&, const Named&) = default;
};

inline Named named(const wire::Offer& offer) { return {offer.identity, offer.content_hash}; }
inline Named named(const AcceptedMessage& m) {
  return {m.identity, wire::content_hash_of(m.request)};
}

class Contents {
 public:
  void accepted(const AcceptedMessage& message) { all_[message.identity].insert(named(message)); }
  // To be told before the answer is looked at.
  void decided(const limiter::Call& call, const limiter::Answer& answer) {
    for_each_grant(call, answer, [this](const auto& identity, const auto& ask, const auto&) {
      taken_[identity] = ask.line.content_hash;
    });
  }
  // Whose attempts are those of this identity.
  [[nodiscard]] Named taken(const std::string& identity) const {
    const auto at = taken_.find(identity);
    return {identity, at == taken_.end() ? std::string() : at->second};
  }
  // Those that were accepted under this identity.
  [[nodiscard]] std::set<Named> of(const std::string& identity) const {
    const auto at = all_.find(identity);
    return at == all_.end() ? std::set<Named>() : at->second;
  }
  [[nodiscard]] const std::map<std::string, std::set<Named>>& all() const { return all_; }
  [[nodiscard]] bool several(const std::string& identity) const { return of(identity).size() > 1; }

  // do_it(message, end): the store says that this message has ended.
  template <class Do>
  void for_each_end(const limiter::Call& call, const limiter::Answer& answer, Do do_it) const {
    const auto* grant = std::get_if<limiter::Grant>(&call);
    const auto* granted = std::get_if<limiter::GrantReply>(&answer);
    for (std::size_t i = 0; grant && granted && i < granted->answers.size(); ++i) {
      const wire::Record& line = grant->asks[i].line;
      if (granted->answers[i].granted == limiter::Granted::kSettled)
        do_it(Named{line.identity, line.content_hash}, granted->answers[i].end);
    }
    if (grant != nullptr) return;
    for_each_settlement(call, answer, [&](const std::string& identity, const limiter::End& end) {
      do_it(taken(identity), end);
    });
  }

 private:
  std::map<std::string, std::set<Named>> all_;
  std::map<std::string, std::string> taken_;
};

}  // namespace sluice::sim
