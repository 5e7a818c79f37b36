#include "tests/ingest/memory_parking.h"

#include "tests/ingest/accepted_suite.h"
#include "tests/ingest/parking_suite.h"
#include "tests/ingest/replies_suite.h"

namespace sluice::ingest::suite {

struct MemoryTraits {
  MemoryParking parking;
  ParkingAnswer apply(const Call& call) { return parking.apply(call); }
  ReplyStore& replies() { return parking.replies(); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, ParkingSuite, MemoryTraits);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, AcceptedSuite, MemoryTraits);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, RepliesSuite, MemoryTraits);

TEST(MemoryParking, ADeadRowBecomesADeadLetter) {
  MemoryParking parking;
  const wire::Offer one = row("a", "k", 1);
  parking.apply(Put{one, true, StoreTime{1}});
  parking.apply(SettleRow{settled(one, wire::Settlement::kDead), StoreTime{9}});
  ASSERT_EQ(parking.dead().size(), 1U);
  EXPECT_EQ(parking.dead()[0].row.id, "a");
  EXPECT_TRUE(parking.rows().empty());
}

}  // namespace sluice::ingest::suite
