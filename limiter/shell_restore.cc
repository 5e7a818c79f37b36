#include "limiter/shell_restore.h"

#include <unistd.h>

#include <charconv>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/calendar.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"
#include "lib/stage/boot.h"
#include "lib/stage/verb_line.h"
#include "limiter/listing.h"
#include "limiter/restoring.h"
#include "limiter/shell.h"
#include "limiter/shell_store.h"

namespace sluice::limiter {

namespace {

constexpr const char* kProgram = "sluice-limiter";
constexpr Duration kPatience = seconds(15);
constexpr Duration kAgain = milliseconds(200);
constexpr std::size_t kPeeked = 100;  // keys in one question
constexpr std::size_t kShown = 50;    // full keys that are named, of each limit
constexpr const char* kUsage =
    "usage: sluice-limiter restore [--lift] [--spare N] [--nothing-before] [--by NAME] [--keys]\n"
    "                              [--settings FILE] [--name value]\n"
    "       behind: sluice-auditor attempts --upstream UP --since 2d --keys |\n"
    "After the store forgot: counts again what the trail proves has arrived, each once, however\n"
    "often it is said. Reads all of standard input before it writes anything.\n"
    "  --lift            ends what the closure holds of windows longer than 10 minutes\n"
    "  --spare N         but for so many units of any key that may be in no trail\n"
    "  --nothing-before  nothing was sent before the trail begins\n"
    "  --by NAME         who lifts it, for the trail\n"
    "  --keys            name full keys in clear, not as the trail does\n";

struct Wanted {
  bool lift = false;
  bool keys = false;
  Vouched vouched;
};

Result<Wanted> wanted_by(const stage::VerbLine& line) {
  if (!line.words.empty()) {
    return Error{Trouble::kUsage, "there is no " + line.words.front() + " here"};
  }
  Wanted wanted{line.has("--lift"), line.has("--keys"), {}};
  wanted.vouched.nothing_before = line.has("--nothing-before");
  wanted.vouched.by = line.value("--by").empty() ? "sluice-limiter restore" : line.value("--by");
  const std::string spare = line.value("--spare");
  if (spare.empty()) return wanted;
  std::uint32_t units = 0;
  const auto [end, error] = std::from_chars(spare.data(), spare.data() + spare.size(), units);
  if (error != std::errc() || end != spare.data() + spare.size()) {
    return Error{Trouble::kUsage, "--spare: \"" + spare + "\" is no whole number"};
  }
  wanted.vouched.spare = units;
  return wanted;
}

Result<Listed> read_listed() {
  if (::isatty(STDIN_FILENO) == 1) return Error{Trouble::kUsage, "nothing is piped into it"};
  ListingReader reader("standard input");
  for (std::string text; std::getline(std::cin, text);) {
    if (auto read = reader.line(text); !read) return read.error();
  }
  return reader.end();
}

// The store, one call after the other. Each may be said again until it is answered.
class Talk {
 public:
  Talk(port::Poller& poller, StorePort& store) : poller_(poller), store_(store) {
    store_.start({[this](const StoreReply& reply) { heard(reply); },
                  [this](Error error) { error_ = std::move(error); }});
  }

  Result<StoreReply> ask(const Call& call) {
    const Instant end = poller_.now() + kPatience;
    std::string why = "no answer";
    while (poller_.now() < end) {
      reply_.reset();
      std::vector<StoreAsk> asks{{++last_, call}};
      store_.perform(asks);
      while (!reply_ && !error_ && poller_.now() < end) poller_.poll(end);
      if (error_) return *error_;
      if (!reply_) break;
      const auto* failed = std::get_if<StoreFailed>(&reply_->answer);
      if (failed == nullptr) return std::move(*reply_);
      why = failed->what;
      const Instant again = poller_.now() + kAgain;
      while (poller_.now() < again) poller_.poll(again);
    }
    return Error{Trouble::kUnavailable, "the store: " + why};
  }

