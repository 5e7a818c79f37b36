#include <cstdio>

#include "bench/load.h"
#include "bench/own_cpu.h"

namespace {

constexpr const char* kUsage =
    "sluice-load: sends messages to the front door of sluice-ingest and times its answers\n\n"
    "  --to=HOST:PORT --messages=N --keys=N --batch=N (NDJSON) --connections=N --rate=N (a "
    "second)\n"
    "  --size=BYTES --prefix=TEXT (of the ids) --times-file=FILE (each line: id, ns of its 202)\n";

bool write_times(const sluice::bench::LoadOptions& options, const sluice::bench::Load& load) {
  std::FILE* file = std::fopen(options.times_file.c_str(), "w");
  if (file == nullptr) return false;
  for (std::size_t n = 0; n < load.answered().size(); ++n) {
    std::fprintf(file, "%s-%zu %lld\n", options.prefix.c_str(), n,
                 static_cast<long long>(load.answered()[n]));
  }
  return std::fclose(file) == 0;
}

}  // namespace

int main(int count, char** words) {
  sluice::bench::LoadOptions options;
  std::string wrong;
  if (!sluice::bench::parse_load({words + 1, words + count}, options, wrong)) {
    std::fprintf(stderr, "%s\nnot understood: %s\n", kUsage, wrong.c_str());
    return 64;
  }
  sluice::bench::Load load(options);
  if (!load.run()) {
    std::fprintf(stderr, "sluice-load: the front door went away, or says nothing\n");
    return 75;
  }
  const auto& counts = load.counts();
  std::printf("{\"accepted\": %llu, \"refused\": %llu, \"seconds\": %.6f, \"cpu_us\": %.0f}\n",
              static_cast<unsigned long long>(counts.accepted),
              static_cast<unsigned long long>(counts.refused),
              static_cast<double>(counts.ended - counts.began) / 1e9, sluice::bench::own_cpu_us());
  if (!options.times_file.empty() && !write_times(options, load)) return 75;
  return 0;
}
