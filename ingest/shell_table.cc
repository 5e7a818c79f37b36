// The shell of ingest: parking in a table of DynamoDB.
#include <unistd.h>

#include <array>
#include <filesystem>
#include <utility>

#include "ingest/no_replies.h"
#include "ingest/shell.h"
#include "lib/port/random.h"

namespace sluice::ingest {

namespace {

constexpr Duration kTableSumsEvery = minutes(1);  // each key's item is read

std::string own_host() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "a host without a name";
}

// What waits in the file would wait there for ever.
Status check_file_left(const std::string& file) {
  if (!std::filesystem::exists(file)) return Done{};
  auto parking = SqliteParking::open(file);
  if (!parking) return parking.error();
  const auto sums = (*parking)->sums();
  if (!sums) return sums.error();
  if (sums->rows == 0 && sums->dead == 0) return Done{};
  return Error{Trouble::kSettings,
               file + " still has " + std::to_string(sums->rows) + " messages and " +
                   std::to_string(sums->dead) +
                   " dead letters: run with parking = \"sqlite\" until they are gone, or move it "
                   "away"};
}

}  // namespace

Status Shell::open_table(const stage::Room& room) {
  if (auto left = check_file_left(parking_file(room.data_dir)); !left) return left;
  if (auto opened = open_aws(room); !opened) return opened;
  auto directory = directory_id(room.data_dir);
  if (!directory) return directory.error();
  const std::string& table = room.settings.stage.text("parking_table");
  layout_ = std::make_unique<dynamo::Layout>(table, config_.store);
  lease_ = std::make_unique<DynamoLease>(
      aws_->client(), aws_->world(), *layout_,
      LeaseHolder{std::to_string(room.life), own_host(), std::move(*directory)});
  if (auto taken = lease_->take(room.poller); !taken) return taken;
  table_ = std::make_unique<DynamoParking>(
      aws_->client(), aws_->world(),
      DynamoParkingConfig{.table = table, .store = config_.store, .seed = port::random_id()},
      [this](const ParkingReply& reply) { table_answered(reply); });
  return Done{};
}

void Shell::start_table() {
  stage_->log().info("parking table", {{"table", layout_->table()}, {"store", layout_->store()}});
  lease_->keep([this](const std::string& who) { stage_->give_up({Trouble::kUnavailable, who}); });
  add_up_table();
}

void Shell::table_answered(const ParkingReply& reply) {
  if (const auto* failed = std::get_if<ParkingFailed>(&reply.answer)) {
    if (!failed->alone) table_failed_at_ = stage_->now();
    say(failed->what, failed->alone ? damage_ : trouble_);
  }
  if (const auto* settled = std::get_if<SettleAnswer>(&reply.answer)) ended(*settled);
  stage_->complete(reply);
}

void Shell::add_up_table() {
  stage_->poller().after(kTableSumsEvery, [this] { add_up_table(); });
  table_->add_up([this](const std::optional<ParkingSums>& sums) {
    if (!sums) return;
    sums_ = *sums;
    sums_at_ = stage_->now();
  });
}

ReplyStore& Shell::reply_store() {
  static NoReplies none;
  return parking_ ? static_cast<ReplyStore&>(parking_->replies()) : none;
}

}  // namespace sluice::ingest
