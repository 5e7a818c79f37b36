// The simulation's parking store answers as the real ones do.
#include "tests/sim/parking.h"

#include "tests/ingest/accepted_suite.h"

namespace sluice::ingest::suite {

struct FakeTraits {
  sim::World world{1, sim::Faults{}};
  sim::Witnesses witnesses;
  sim::ParkingFake parking{world, witnesses, "ingest-1"};
  ParkingAnswer apply(const Call& call) { return parking.apply(call); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, ParkingSuite, FakeTraits);
INSTANTIATE_TYPED_TEST_SUITE_P(Fake, AcceptedSuite, FakeTraits);

}  // namespace sluice::ingest::suite
