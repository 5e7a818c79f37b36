#include "alerter/sinks.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "lib/base/calendar.h"
#include "lib/port/json_text.h"
#include "lib/port/lockfile.h"

namespace sluice::alerter {
namespace {

constexpr std::size_t kIdBytes = 36;
constexpr std::string_view kIdField = "{\"alert_id\":\"";

Error failed(const std::string& what) {
  return {Trouble::kUnavailable, what + ": " + std::strerror(errno)};
}

}  // namespace

std::string_view word_of(wire::Severity severity) {
  switch (severity) {
    case wire::Severity::kInfo:
      return "info";
    case wire::Severity::kWarning:
      return "warning";
    case wire::Severity::kCritical:
      return "critical";
  }
  return "unknown";
}

std::string json_of(const wire::Alert& alert) {
  using port::json_quoted;
  std::string labels;
  for (const wire::Header& label : alert.labels) {
    labels +=
        (labels.empty() ? "" : ",") + json_quoted(label.name) + ":" + json_quoted(label.value);
  }
  return std::string(kIdField) + alert.alert_id + "\",\"at\":\"" + timestamp_of(alert.at) +
         "\",\"severity\":" + json_quoted(word_of(alert.severity)) +
         ",\"kind\":" + json_quoted(alert.kind) + ",\"title\":" + json_quoted(alert.title) +
         ",\"text\":" + json_quoted(alert.text) + ",\"dedup_key\":" + json_quoted(alert.dedup_key) +
         ",\"period\":" + json_quoted(alert.period) + ",\"labels\":{" + labels + "}}";
}

std::string text_of(const wire::Alert& alert) {
  std::string line = "ALERT " + timestamp_of(alert.at) + " " +
                     std::string(word_of(alert.severity)) + ": " + alert.title + ". " + alert.text +
                     " (" + alert.alert_id + ")";
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return line + "\n";
}

Status write_whole(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failed("cannot write " + name);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return Done{};
}

// A pipe with any room takes at least PIPE_BUF bytes without waiting; a socket is told not to wait.
Status StreamSink::write_rest() {
  constexpr std::size_t kChunk = 4096;
  while (!rest_.empty()) {
    const std::size_t size = std::min(rest_.size(), kChunk);
    ssize_t wrote = send(fd_, rest_.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (wrote < 0 && errno == ENOTSOCK) {
      pollfd ready{fd_, POLLOUT, 0};
      if (poll(&ready, 1, 0) == 0) {
        return Error{Trouble::kUnavailable, "its reader does not read: it is full"};
      }
      wrote = write(fd_, rest_.data(), size);
    }
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failed("cannot write");
    rest_.erase(0, static_cast<std::size_t>(wrote));
  }
  return Done{};
}

Status StreamSink::deliver(const wire::Alert& alert) {
  if (auto done = write_rest(); !done || begun_ == alert.alert_id) return done;
  rest_ = text_of(alert);
  begun_ = alert.alert_id;
  const std::size_t size = rest_.size();
  auto done = write_rest();
  if (!done.ok() && rest_.size() == size) {
    rest_.clear();
    begun_.clear();
  }
  return done;
}

bool FileSink::is_in_place() const {
  struct stat named {};
  struct stat held {};
  return fd_.open() && fstat(fd_.get(), &held) == 0 && stat(path_.c_str(), &named) == 0 &&
         named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

// Learns which alerts are in the file. A last line without its line feed is what a kill left of a
// write: it is cut, and its alert delivered again.
Status FileSink::open() {
  const auto parent = std::filesystem::path(path_).parent_path();
  if (!parent.empty()) {
    if (auto made = port::make_directory(parent.string()); !made) return made;
  }
  // Without O_NONBLOCK a FIFO would hold up everything until somebody reads it.
  constexpr int kFlags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK;
  port::UniqueFd fd(::open(path_.c_str(), kFlags, 0640));
  if (!fd.open()) return failed("cannot open " + path_);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return failed("cannot look at " + path_);
  if (!S_ISREG(status.st_mode)) return Error{Trouble::kUnavailable, path_ + " is no regular file"};
  ids_.clear();
  order_.clear();
  std::ifstream file(path_, std::ios::binary);
  off_t whole = 0;
  for (std::string line; std::getline(file, line);) {
    if (file.eof()) break;
    whole += static_cast<off_t>(line.size() + 1);
    if (line.starts_with(kIdField)) remember(line.substr(kIdField.size(), kIdBytes));
  }
  if (status.st_size > whole && ftruncate(fd.get(), whole) != 0) {
    return failed("cannot cut " + path_);
  }
  // The file's name must stay, too, not only what is in it.
  const port::UniqueFd folder(
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open() || fsync(folder.get()) != 0) {
    return failed("cannot fsync the directory of " + path_);
  }
  fd_ = std::move(fd);
  return Done{};
}

void FileSink::remember(std::string id) {
  if (!ids_.insert(id).second) return;
  order_.push_back(std::move(id));
  if (order_.size() <= kIdsMax) return;
  ids_.erase(order_.front());
  order_.pop_front();
}

Status FileSink::deliver(const wire::Alert& alert) {
  if (!is_in_place()) {
    if (auto opened = open(); !opened) return opened;
  }
  if (ids_.contains(alert.alert_id)) return Done{};
  auto written = write_whole(fd_.get(), json_of(alert) + "\n", path_);
  if (written.ok() && fsync(fd_.get()) != 0) written = failed("cannot fsync " + path_);
  if (!written.ok()) {
    // What is in the file now is not known: it is read again before the next delivery.
    fd_ = port::UniqueFd();
    return written;
  }
  remember(alert.alert_id);
  return Done{};
}

}  // namespace sluice::alerter
