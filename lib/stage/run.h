// run<Shell>(argc, argv): a whole process around one core. main.cc is
//
//   int main(int argc, char** argv) { return sluice::stage::run<sluice::limiter::Shell>(argc,
//   argv); }
//
// or, for programs with verbs of their own ("sluice-auditor verify"), looks at argv[1] first and
// uses lib/stage/boot.h to read the same settings.
//
// A shell:
//
//   class Shell {
//    public:
//     using Core = LimiterCore;
//     static StageInfo info();
//     // Makes Config and core from settings (room.settings, room.life ...). An Error ends the
//     // process by its code: kSettings 78, kUnavailable 75.
//     static Result<std::unique_ptr<Shell>> open(const Room& room);
//     Core& core();
//     // Once, before the first turn: open ports, set timers. `stage` outlives the shell's use.
//     Status start(Stage<Core>& stage);
//     // Every effect but wire::Send and wire::Announce, in order, between begin_turn and end_turn.
//     // Replies go by stage.complete(), at once or later. Calls that are worth batching are kept
//     // until end_turn.
//     void perform(Core::Effect effect);
//     void begin_turn();
//     void end_turn();
//     // Why /readyz says 503; empty: ready.
//     std::string not_ready();
//     // SIGTERM or SIGINT: take nothing new, tell the core. The process leaves when core.idle(),
//     at
//     // the latest after stop_timeout.
//     void drain();
//   };
//
// A turn: sleep until something happens; give everything that has arrived (at most some hundred
// frames) to the core, a tick if it is due; then rounds of take effects, begin_turn, Send and
// perform, flush the links, end_turn, until no effects are left. So what a round sends does not
// wait for what the same round commits: whoever must not be told before asks first, and sends on
// the reply.
//
// Optional members of a shell, used when they are there:
//     void peer_changed(const wire::PeerUp&);   // for logs and metrics; the core has it already
//     // SIGHUP: the settings were read again and are right. Returns the names of those that it
//     // took, as changes() of reload.h has them; of all others that changed is said that they need
//     // a restart. An Error: nothing was taken, and the old ones stay.
//     Result<std::vector<std::string>> reload(const Settings&);
//     static Status check(const Settings&);     // what only this stage knows: before --check and
//                                               // start, without touching the world
//     // False: the world is still asked for something that the core does not wait for.
//     bool idle();
//     // More paths next to /healthz, /readyz and /metrics. True: it answers, now or later.
//     bool health(const port::HttpRequest&, Respond);
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/result.h"
#include "lib/port/http_server.h"
#include "lib/stage/boot.h"
#include "lib/stage/core.h"
#include "lib/stage/process.h"
#include "lib/stage/stage.h"
#include "lib/wire/links.h"
#include "lib/wire/peer.h"

namespace sluice::stage {

template <class S>
concept Shell = Core<typename S::Core> &&
    requires(S shell, const Room& room, Stage<typename S::Core>& stage,
             typename S::Core::Effect effect) {
  { S::info() } -> std::same_as<StageInfo>;
  { S::open(room) } -> std::same_as<Result<std::unique_ptr<S>>>;
  { shell.core() } -> std::same_as<typename S::Core&>;
  { shell.start(stage) } -> std::same_as<Status>;
  shell.perform(std::move(effect));
  shell.begin_turn();
  shell.end_turn();
  { shell.not_ready() } -> std::convertible_to<std::string>;
  shell.drain();
};

// Exit codes: 0 done, 64 usage, 78 settings (do not restart), 75 the world failed (restart later).
template <class S>
requires Shell<S>
int run(int argc, char** argv);

}  // namespace sluice::stage

#include "lib/stage/run_inl.h"
