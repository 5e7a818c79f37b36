// The smallest stages that there can be, one file: "ingest" asks with a Forgotten each 20 ms,
// "limiter" answers each with a Settled of the same identity. What tests/stage runs, and how a
// shell looks.
#include <cstring>
#include <memory>
#include <set>

#include "lib/stage/run.h"

namespace sluice::toy {

namespace {

constexpr SettingRow kRows[] = {
    {.name = "pause",
     .type = SettingType::kDuration,
     .preset = "20ms",
     .help = "Between two questions.",
     .min = us(milliseconds(1)),
     .max = us(seconds(1)),
     .scaled = true},
    {.name = "word", .preset = "one", .help = "Read at the start only.", .min = 1, .max = 9},
};

std::string identity_of(std::uint64_t n) {
  std::string text = std::to_string(n);
  return std::string(16 - text.size(), '0') + text;
}

// ---- the core: pure ----

struct Tally {};  // an effect of its own, for the shell to perform

class ToyCore {
 public:
  using Work = std::variant<wire::FromPeer>;
  using Reply = std::variant<wire::PeerUp, wire::PeerDown, wire::PeerFacts>;
  using Effect = std::variant<wire::Send, wire::Announce, Tally>;

  ToyCore(bool asks, Duration pause) : asks_(asks), pause_(pause) {}

  void accept(const Work& work, Instant, Outbox<Effect>& out) {
    const auto& from = std::get<wire::FromPeer>(work);
    if (const auto* asked = std::get_if<wire::Forgotten>(&from.item)) {
      wire::Settled settled;
      settled.identity = asked->identity;
      settled.key = "toy:1";
      settled.upstream = asked->upstream;
      out.push(wire::Send{from.peer, settled});
    }
    out.push(Tally{});
  }
  void complete(const Reply& reply, Instant now, Outbox<Effect>& out) {
    if (const auto* up = std::get_if<wire::PeerUp>(&reply)) {
      peers_.insert(up->peer);
      out.push(wire::Announce{up->peer});
      next_ = now;
    }
    if (const auto* down = std::get_if<wire::PeerDown>(&reply)) peers_.erase(down->peer);
  }
  void tick(Instant now, Outbox<Effect>& out) {
    next_ = now + pause_;
    if (draining_) return;
    for (const wire::PeerId peer : peers_) {
      out.push(wire::Send{peer, wire::Forgotten{identity_of(++asked_), "toy"}});
    }
  }
  [[nodiscard]] std::size_t room() const { return 1; }
  [[nodiscard]] Instant deadline() const {
    return asks_ && !peers_.empty() ? next_ : Instant::never();
  }
  [[nodiscard]] bool idle() const { return draining_; }
  [[nodiscard]] std::size_t effects_max() const { return 1024; }
  [[nodiscard]] wire::HeartbeatFacts heartbeat(wire::PeerId, Instant) const { return {}; }

  void drain() { draining_ = true; }
  void set_pause(Duration pause) { pause_ = pause; }
  [[nodiscard]] bool connected() const { return !peers_.empty(); }

 private:
  bool asks_;
  Duration pause_;
  std::set<wire::PeerId> peers_;
  Instant next_;
  std::uint64_t asked_ = 0;
  bool draining_ = false;
};
static_assert(sluice::Core<ToyCore>);

// ---- the shell ----

template <bool kAsks>
class ToyShell {
 public:
  using Core = ToyCore;

  static stage::StageInfo info() {
    stage::StageInfo info;
    info.name = kAsks ? "ingest" : "limiter";
    info.what = "A toy.";
    info.role = kAsks ? wire::Role::kIngest : wire::Role::kLimiter;
    info.health_listen = "127.0.0.1:0";
    if (kAsks) info.dials = {wire::Role::kLimiter};
    if (!kAsks) info.takes = {wire::Role::kIngest};
    info.rows = kRows;
    return info;
  }
  static Result<std::unique_ptr<ToyShell>> open(const stage::Room& room) {
    return std::make_unique<ToyShell>(room.settings.stage.duration("pause"));
  }
  explicit ToyShell(Duration pause) : core_(kAsks, pause) {}
  Result<std::vector<std::string>> reload(const Settings& settings) {
    if (settings.stage.text("word") == "never") {
      return Error{Trouble::kSettings, settings.stage.place_of("word").text() + ": not that word"};
    }
    core_.set_pause(settings.stage.duration("pause"));
    return std::vector<std::string>{"pause"};
  }

  Core& core() { return core_; }
  Status start(stage::Stage<Core>& stage) {
    tally_ = &stage.metrics().counter("toy_heard_total", "Items heard.");
    return Done{};
  }
  void perform(const Core::Effect&) { tally_->add(); }
  void begin_turn() {}
  void end_turn() {}
  [[nodiscard]] std::string not_ready() const {
    return kAsks && !core_.connected() ? "no limiter is connected" : "";
  }
  void drain() { core_.drain(); }

 private:
  ToyCore core_;
  stage::Counter* tally_ = nullptr;
};

}  // namespace

}  // namespace sluice::toy

int main(int argc, char** argv) {
  const bool asks = argc > 1 && std::strcmp(argv[1], "ask") == 0;
  if (asks) return sluice::stage::run<sluice::toy::ToyShell<true>>(argc - 1, argv + 1);
  return sluice::stage::run<sluice::toy::ToyShell<false>>(argc - 1, argv + 1);
}
