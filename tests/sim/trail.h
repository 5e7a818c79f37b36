// A trail's disk in memory: appends are atomic and refused when the trail ends elsewhere. It
// outlives the auditor; now and then it keeps a torn line of a process that died while it wrote.
#pragma once

#include <string>
#include <vector>

#include "auditor/trail_port.h"
#include "tests/sim/witness.h"

namespace sluice::sim {

class TrailFake {
 public:
  TrailFake(World& world, Witnesses& witnesses);

  auditor::TrailAnswer apply(const auditor::TrailCall& call);
  // The process died; what it was writing may have left a torn line.
  void owner_died();

  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  auditor::TrailAnswer act(const auditor::TrailOpen& open);
  auditor::TrailAnswer act(const auditor::TrailRead& read);
  auditor::TrailAnswer act(const auditor::TrailAppend& append);

  World& world_;
  Witnesses& witnesses_;
  std::vector<std::string> lines_;
  auditor::Tail tail_;
  std::uint64_t torn_bytes_ = 0;
};

}  // namespace sluice::sim
