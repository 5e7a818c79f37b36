// What the limiter's store decided in one call, taken apart for the checkers.
#pragma once

#include <string>
#include <variant>

#include "limiter/store.h"

namespace sluice::sim {

// do_it(identity, end): the store says that this message has ended.
template <class Do>
void for_each_settlement(const limiter::Call& call, const limiter::Answer& answer, Do do_it) {
  if (const auto* grant = std::get_if<limiter::Grant>(&call)) {
    const auto* reply = std::get_if<limiter::GrantReply>(&answer);
    for (std::size_t i = 0; reply && i < reply->answers.size(); ++i)
      if (reply->answers[i].granted == limiter::Granted::kSettled)
        do_it(grant->asks[i].line.identity, reply->answers[i].end);
  } else if (const auto* complete = std::get_if<limiter::Complete>(&call)) {
    const auto* reply = std::get_if<limiter::CompleteReply>(&answer);
    for (std::size_t i = 0; reply && i < reply->answers.size(); ++i)
      if (reply->answers[i].settled)
        do_it(complete->completions[i].outcome.attempt.identity, reply->answers[i].end);
  }
}

// do_it(identity, ask, answer): the store gave this grant.
template <class Do>
void for_each_grant(const limiter::Call& call, const limiter::Answer& answer, Do do_it) {
  const auto* grant = std::get_if<limiter::Grant>(&call);
  const auto* reply = std::get_if<limiter::GrantReply>(&answer);
  for (std::size_t i = 0; grant && reply && i < reply->answers.size(); ++i)
    if (reply->answers[i].granted == limiter::Granted::kYes)
      do_it(grant->asks[i].line.identity, grant->asks[i], reply->answers[i]);
}

// do_it(completion, answer): the store was told how an attempt ended.
template <class Do>
void for_each_completion(const limiter::Call& call, const limiter::Answer& answer, Do do_it) {
  const auto* complete = std::get_if<limiter::Complete>(&call);
  const auto* reply = std::get_if<limiter::CompleteReply>(&answer);
  for (std::size_t i = 0; complete && reply && i < reply->answers.size(); ++i)
    do_it(complete->completions[i], reply->answers[i]);
}

// do_it(record): a line that the store wants to see in the trail.
template <class Do>
void for_each_line(const limiter::Answer& answer, Do do_it) {
  if (const auto* granted = std::get_if<limiter::GrantReply>(&answer))
    for (const limiter::GrantAnswer& one : granted->answers)
      for (const wire::Record& line : one.outbox) do_it(line);
  if (const auto* completed = std::get_if<limiter::CompleteReply>(&answer))
    for (const limiter::CompleteAnswer& one : completed->answers)
      for (const wire::Record& line : one.outbox) do_it(line);
}

}  // namespace sluice::sim
