#include "tests/sim/batch.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "lib/base/check.h"
#include "tests/sim/marks.h"

namespace sluice::sim {
namespace {

// What one job tells the parent: lies in memory that both see, followed by the hits of each mark.
struct Share {
  std::uint64_t failed, arrivals, crashes, steps, hash, seconds;
  bool done;
};

class Shares {
 public:
  explicit Shares(std::uint64_t jobs) : bytes_(jobs * stride()) {
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory_ != MAP_FAILED);
  }
  ~Shares() { munmap(memory_, bytes_); }
  Shares(const Shares&) = delete;
  Shares& operator=(const Shares&) = delete;

  Share& share(std::uint64_t job) { return *static_cast<Share*>(at(job)); }
  std::uint64_t* hits(std::uint64_t job) {
    return static_cast<std::uint64_t*>(static_cast<void*>(&share(job) + 1));
  }

 private:
  static std::size_t stride() { return sizeof(Share) + marks().size() * sizeof(std::uint64_t); }
  void* at(std::uint64_t job) { return static_cast<char*>(memory_) + job * stride(); }

  std::size_t bytes_;
  void* memory_;
};

void run_share(const Batch& batch, std::uint64_t job, Shares& shares) {
  Share& share = shares.share(job);
  for (std::uint64_t i = job; i < batch.seeds; i += batch.jobs) {
    Trace::Reader reader;
    if (batch.trace) reader = [](const std::string& line) { std::puts(line.c_str()); };
    const Report report = run_seed(batch.from + i, batch.saboteur, reader);
    share.arrivals += report.arrivals;
    share.crashes += report.crashes;
    share.steps += report.steps;
    share.hash ^= report.hash;
    share.seconds += static_cast<std::uint64_t>(report.virtual_time.us / 1'000'000);
    if (report.broken.empty()) continue;
    ++share.failed;
    std::puts(line_of(report, batch.saboteur).c_str());
    std::fflush(stdout);
  }
  for (std::size_t i = 0; i < marks().size(); ++i) shares.hits(job)[i] = marks()[i].hits;
  share.done = true;
}

BatchReport add_up(const Batch& batch, Shares& shares) {
  BatchReport all;
  for (const Mark& mark : marks())
    all.marks.push_back({mark.name, std::string(mark.file) + ":" + std::to_string(mark.line), 0});
  for (std::uint64_t job = 0; job < batch.jobs; ++job) {
    const Share& share = shares.share(job);
    all.failed += share.failed + (share.done ? 0 : 1);
    all.arrivals += share.arrivals;
    all.crashes += share.crashes;
    all.steps += share.steps;
    all.hash ^= share.hash;
    all.virtual_seconds += static_cast<std::int64_t>(share.seconds);
    for (std::size_t i = 0; i < all.marks.size(); ++i) all.marks[i].hits += shares.hits(job)[i];
  }
  std::sort(all.marks.begin(), all.marks.end(),
            [](const MarkHits& a, const MarkHits& b) { return a.name < b.name; });
  return all;
}

}  // namespace

BatchReport run_batch(const Batch& batch) {
  Shares shares(batch.jobs);
  std::fflush(stdout);
  for (std::uint64_t job = 1; job < batch.jobs; ++job) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child > 0) continue;
    run_share(batch, job, shares);
    std::exit(0);
  }
  run_share(batch, 0, shares);
  while (wait(nullptr) > 0) continue;
  return add_up(batch, shares);
}

}  // namespace sluice::sim
