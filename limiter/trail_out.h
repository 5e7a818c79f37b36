// Lines that are not known to be in the trail yet. Each goes to an auditor until it said Recorded;
// the store's outbox keeps them over a crash of ours. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/wire/messages.h"

namespace sluice::limiter {

class TrailOut {
 public:
  // `from_store`: the store's outbox holds it too. `message`: whose settlement waits for it; empty:
  // nobody's. The same line again changes nothing.
  void add(const wire::Record& line, bool from_store, const std::string& message);
  void add(const wire::Record& line, bool from_store) { add(line, from_store, line.identity); }
  // Lines to be said now, oldest first, at most `max`: new ones, and those without an answer since
  // `patience`.
  std::vector<wire::Record> take_due(Instant now, Duration patience, std::size_t max);
  // The auditor that was told is gone: everything is to be said anew.
  void unsay();

  struct Gone {
    wire::Record line;
    std::string message;
    bool from_store = false;
    bool last_of_message = false;  // no other line of its message waits
  };
  std::optional<Gone> recorded(const std::string& record_id);

  [[nodiscard]] bool waits(const std::string& identity) const {
    return by_message_.contains(identity);
  }
  [[nodiscard]] std::size_t size() const { return lines_.size(); }
  [[nodiscard]] Instant next(Duration patience) const;

 private:
  struct Line {
    wire::Record record;
    std::string message;
    bool from_store = false;
    Instant said_at;  // 0: not yet
    std::uint64_t number = 0;
  };
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::string, Line> lines_;  // by record_id
  std::map<std::pair<Instant, std::uint64_t>, Line*> by_said_;
  std::unordered_map<std::string, std::uint32_t> by_message_;  // identity -> lines
};

}  // namespace sluice::limiter
