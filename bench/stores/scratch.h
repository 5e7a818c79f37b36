// A folder of its own on the disk that is to be measured (SLUICE_BENCH_DIR, else /tmp), removed at
// the end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace sluice::bench {

class Scratch {
 public:
  Scratch() {
    const char* named = std::getenv("SLUICE_BENCH_DIR");
    path_ = std::string(named != nullptr ? named : "/tmp") + "/bench-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace sluice::bench
