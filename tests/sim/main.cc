// sluice-simulate: runs seeds; scripts/simulate calls it.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/run.h"

namespace {

using sluice::sim::Report;
using sluice::sim::Saboteur;

struct Options {
  std::uint64_t from = 1;
  std::uint64_t seeds = 1;
  std::uint64_t jobs = 1;
  bool trace = false;
  bool all_sabotage = false;
  const Saboteur* saboteur = nullptr;
};

[[noreturn]] void usage() {
  std::fputs(
      "usage: simulate --seed=N [--trace] [--saboteur=NAME]\n"
      "       simulate --seeds=N [--from=N] [--jobs=N] [--saboteur=NAME]\n"
      "       simulate --saboteurs [--seeds=N]\n",
      stderr);
  std::exit(64);
}

std::uint64_t number(std::string_view text) {
  const std::string digits(text);
  char* end = nullptr;
  const std::uint64_t n = std::strtoull(digits.c_str(), &end, 10);
  if (digits.empty() || *end != '\0') usage();
  return n;
}

Options read(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&](std::string_view name) -> std::string_view {
      return arg.starts_with(name) ? arg.substr(name.size()) : std::string_view();
    };
    if (const auto seed = value("--seed="); !seed.empty())
      options.from = number(seed);
    else if (const auto seeds = value("--seeds="); !seeds.empty())
      options.seeds = number(seeds);
    else if (const auto from = value("--from="); !from.empty())
      options.from = number(from);
    else if (const auto jobs = value("--jobs="); !jobs.empty())
      options.jobs = number(jobs);
    else if (const auto name = value("--saboteur="); !name.empty())
      options.saboteur = sluice::sim::find_saboteur(std::string(name));
    else if (arg == "--trace")
      options.trace = true;
    else if (arg == "--saboteurs")
      options.all_sabotage = true;
    else
      usage();
    if (arg.starts_with("--saboteur=") && !options.saboteur) usage();
  }
  return options;
}

struct Sums {
  std::uint64_t failed = 0, arrivals = 0, crashes = 0, steps = 0;
  std::int64_t virtual_seconds = 0;
};

Sums run_share(const Options& options, std::uint64_t share) {
  Sums sums;
  for (std::uint64_t i = share; i < options.seeds; i += options.jobs) {
    sluice::sim::Trace::Reader reader;
    if (options.trace) reader = [](const std::string& line) { std::puts(line.c_str()); };
    const Report report = run_seed(options.from + i, options.saboteur, reader);
    sums.arrivals += report.arrivals;
    sums.crashes += report.crashes;
    sums.steps += report.steps;
    sums.virtual_seconds += report.virtual_time.us / 1'000'000;
    if (options.seeds == 1)
      std::printf("hash %016llx, %llu steps\n", static_cast<unsigned long long>(report.hash),
                  static_cast<unsigned long long>(report.steps));
    if (report.broken.empty()) continue;
    ++sums.failed;
    std::puts(line_of(report, options.saboteur).c_str());
    std::fflush(stdout);
  }
  std::printf(
      "%llu seeds failed; %llu arrivals, %llu crashes, %lld virtual seconds, %llu steps\n",
      static_cast<unsigned long long>(sums.failed), static_cast<unsigned long long>(sums.arrivals),
      static_cast<unsigned long long>(sums.crashes), static_cast<long long>(sums.virtual_seconds),
      static_cast<unsigned long long>(sums.steps));
  return sums;
}

// Each saboteur until a seed catches it.
int run_saboteurs(const Options& options) {
  int missed = 0;
  for (const Saboteur& saboteur : sluice::sim::saboteurs()) {
    const std::uint64_t seeds = options.seeds > 1 ? options.seeds : 50;
    std::string caught = "NOT CAUGHT in " + std::to_string(seeds) + " seeds";
    for (std::uint64_t seed = options.from; seed < options.from + seeds; ++seed) {
      const Report report = run_seed(seed, &saboteur);
      if (report.broken.empty()) continue;
      caught = line_of(report, &saboteur);
      break;
    }
    missed += caught.starts_with("NOT") ? 1 : 0;
    std::printf("%-50s %s\n", saboteur.name.c_str(), caught.c_str());
    std::fflush(stdout);
  }
  return missed == 0 ? 0 : 1;
}

int run_jobs(const Options& options) {
  for (std::uint64_t share = 0; share < options.jobs; ++share) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) std::exit(run_share(options, share).failed == 0 ? 0 : 1);
    if (child < 0) return 75;
  }
  int failed = 0;
  int status = 0;
  while (wait(&status) > 0) failed |= status != 0 ? 1 : 0;
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read(argc, argv);
  if (options.all_sabotage) return run_saboteurs(options);
  if (options.jobs > 1) return run_jobs(options);
  return run_share(options, 0).failed == 0 ? 0 : 1;
}
