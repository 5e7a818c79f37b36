#include "ingest/dead_queue_verb.h"

#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "ingest/dead_pass.h"
#include "ingest/settings.h"
#include "ingest/sqs_settings.h"
#include "ingest/uses.h"
#include "lib/aws/session.h"
#include "lib/aws/settings.h"
#include "lib/stage/boot.h"
#include "lib/stage/stop_signal.h"

namespace sluice::ingest {

namespace {

constexpr std::string_view kProgram = "sluice-ingest";

// What a call to SQS needs, and a signal ends.
struct Surroundings {
  port::Poller poller;
  std::unique_ptr<stage::StopSignal> stop;
  std::unique_ptr<aws::Session> session;

  Status open(const Settings& settings) {
    auto read = aws::read_settings(settings);
    if (!read) return read.error();
    auto stops = stage::StopSignal::open(poller);
    if (!stops) return stops.error();
    stop = std::move(*stops);
    auto opened = aws::Session::open(poller, *read, kDeadQueueUses);
    if (!opened) return opened.error();
    session = std::move(*opened);
    return Done{};
  }
  DeadQueue::World world() {
    return {session->client(), session->world(), [this](Instant until) { poller.poll(until); },
            [this] { return stop->came(); }};
  }
};

Result<DeadAsked> read_asked(const stage::VerbLine& line) {
  auto choice = read_dead_choice(line);
  if (!choice) return choice.error();
  const auto most = read_whole(line, {"--max", 1000, 1, 100'000});
  if (!most) return most.error();
  const auto rate = read_whole(line, {"--rate", 10, 1, 1000});
  if (!rate) return rate.error();
  const auto priority = read_priority(line);
  if (!priority) return priority.error();
  return DeadAsked{line.words.front(), std::move(*choice), static_cast<std::size_t>(*most), *rate,
                   static_cast<std::int32_t>(*priority)};
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

Status run(const stage::VerbLine& line, const Settings& settings) {
  auto asked = read_asked(line);
  if (!asked) return asked.error();
  auto queue = named_queue(line.value("--queue"), settings);
  if (!queue) return queue.error();
  Surroundings here;
  if (Status opened = here.open(settings); !opened) return opened;
  auto dead = DeadQueue::find(here.world(), *queue);
  if (!dead) return dead.error();
  return DeadPass(**dead, std::move(*asked), std::cout, std::cerr).run();
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
  return done ? 0 : stage::fail(kProgram, done.error());
}

}  // namespace sluice::ingest
