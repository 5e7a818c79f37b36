// sluice-simulate: runs seeds; scripts/simulate calls it.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/batch.h"
#include "tests/sim/kinds.h"
#include "tests/sim/marks.h"

namespace {

using sluice::sim::BatchReport;
using sluice::sim::Report;
using sluice::sim::Saboteur;

struct Options : sluice::sim::Batch {
  bool all_marks = false;
  bool all_sabotage = false;
};

[[noreturn]] void usage() {
  std::fputs(
      "usage: simulate --seed=N [--trace] [--saboteur=NAME]\n"
      "       simulate --seeds=N [--from=N] [--jobs=N] [--marks] [--saboteur=NAME]\n"
      "       simulate --saboteurs [--seeds=N] [--jobs=N]\n",
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
    else if (arg == "--marks")
      options.all_marks = true;
    else if (arg == "--saboteurs")
      options.all_sabotage = true;
    else
      usage();
    if (options.jobs == 0) usage();
    if (arg.starts_with("--saboteur=") && !options.saboteur) usage();
  }
  return options;
}

// How often each mark was reached; those that never were fail the run, unless it is known why; and
// so do those that are said to be out of reach, and are not.
std::uint64_t print_marks(const BatchReport& report) {
  std::uint64_t missed = 0;
  for (const auto& mark : report.marks) {
    const std::string known = sluice::sim::why_out_of_reach(mark.name);
    const bool lacks = mark.hits == 0 && known.empty();
    const bool excused = mark.hits > 0 && !known.empty();
    missed += lacks || excused ? 1 : 0;
    std::string remark;
    if (lacks) remark = "  NEVER REACHED: " + mark.place;
    if (excused) remark = "  is reached, and needs no excuse: tests/sim/marks.cc";
    if (mark.hits == 0 && !known.empty()) remark = "  out of reach: " + known;
    std::printf("%10llu  %s%s\n", static_cast<unsigned long long>(mark.hits), mark.name.c_str(),
                remark.c_str());
  }
  std::printf("%zu marks, %llu never reached that should be\n", report.marks.size(),
              static_cast<unsigned long long>(missed));
  return missed;
}

int run_seeds(const Options& options) {
  const BatchReport report = run_batch(options);
  const std::uint64_t missed = options.all_marks ? print_marks(report) : 0;
  std::printf(
      "%llu seeds, %llu failed; %llu arrivals, %llu crashes, %lld virtual seconds, "
      "%llu steps, hash %016llx\n",
      static_cast<unsigned long long>(options.seeds),
      static_cast<unsigned long long>(report.failed),
      static_cast<unsigned long long>(report.arrivals),
      static_cast<unsigned long long>(report.crashes),
      static_cast<long long>(report.virtual_seconds), static_cast<unsigned long long>(report.steps),
      static_cast<unsigned long long>(report.hash));
  return report.failed + missed == 0 ? 0 : 1;
}

// One saboteur, until a seed catches it. What must be harmless must not be caught. Some harm shows
// on few days (a dead letter of a queue copy), and who is caught early costs little.
bool run_saboteur(const Options& options, const Saboteur& saboteur) {
  const bool harmless = !saboteur.harmless.empty();
  const std::uint64_t unless_told = harmless ? 50 : 400;
  const std::uint64_t seeds = options.seeds > 1 ? options.seeds : unless_told;
  std::string caught;
  for (std::uint64_t seed = options.from; seed < options.from + seeds && caught.empty(); ++seed) {
    const Report report = run_seed(seed, &saboteur);
    if (!report.broken.empty()) caught = line_of(report, &saboteur);
  }
  const bool right = caught.empty() == harmless;
  const std::string seen =
      caught.empty() ? "not caught in " + std::to_string(seeds) + " seeds" : caught;
  std::printf("%-50s %s%s%s\n", saboteur.name.c_str(), right ? "" : "WRONG: ", seen.c_str(),
              harmless ? (", harmless: " + saboteur.harmless).c_str() : "");
  std::fflush(stdout);
  return right;
}

// Each job takes its share of them; a job that finds something wrong, or dies, fails all.
int run_saboteurs(const Options& options) {
  std::vector<const Saboteur*> all;
  for (const auto* list : {&sluice::sim::saboteurs(), &sluice::sim::kinds()})
    for (const Saboteur& saboteur : *list) all.push_back(&saboteur);
  const auto share = [&](std::size_t job) {
    bool right = true;
    for (std::size_t i = job; i < all.size(); i += options.jobs)
      right = run_saboteur(options, *all[i]) && right;
    return right;
  };
  std::fflush(stdout);
  for (std::size_t job = 1; job < options.jobs; ++job)
    if (fork() == 0) std::exit(share(job) ? 0 : 1);
  bool right = share(0);
  int status = 0;
  while (wait(&status) > 0) right = right && status == 0;
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read(argc, argv);
  if (options.all_sabotage) return run_saboteurs(options);
  return run_seeds(options);
}
