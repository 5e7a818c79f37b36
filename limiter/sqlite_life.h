// Has this file forgotten something? The embedded store's life (design 4.4): what the database says
// of itself is compared with a second file beside it, store.life: the database's id and inode, how
// often it was opened (fsynced), and how many commits it has taken (written after each commit, so
// it is never ahead of what is durable, unless the database was put back).
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "lib/port/unique_fd.h"

namespace sluice::limiter {

struct LifeFacts {
  std::string id;  // hex; empty: none
  std::uint64_t inode = 0;
  std::uint64_t opens = 0;
  std::uint64_t commits = 0;
};

// Why the database may have forgotten, for a person; empty: it has not. `database.opens` is what it
// says before this open; `file_is_new`: it did not exist.
std::string forgotten(const LifeFacts& database, const LifeFacts& beside, bool file_is_new);

class LifeFile {
 public:
  static Result<LifeFile> open(const std::string& path);
  // Nothing where there is no such file or it cannot be read as one.
  [[nodiscard]] const LifeFacts& found() const { return found_; }
  [[nodiscard]] Status write(const LifeFacts& facts, bool synced);

 private:
  explicit LifeFile(port::UniqueFd fd) : fd_(std::move(fd)) {}
  port::UniqueFd fd_;
  LifeFacts found_;
};

std::uint64_t inode_of(const std::string& path);  // 0: no such file
// Which boot of the machine this is; empty when the kernel does not say.
std::string machine_boot();

}  // namespace sluice::limiter