 private:
  void heard(const StoreReply& reply) {
    if (reply.call_id == last_) reply_ = reply;
  }

  port::Poller& poller_;
  StorePort& store_;
  std::uint64_t last_ = 0;
  std::optional<StoreReply> reply_;
  std::optional<Error> error_;
};

Result<ShardSeen> look(Talk& talk, const Upstream& upstream) {
  auto asked = talk.ask(AskLimits{upstream.name});
  if (!asked) return asked.error();
  const auto& known = std::get<LimitsReply>(asked->answer);
  ShardSeen shard;
  shard.upstream = upstream;
  shard.upstream.limits = known.limits.limits;
  shard.version = known.limits.version;
  shard.closed_until = known.shard.closed_until;
  shard.edited_at = known.limits.at;
  AskClock clock{upstream.name};
  clock.caller.life = port::random_id();
  auto told = talk.ask(clock);
  if (!told) return told.error();
  shard.now = told->now;
  auto peeked = talk.ask(Peek{upstream.name, {""}});
  if (!peeked) return peeked.error();
  shard.held = std::get<PeekReply>(peeked->answer).keys.at(0).limits;
  if (shard.held.size() == shard.upstream.limits.size()) return shard;
  return Error{Trouble::kUnavailable, "the limits are being edited: run it again"};
}

Status say(Talk& talk, const Restore& call) {
  auto told = talk.ask(call);
  if (!told) return told.error();
  if (!std::get<LimitsReply>(told->answer).stale) return Done{};
  return Error{Trouble::kUnavailable,
               "the limits were edited, or the store forgot again, meanwhile: nothing was lifted; "
               "run it again"};
}

// ---- what is said at the end -----------------------------------------------------------------

class Report {
 public:
  Report(const Listed& listed, const ShardSeen& shard, bool with_keys)
      : listed_(listed),
        shard_(shard),
        with_keys_(with_keys),
        full_(shard.upstream.limits.size()) {}

  Status look(Talk& talk) {
    std::vector<std::size_t> known;
    for (std::size_t n = 0; n < listed_.whose.size(); ++n) {
      if (!listed_.whose[n].key.empty()) known.push_back(n);
    }
    for (std::size_t from = 0; from < known.size(); from += kPeeked) {
      Peek peek{shard_.upstream.name, {}};
      const std::size_t end = std::min(known.size(), from + kPeeked);
      for (std::size_t n = from; n < end; ++n) peek.keys.push_back(listed_.whose[known[n]].key);
      auto peeked = talk.ask(peek);
      if (!peeked) return peeked.error();
      const auto& states = std::get<PeekReply>(peeked->answer).keys;
      for (std::size_t n = from; n < end; ++n) see(listed_.whose[known[n]], states.at(n - from));
    }
    return Done{};
  }

  void print(std::ostream& out, bool lifted) const {
    std::uint64_t units = 0, nobodys = 0;
    for (const Sent& sent : listed_.sent) units += sent.units;
    for (const Whose& whose : listed_.whose) nobodys += whose.key.empty() ? 1U : 0U;
    out << "restored " << listed_.sent.size() << " arrivals (" << units << " units) of "
        << listed_.whose.size() << " keys at " << listed_.upstream << "\n";
    if (nobodys > 0) {
      out << nobodys << " of these keys are not known (erased, or listed without --keys): limits "
          << "of a key are held tighter for all\n";
    }
    for (std::size_t place = 0; place < full_.size(); ++place) print_limit(out, place, lifted);
  }

 private:
  void see(const Whose& whose, const KeyState& state) {
    for (std::size_t place = 0; place < full_.size() && place < state.logs.size(); ++place) {
      if (shard_.upstream.limits[place].kind != LimitKind::kRate) continue;
      const StoreTime until = full_until(shard_, place, state);
      if (until > shard_.now) full_[place].emplace_back(&whose, until);
    }
  }

