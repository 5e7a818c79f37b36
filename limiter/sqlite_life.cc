#include "limiter/sqlite_life.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace sluice::limiter {

namespace {

constexpr std::size_t kSize = 256;  // the file's, padded: it is overwritten in place

}  // namespace

std::string forgotten(const LifeFacts& database, const LifeFacts& beside, bool file_is_new) {
  if (file_is_new) {
    return beside.id.empty() ? std::string{} : "store.db was deleted, store.life remembers it";
  }
  if (beside.id.empty()) {
    return database.opens == 0 ? std::string{} : "store.life is missing or damaged";
  }
  if (beside.id != database.id) return "store.life belongs to another store.db";
  if (beside.inode != database.inode) return "store.db was copied here";
  const bool crashed_in_open = beside.opens == database.opens + 1;
  if (beside.opens != database.opens && !crashed_in_open) return "an older store.db was put back";
  if (beside.commits > database.commits) return "an older store.db was put back";
  return {};
}

Result<LifeFile> LifeFile::open(const std::string& path) {
  port::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.open()) {
    return Error{Trouble::kUnavailable, "cannot open " + path + ": " + std::strerror(errno)};
  }
  LifeFile file(std::move(fd));
  std::string text(kSize, '\0');
  const ssize_t got = pread(file.fd_.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  std::istringstream words(text);
  LifeFacts facts;
  std::string id_word, inode_word, opens_word, commits_word;
  words >> id_word >> facts.id >> inode_word >> facts.inode >> opens_word >> facts.opens >>
      commits_word >> facts.commits;
  if (words && id_word == "id" && commits_word == "commits") file.found_ = std::move(facts);
  return file;
}

Status LifeFile::write(const LifeFacts& facts, bool synced) {
  std::string text = "id " + facts.id + " inode " + std::to_string(facts.inode) + " opens " +
                     std::to_string(facts.opens) + " commits " + std::to_string(facts.commits);
  text.resize(kSize - 1, ' ');
  text += '\n';
  const bool written =
      pwrite(fd_.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  if (!written || (synced && fsync(fd_.get()) != 0)) {
    return Error{errno == ENOSPC ? Trouble::kFull : Trouble::kUnavailable,
                 std::string("cannot write store.life: ") + std::strerror(errno)};
  }
  return Done{};
}

std::uint64_t inode_of(const std::string& path) {
  struct stat file {};
  return stat(path.c_str(), &file) == 0 ? file.st_ino : 0;
}

std::string machine_boot() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  file >> boot;
  return boot;
}

}  // namespace sluice::limiter
