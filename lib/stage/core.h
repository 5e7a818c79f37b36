// The shape of every stage: a pure state machine, driven by a thin shell (docs/architecture.md).
// A core owns no thread, socket, clock, source of chance or log. It answers with effects (values);
// the shell performs them and later brings replies.
#pragma once

#include <concepts>
#include <cstddef>

#include "lib/base/instant.h"
#include "lib/base/outbox.h"

namespace sluice {

template <class C>
concept Core = requires(C core, const C& seen, const typename C::Work& work,
                        const typename C::Reply& reply, Instant now,
                        Outbox<typename C::Effect>& out) {
  core.accept(work, now, out);     // new work; only while room() > 0
  core.complete(reply, now, out);  // the answer to an effect: always welcome, may be late or never
  core.tick(now, out);             // time has passed; do what is due
  { seen.room() } -> std::convertible_to<std::size_t>;  // backpressure is this number
  { seen.deadline() } -> std::same_as<Instant>;         // when tick() is next needed
  { seen.idle() } -> std::same_as<bool>;                // safe to leave after SIGTERM
  { seen.effects_max() } -> std::same_as<std::size_t>;  // the most one call can ask for
};

}  // namespace sluice