  void print_limit(std::ostream& out, std::size_t place, bool lifted) const {
    const Limit& limit = shard_.upstream.limits[place];
    if (limit.kind != LimitKind::kRate) return;
    const Tightened& tight = shard_.held[place];
    out << "limit \"" << limit.name << "\": ";
    if (tight.held >= limit.n) {
      out << "counts as full until " << timestamp_of(tight.held_until)
          << (lifted ? "" : " (--lift ends that)") << "\n";
    } else if (tight.held > 0) {
      out << "held by " << tight.held << " of " << limit.n << " until "
          << timestamp_of(tight.held_until) << "\n";
    } else {
      out << "as its settings say\n";
    }
    if (limit.scope == LimitScope::kUpstream) return;
    for (std::size_t n = 0; n < full_[place].size() && n < kShown; ++n) {
      const auto& [whose, until] = full_[place][n];
      out << "  " << (with_keys_ ? whose->key : whose->name) << " is full until "
          << timestamp_of(until) << "\n";
    }
    if (full_[place].size() > kShown) {
      out << "  ... and " << full_[place].size() - kShown << " more\n";
    }
  }

  const Listed& listed_;
  const ShardSeen& shard_;
  bool with_keys_;
  std::vector<std::vector<std::pair<const Whose*, StoreTime>>> full_;  // for each limit
};

Status restore_into(Talk& talk, const Listed& listed, const Upstream& upstream,
                    const Wanted& wanted) {
  auto shard = look(talk, upstream);
  if (!shard) return shard.error();
  std::optional<Restore> lift;
  if (wanted.lift) {
    auto call = lifting(listed, *shard, wanted.vouched);
    if (!call) return call.error();
    lift = std::move(*call);
  }
  for (const Restore& call : restoring(listed, *shard)) {
    if (auto said = say(talk, call); !said) return said;
  }
  if (lift) {
    if (auto said = say(talk, *lift); !said) return said;
  }
  auto after = look(talk, upstream);
  if (!after) return after.error();
  Report report(listed, *after, wanted.keys);
  if (auto looked = report.look(talk); !looked) return looked;
  report.print(std::cout, wanted.lift);
  return Done{};
}

Status run(const Settings& settings, const Listed& listed, const Wanted& wanted) {
  const auto config = config_of(settings);
  if (!config) return config.error();
  const StoreConfig of_store = store_config(settings, *config);
  const Upstream* upstream = find_upstream(of_store, listed.upstream);
  if (upstream == nullptr) {
    return Error{Trouble::kSettings,
                 "field \"upstream\": \"" + listed.upstream + "\" is not in the settings"};
  }
  port::Log log({"restore", port::Level::kWarning, false});
  port::Poller poller;
  stage::Metrics metrics;
  const stage::Room room{settings, poller, log, metrics, port::random_id(), "restore", {}};
  auto store = open_store(room, of_store, Speaks::kNothing);
  if (!store) return store.error();
  Talk talk(poller, **store);
  return restore_into(talk, listed, *upstream, wanted);
}

}  // namespace

int restore(int argc, char** argv) {
  if (stage::wants_help(argc, argv)) {
    std::cout << kUsage;
    return 0;
  }
  const auto line = stage::read_verb_line(
      argc, argv,
      {.flags = {"--lift", "--nothing-before", "--keys"}, .valued = {"--spare", "--by"}});
  if (!line) return stage::fail(kProgram, line.error());
  const auto wanted = wanted_by(*line);
  if (!wanted) {
    std::cerr << kUsage;
    return stage::fail(kProgram, wanted.error());
  }
  auto booted = stage::boot(Shell::info(), static_cast<int>(line->rest.size()), line->rest.data(),
                            &Shell::check);
  if (const int* code = std::get_if<int>(&booted)) return *code;
  const auto listed = read_listed();
  if (!listed) return stage::fail(kProgram, listed.error());
  const auto done = run(std::get<Settings>(booted), *listed, *wanted);
  return done ? 0 : stage::fail(kProgram, done.error());
}

}  // namespace sluice::limiter
