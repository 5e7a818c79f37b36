// What a key takes in the limiter's memory, by RSS with the allocator that the limiter has: keys
// that are known to have rows and have none here, by far the most of a large backlog, and such as
// have the head of their rows in a line. The limiter's core is told of them as an ingest tells it.
//
// usage: bench-limiter-keys [KNOWN] [IN_LINES]

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "bench/own_cpu.h"
#include "limiter/core.h"

namespace {

using namespace sluice;
using limiter::LimiterCore;

double rss_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

limiter::Config config() {
  limiter::Config config;
  Upstream upstream;
  upstream.name = "api";
  upstream.url = "http://127.0.0.1:8090";
  upstream.limits = {Limit{"per-key", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}};
  config.upstreams = {upstream};
  return config;
}

// An ingest beside the core: it announces keys, and answers Wants with one row each, or not at all.
class Ingest {
 public:
  explicit Ingest(bool answers) : answers_(answers), core_(config(), 1) {
    core_.complete(wire::PeerUp{kPeer, wire::Role::kIngest, "ingest-1", 7}, now_, out_);
    turn();
  }
  // In turns of a thousand, as the limiter hears of them.
  void announce(std::uint64_t keys) {
    for (std::uint64_t key = 0; key < keys; ++key) {
      wire::Parked parked{"parking-1", name_of(key), "api", 40, std::int64_t(key) + 1, {}};
      core_.accept(wire::FromPeer{kPeer, parked}, now_, out_);
      if (key % 1'000 == 999) turn();
    }
    turn();
  }
  void settle() {
    while (!wants_.empty()) turn();
  }
  // Its keys are announced anew each minute.
  void later(Duration span) { now_ = now_ + span; }
  [[nodiscard]] const LimiterCore& core() const { return core_; }

 private:
  static constexpr wire::PeerId kPeer{1};

  static std::string name_of(std::uint64_t key) {
    std::string digits = std::to_string(key);
    return "customer-" + std::string(11 - digits.size(), '0') + digits;  // 20 bytes
  }
  void turn() {
    now_ = now_ + milliseconds(1);
    for (const wire::Want& want : std::exchange(wants_, {})) offer(want);
    core_.tick(now_, out_);
    out_.take(said_);
    for (const LimiterCore::Effect& effect : said_) {
      const auto* send = std::get_if<wire::Send>(&effect);
      const auto* want = send == nullptr ? nullptr : std::get_if<wire::Want>(&send->item);
      if (want != nullptr && answers_) wants_.push_back(*want);
    }
  }
  void offer(const wire::Want& want) {
    wire::Offer row;
    row.want_id = want.want_id;
    row.store = want.store;
    row.key = want.key;
    row.upstream = "api";
    row.identity = want.key.substr(want.key.size() - 16);
    row.id = want.key;
    row.source = "embedded";
    row.content_hash = std::string(32, 'h');
    row.order = 1;
    row.expires_at = StoreTime::never();
    row.request.method = "POST";
    row.request.path = "/messages";
    row.request.body = std::string(512, 'x');
    core_.accept(wire::FromPeer{kPeer, row}, now_, out_);
    core_.accept(wire::FromPeer{kPeer, wire::Rows{want.want_id, want.store, want.key, 1, true}},
                 now_, out_);
  }

  bool answers_;
  Instant now_{1'000'000};
  LimiterCore core_;
  LimiterCore::Out out_;
  std::vector<LimiterCore::Effect> said_;
  std::vector<wire::Want> wants_;
};

void print(const char* what, std::uint64_t keys, double before, double cpu_before) {
  const double rss = rss_bytes();
  const auto count = static_cast<double>(keys);
  std::printf("%-44s %9llu keys  %6.0f bytes each  RSS %7.1f MiB  %5.2f us of CPU each\n", what,
              static_cast<unsigned long long>(keys), (rss - before) / count, rss / (1 << 20),
              (bench::own_cpu_us() - cpu_before) / count);
}

void measure_known(std::uint64_t keys) {
  const double before = rss_bytes();
  double cpu = bench::own_cpu_us();
  Ingest ingest(false);
  ingest.announce(keys);
  print("known to have rows, none of them here", keys, before, cpu);
  cpu = bench::own_cpu_us();
  ingest.later(seconds(60));
  ingest.announce(keys);
  print("the same, announced anew", keys, before, cpu);
  std::fflush(stdout);
  if (ingest.core().keys() + ingest.core().known_keys() < keys) _exit(1);
}

void measure_in_lines(std::uint64_t keys) {
  const double before = rss_bytes();
  const double cpu = bench::own_cpu_us();
  Ingest ingest(true);
  ingest.announce(keys);
  ingest.settle();
  print("with a row of 512 bytes in its line", keys, before, cpu);
  std::fflush(stdout);
  if (ingest.core().messages() != keys) _exit(1);
}

// In a process of its own: what was freed before is not there to be used again.
template <class Measure>
bool alone(Measure measure) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    measure();
    std::fflush(stdout);
    _exit(0);
  }
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t known = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::uint64_t in_lines = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100'000;
  const bool lines_told = alone([&] { measure_in_lines(in_lines); });
  const bool known_told = alone([&] { measure_known(known); });
  return lines_told && known_told ? 0 : 1;
}
