// The suite of parking stores, on a table.
#include "tests/ingest/parking_suite.h"
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

INSTANTIATE_TYPED_TEST_SUITE_P(moto, ParkingSuite, OnTable<Emulator::kMoto>);
INSTANTIATE_TYPED_TEST_SUITE_P(tiny, ParkingSuite, OnTable<Emulator::kTiny>);

}  // namespace sluice::ingest::suite
