// The suite of what is accepted before it comes, on a table.
#include "tests/ingest/accepted_suite.h"
#include "tests/parking_table/on_table.h"

namespace sluice::ingest::suite {

INSTANTIATE_TYPED_TEST_SUITE_P(moto, AcceptedSuite, OnTable<Emulator::kMoto>);
INSTANTIATE_TYPED_TEST_SUITE_P(tiny, AcceptedSuite, OnTable<Emulator::kTiny>);
INSTANTIATE_TYPED_TEST_SUITE_P(dynamodb_local, AcceptedSuite, OnTable<Emulator::kDynamoDbLocal>);

}  // namespace sluice::ingest::suite
