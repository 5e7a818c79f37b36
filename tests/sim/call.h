// A call to something outside a process, with its five endings. A fake with fewer is a lie.
#pragma once

#include <utility>

#include "tests/sim/process.h"

namespace sluice::sim {

// Where a call lives between asking and applying.
enum class Reach : std::uint8_t {
  kNetwork,  // applied even when the asker has died meanwhile
  kInside,   // a disk of the process itself: dies with it
};

// `apply` does it and gives the answer, `refuse` gives the answer of a failure, `answer` brings
// either to the life that asked. No answer at all is an ending, too.
template <class Apply, class Refuse, class Answer>
void outside_call(Process& asker, const Endings& endings, Reach reach, Apply apply, Refuse refuse,
                  Answer answer) {
  World& world = asker.world();
  const Ending ending = endings.draw(world.prng);
  Duration there = world.prng.between(microseconds(20), endings.quick_max);
  Duration back = world.prng.between(microseconds(20), endings.quick_max);
  // Late on the way there, or on the way back.
  if (ending == Ending::kLate)  // overtaken by calls after it, unlike all others
    (world.prng.chance(500'000) ? there : back) = world.prng.between(seconds(1), endings.late_max);
  else if (endings.in_order)
    asker.in_order(&endings, there, back);
  if (ending == Ending::kLostBefore) return;
  if (ending == Ending::kRefused)
    return asker.later(there + back, [refuse, answer] { answer(refuse()); });
  const std::uint64_t life = asker.incarnation();
  world.agenda.after(there, [&asker, life, reach, ending, back, apply = std::move(apply),
                             answer = std::move(answer)]() mutable {
    const bool alive = asker.incarnation() == life;
    if (reach == Reach::kInside && !alive) return;
    auto reply = apply();
    if (!alive || ending == Ending::kLostAfter) return;
    asker.later(back, [answer, reply = std::move(reply)] { answer(reply); });
  });
}

}  // namespace sluice::sim
