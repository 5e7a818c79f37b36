// A table as the suites of parking stores want one.
#pragma once

#include <memory>
#include <string>

#include "tests/parking_table/table.h"

namespace sluice::ingest::suite {

template <Emulator kEmulator>
struct OnTable {
  static constexpr bool kForgetsByItself = true;
  static std::string why_absent() { return sluice::why_absent(kEmulator); }
  OnTable() {
    if (!why_absent().empty()) return;
    life = std::make_unique<TableLife>(poller, url_of(kEmulator), fresh_table());
    life->create();
  }
  ParkingAnswer apply(const Call& call) { return life->apply(call); }
  port::Poller poller;
  std::unique_ptr<TableLife> life;
};

}  // namespace sluice::ingest::suite
