// The suite of parking stores, on a table.
#include "tests/ingest/parking_suite.h"
#include "tests/parking_table/on_table.h"

namespace sluice::ingest::suite {

INSTANTIATE_TYPED_TEST_SUITE_P(moto, ParkingSuite, OnTable<Emulator::kMoto>);
INSTANTIATE_TYPED_TEST_SUITE_P(tiny, ParkingSuite, OnTable<Emulator::kTiny>);
INSTANTIATE_TYPED_TEST_SUITE_P(dynamodb_local, ParkingSuite, OnTable<Emulator::kDynamoDbLocal>);

}  // namespace sluice::ingest::suite
