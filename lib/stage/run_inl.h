// The body of run(): included by run.h only.
#pragma once

namespace sluice::stage {

namespace detail {

// Effects may bring replies at once, and those new effects: so many rounds, then the loop turns.
inline constexpr int kRoundsMax = 64;

template <class Effect, class Kind>
struct CanBe : std::false_type {};
template <class... Kinds, class Kind>
struct CanBe<std::variant<Kinds...>, Kind> : std::disjunction<std::is_same<Kinds, Kind>...> {};

template <class S>
class Runner {
 public:
  using C = typename S::Core;
  using Effect = typename C::Effect;

  Runner(Process& process, S& shell)
      : process_(process), shell_(shell), stage_(process.room(), shell.core()) {}

  Status open(std::function<Result<Settings>()> read_again) {
    Process::Hooks hooks;
    hooks.not_ready = [this] { return std::string(shell_.not_ready()); };
    hooks.drain = [this] { shell_.drain(); };
    hooks.read_again = std::move(read_again);
    if constexpr (requires(S shell, const Settings& settings) { shell.reload(settings); }) {
      hooks.reload = [this](const Settings& settings) { return shell_.reload(settings); };
    }
    if constexpr (requires(S shell, const port::HttpRequest& request, Respond respond) {
                    shell.health(request, std::move(respond));
                  }) {
      hooks.health = [this](const port::HttpRequest& request, Respond respond) {
        return shell_.health(request, std::move(respond));
      };
    }
    if (auto started = process_.start(std::move(hooks)); !started) return started;
    if (auto started = shell_.start(stage_); !started) return started;
    return process_.connect(
        [this](wire::PeerId peer, Instant now) { return shell_.core().heartbeat(peer, now); },
        [this](wire::LinkOut& event) { give(event); });
  }

  // Done, or why the stage gave up.
  Status loop() {
    // Nothing is left to do when a turn's rounds came to their end and the core is idle.
    do {
      const Instant wake = stage_.out().empty()
                               ? std::min(shell_.core().deadline(), process_.links().deadline())
                               : process_.now();
      process_.poll(wake);
      turn();
      process_.turn_done();
    } while (!stage_.error() && !process_.may_leave(is_idle()));
    if (stage_.error()) return *stage_.error();
    return Done{};
  }

 private:
  [[nodiscard]] bool is_idle() {
    if constexpr (requires(S shell) { shell.idle(); }) {
      if (!shell_.idle()) return false;
    }
    return stage_.out().empty() && shell_.core().idle();
  }

  void turn() {
    C& core = shell_.core();
    if (core.deadline() <= stage_.now()) core.tick(stage_.now(), stage_.out());
    process_.links().pump();
    for (int round = 0; round < kRoundsMax && !stage_.out().empty(); ++round) {
      stage_.out().take(effects_);
      shell_.begin_turn();
      for (Effect& effect : effects_) perform(effect);
      process_.links().pump();  // what is sent does not wait for what end_turn() commits
      shell_.end_turn();
    }
  }

  void perform(Effect& effect) {
    if constexpr (CanBe<Effect, wire::Send>::value) {
      if (auto* send = std::get_if<wire::Send>(&effect)) {
        return process_.links().send(send->peer, std::move(send->item));
      }
    }
    if constexpr (CanBe<Effect, wire::Announce>::value) {
      if (const auto* announce = std::get_if<wire::Announce>(&effect)) {
        return process_.links().announce(announce->peer);
      }
    }
    shell_.perform(std::move(effect));
  }

  void give(wire::LinkOut& event) {
    if (auto* from = std::get_if<wire::FromPeer>(&event)) {
      stage_.accept(typename C::Work(std::move(*from)));
    } else if (auto* facts = std::get_if<wire::PeerFacts>(&event)) {
      stage_.complete(typename C::Reply(std::move(*facts)));
    } else if (auto* up = std::get_if<wire::PeerUp>(&event)) {
      stage_.log().info(
          "peer up",
          {{"role", name_of(up->role)}, {"instance", up->instance}, {"peer", up->peer.n}});
      const wire::PeerUp who = *up;
      stage_.complete(typename C::Reply(std::move(*up)));
      if constexpr (requires(S shell) { shell.peer_changed(who); }) shell_.peer_changed(who);
    } else if (const auto* down = std::get_if<wire::PeerDown>(&event)) {
      stage_.log().info("peer down", {{"peer", down->peer.n}});
      stage_.complete(typename C::Reply(*down));
    }
  }

  Process& process_;
  S& shell_;
  Stage<C> stage_;
  std::vector<Effect> effects_;
};

template <class S>
int run_with(Settings settings, std::function<Result<Settings>()> read_again) {
  const StageInfo info = S::info();
  const std::string name = program_name(info);
  auto process = Process::open(info, std::move(settings));
  if (!process) return fail(name, process.error());
  auto shell = S::open((*process)->room());
  if (!shell) return fail(name, shell.error());
  Runner<S> runner(**process, **shell);
  if (auto opened = runner.open(std::move(read_again)); !opened) return fail(name, opened.error());
  const Status ended = runner.loop();
  (*process)->finish();
  return ended ? 0 : fail(name, ended.error());
}

}  // namespace detail

template <class S>
requires Shell<S>
int run(int argc, char** argv) {
  std::function<Status(const Settings&)> check;
  if constexpr (requires(const Settings& settings) { S::check(settings); }) {
    check = [](const Settings& settings) { return S::check(settings); };
  }
  auto booted = boot(S::info(), argc, argv, check);
  if (const int* code = std::get_if<int>(&booted)) return *code;
  return detail::run_with<S>(std::move(std::get<Settings>(booted)), [argc, argv, check] {
    return read_settings_again(S::info(), argc, argv, check);
  });
}

}  // namespace sluice::stage
