#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "tests/upstream/server.h"

namespace {

int stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Each line: Idempotency-Key, first byte, last byte of the answer.
void write_times(const std::vector<sluice::upstream::Timed>& times, std::ostream& file) {
  for (const auto& one : times) {
    file << one.name << ' ' << one.first_byte << ' ' << one.answered << '\n';
  }
}

int failed(const sluice::Error& error) {
  std::fprintf(stderr, "sluice-upstream: %s\n", error.what.c_str());
  return error.code == sluice::Trouble::kUsage ? 64 : 75;
}

}  // namespace

int main(int count, char** words) {
  const int stop = stop_signals();
  const auto options = sluice::upstream::parse_options({words + 1, words + count});
  if (!options) return failed(options.error());
  if (options->help) return std::fputs(sluice::upstream::usage().data(), stdout), 0;
  auto server = sluice::upstream::Server::open(*options);
  if (!server) return failed(server.error());
  std::printf("sluice-upstream: ready on http://%s:%u\n", options->host.c_str(),
              static_cast<unsigned>((*server)->port()));
  std::fflush(stdout);
  (*server)->run_until_readable(stop);
  if (!options->times_file.empty()) {
    std::ofstream file(options->times_file);
    write_times((*server)->times(), file);
    if (!file.flush()) return failed({sluice::Trouble::kUnavailable, "cannot write the times"});
  }
  if (options->report_file.empty()) return 0;
  std::ofstream file(options->report_file);
  file << (*server)->tally().report(true) << std::flush;
  return file ? 0 : failed({sluice::Trouble::kUnavailable, "cannot write the report file"});
}
