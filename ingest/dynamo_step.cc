#include "ingest/dynamo_step.h"

#include <algorithm>

namespace sluice::ingest::dynamo {

namespace {

constexpr Duration kJitterFirst = milliseconds(10);
constexpr Duration kJitterLast = milliseconds(500);

}  // namespace

std::string World::version() const { return sortable(static_cast<std::int64_t>(chance.next())); }
std::string World::token() const { return version() + version(); }

ParkingFailed failed(const aws::Refusal& why) {
  return {"the table " + std::string(why.code == "NoAnswer" ? "does not answer" : "refuses: ") +
          (why.code == "NoAnswer" ? "" : why.code)};
}

std::optional<Item> item_of(const aws::Outcome& outcome, std::optional<ParkingFailed>& trouble) {
  const auto read = aws::dynamodb::read_item(outcome);
  if (read.ok()) return *read;
  trouble = failed(read.refusal());
  return std::nullopt;
}

Duration jitter(Prng& chance, std::uint32_t round) {
  const Duration most = std::min(kJitterFirst * (1U << std::min(round, 10U)), kJitterLast);
  return chance.between(Duration{1'000}, most);
}

}  // namespace sluice::ingest::dynamo
