#include "ingest/dead_queue_verb.h"

#include <algorithm>
#include <iostream>
#include <set>
#include <string>
#include <utility>

#include "ingest/dead_choice.h"
#include "ingest/dead_queue.h"
#include "ingest/dead_text.h"
#include "ingest/settings.h"
#include "ingest/sqs_settings.h"
#include "lib/aws/settings.h"
#include "lib/port/clock.h"
#include "lib/stage/boot.h"

namespace sluice::ingest {

namespace {

constexpr std::string_view kProgram = "sluice-ingest";
constexpr std::size_t kBatch = 10;
constexpr Duration kHidden = minutes(2);  // beside what a replay takes

// What a person asks for.
struct Asked {
  DeadChoice choice;
  std::int64_t most = 0;  // letters that are looked at
  std::int64_t rate = 0;  // of a replay, a second
  std::int64_t priority = 0;
  [[nodiscard]] Duration hidden_for() const {
    return std::min(aws::sqs::kVisibilityMax, kHidden + seconds(most / rate));
  }
};

Result<Asked> read_asked(const stage::VerbLine& line) {
  auto choice = read_dead_choice(line);
  if (!choice) return choice.error();
  const auto most = read_whole(line, {"--max", 1000, 1, 100'000});
  if (!most) return most.error();
  const auto rate = read_whole(line, {"--rate", 10, 1, 1000});
  if (!rate) return rate.error();
  const auto priority = read_priority(line);
  if (!priority) return priority.error();
  return Asked{std::move(*choice), *most, *rate, *priority};
}

// The one that is named; any other is an error that names what there is.
Result<SqsSettings> named_queue(const std::string& name, const Settings& settings) {
  auto config = read_config(settings);
  if (!config) return config.error();
  auto pointers = read_pointers(settings);
  if (!pointers) return pointers.error();
  auto queues = read_queues(settings, *config, *pointers);
  if (!queues) return queues.error();
  std::string known;
  for (SqsSettings& queue : *queues) {
    if (queue.reading.source == sqs_queue_name(name)) return std::move(queue);
    known += (known.empty() ? "" : ", ") + queue.reading.source;
  }
  return Error{Trouble::kUsage, "--queue " + name + ": no [[queue]] has this name; there " +
                                    (known.empty() ? "is none" : "are " + known)};
}

class Verb {
 public:
  Verb(DeadQueue& queue, Asked asked) : queue_(queue), asked_(std::move(asked)) {}

  Status run(const std::string& verb) {
    auto letters = queue_.receive(static_cast<std::size_t>(asked_.most), asked_.hidden_for());
    if (!letters) return letters.error();
    DeadQueue::Letters chosen;
    DeadQueue::Letters others;
    const StoreTime now = port::wall_now();
    for (const SqsDeadLetter& letter : *letters) {
      (asked_.choice.takes(letter.dead, now) ? chosen : others).push_back(&letter);
    }
    Status done = act(verb, chosen);
    if (verb == "list" || verb == "show") others.insert(others.end(), chosen.begin(), chosen.end());
    Status back = give_back(others);
    if (!done) return done;
    if (letters->size() == static_cast<std::size_t>(asked_.most)) {
      std::cerr << kProgram << ": only " << asked_.most << " letters were looked at (--max)\n";
    }
    if (queue_.damaged() > 0) {
      std::cerr
          << kProgram << ": " << queue_.damaged()
          << " letters came with other bytes than SQS has (MD5), and are left where they are\n";
    }
    if (chosen.empty() && verb != "list") {
      return Error{Trouble::kUsage, "no dead letter of " + queue_.url() + " is meant by that"};
    }
    return back;
  }

 private:
  Status act(const std::string& verb, const DeadQueue::Letters& chosen) {
    if (verb == "list") std::cout << dead_heading();
    for (const SqsDeadLetter* letter : chosen) {
      if (verb == "list") std::cout << dead_line(letter->dead);
      if (verb == "show") std::cout << dead_json(letter->dead);
    }
    if (verb == "replay") {
      return in_batches(chosen, "replayed", [this](const DeadQueue::Letters& some) {
        auto done = queue_.replay(some, static_cast<std::int32_t>(asked_.priority));
        queue_.sleep(seconds(1) * static_cast<std::int64_t>(some.size()) / asked_.rate);
        return done;
      });
    }
    if (verb == "purge") {
      return in_batches(chosen, "purged",
                        [this](const DeadQueue::Letters& some) { return queue_.remove(some); });
    }
    return Done{};
  }
  Status give_back(const DeadQueue::Letters& letters) {
    return in_batches(letters, nullptr,
                      [this](const DeadQueue::Letters& some) { return queue_.give_back(some); });
  }

  // `said`: of each that was done; nothing: nobody needs to know.
  template <class Act>
  static Status in_batches(const DeadQueue::Letters& letters, const char* said, Act act) {
    for (std::size_t at = 0; at < letters.size(); at += kBatch) {
      const auto from = letters.begin() + static_cast<std::ptrdiff_t>(at);
      const DeadQueue::Letters some(
          from, from + static_cast<std::ptrdiff_t>(std::min(kBatch, letters.size() - at)));
      const auto undone = act(some);
      if (!undone) return undone.error();
      for (const SqsDeadLetter* letter : some) {
        const bool is_done =
            std::find(undone->begin(), undone->end(), letter->message.id) == undone->end();
        if (said != nullptr && is_done) std::cout << said << " " << letter->dead.id << "\n";
      }
      if (!undone->empty()) {
        return Error{Trouble::kUnavailable, "SQS did not do it for " +
                                                std::to_string(undone->size()) + " of " +
                                                std::to_string(some.size()) + ": say it again"};
      }
      std::cout.flush();
    }
    return Done{};
  }

  DeadQueue& queue_;
  Asked asked_;
};

Status run(const stage::VerbLine& line, const Settings& settings) {
  auto asked = read_asked(line);
  if (!asked) return asked.error();
  auto queue = named_queue(line.value("--queue"), settings);
  if (!queue) return queue.error();
  auto session = aws::read_settings(settings);
  if (!session) return session.error();
  auto dead = DeadQueue::open(*session, *queue);
  if (!dead) return dead.error();
  return Verb(**dead, std::move(*asked)).run(line.words.front());
}

}  // namespace

int run_dead_queue(const stage::VerbLine& line, const Settings& settings, const char* usage) {
  static const std::set<std::string> kVerbs = {"list", "show", "replay", "purge"};
  const bool names_some = line.words.size() > 1 || line.has("--all") || line.words[0] == "list";
  if (!kVerbs.contains(line.words.front()) || !names_some) {
    std::cerr << usage;
    return 64;
  }
  const Status done = run(line, settings);
  if (!done) return stage::fail(kProgram, done.error());
  if (!std::cout.flush()) {
    return stage::fail(kProgram, {Trouble::kUnavailable, "standard output cannot be written"});
  }
  return 0;
}

}  // namespace sluice::ingest
