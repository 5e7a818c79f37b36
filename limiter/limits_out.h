// Which auditors have not been told yet which limits hold: each is told, until it has them on
// record, when it comes and when others hold. Who was not there when limits were edited learns them
// so. Pure.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/instant.h"
#include "lib/wire/peer.h"

namespace sluice::limiter {

class LimitsOut {
 public:
  struct Who {
    wire::PeerId auditor;
    std::string upstream;
    friend auto operator<=>(const Who&, const Who&) = default;
  };

  void tell(Who who) { untold_[std::move(who)] = {}; }  // anew, whatever was said before
  void gone(wire::PeerId auditor) {
    std::erase_if(untold_, [&](const auto& one) { return one.first.auditor == auditor; });
  }
  void said(const Who& who, std::string record_id, Instant now) {
    untold_[who] = {std::move(record_id), now, true};
  }
  void recorded(wire::PeerId auditor, const std::string& record_id) {
    std::erase_if(untold_, [&](const auto& one) {
      return one.first.auditor == auditor && one.second.record_id == record_id;
    });
  }
  // Not said yet, or not answered for so long.
  [[nodiscard]] std::vector<Who> due(Instant now, Duration patience) const {
    std::vector<Who> due;
    for (const auto& [who, said] : untold_) {
      if (!said.is_said || said.at + patience <= now) due.push_back(who);
    }
    return due;
  }
  [[nodiscard]] Instant next(Duration patience) const {
    Instant next = Instant::never();
    for (const auto& [who, said] : untold_) {
      next = std::min(next, said.is_said ? said.at + patience : Instant{});
    }
    return next;
  }

 private:
  struct Said {
    std::string record_id;
    Instant at;
    bool is_said = false;
  };
  std::map<Who, Said> untold_;
};

}  // namespace sluice::limiter
