#include "ingest/dynamo_lease.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "lib/digest/digest.h"
#include "lib/port/clock.h"
#include "lib/port/files.h"
#include "lib/port/random.h"

namespace sluice::ingest {

using aws::dynamodb::number;
using aws::dynamodb::text;
using dynamo::Item;
using dynamo::Write;

namespace {

constexpr Duration kStartWait = seconds(40);  // three attempts, each of ten seconds at most
constexpr const char* kDirectoryFile = "/directory-id";

}  // namespace

// By itself again it is renewed, whatever the time.
aws::Request DynamoLease::claim(bool again) const {
  const StoreTime now = world_.wall();
  Item item = layout_.life_key();
  item["life"] = text(holder_.life);
  item["host"] = text(holder_.host);
  item["directory"] = text(holder_.directory);
  item["until"] = number((now + kLasts).us);
  Write put = layout_.put(std::move(item));
  put.terms.names = {{"#l", "life"}};
  put.terms.values = {{":l", text(holder_.life)}};
  put.condition = "#l = :l";
  if (!again) {
    put.condition = "attribute_not_exists(pk) OR #l = :l OR #d = :d OR #u < :now";
    put.terms.names["#d"] = "directory";
    put.terms.names["#u"] = "until";
    put.terms.values[":d"] = text(holder_.directory);
    put.terms.values[":now"] = number(now.us);
  }
  return aws::dynamodb::write_item(put);
}

Error DynamoLease::why_not(const aws::Refusal& refusal) const {
  const std::string table = "the table \"" + layout_.table() + "\"";
  if (refusal.code == "ResourceNotFoundException") {
    return {Trouble::kUnavailable,
            table + " is not there: make it, as deploy/dynamodb/README.md says"};
  }
  return {Trouble::kUnavailable, table + ": " + refusal.code};
}

std::string DynamoLease::text_of(const Item& item) const {
  const StoreTime until{dynamo::number_of(item, "until")};
  const auto left = std::max<std::int64_t>(0, (until - world_.wall()).us / 1'000'000);
  return "the store \"" + layout_.store() + "\" of the table \"" + layout_.table() +
         "\" is another process's, on " + dynamo::text_of(item, "host") + ", for " +
         std::to_string(left) + " s more: give each ingest an instance of its own";
}

Status DynamoLease::take(port::Poller& poller) {
  std::optional<Status> end;
  client_.call(claim(false), [this, &end](const aws::Outcome& outcome) {
    const auto written = aws::dynamodb::read_written(outcome);
    // An attempt without an answer may have been ours: this is our own directory's then.
    if (!written.ok()) {
      end = why_not(written.refusal());
    } else if (*written) {
      end = Done{};
    } else {
      client_.call(layout_.get(layout_.life_key()), [this, &end](const aws::Outcome& found) {
        const auto item = aws::dynamodb::read_item(found);
        if (!item.ok()) {
          end = why_not(item.refusal());
        } else {
          end = Error{Trouble::kUnavailable, text_of(item->value_or(Item{}))};
        }
      });
    }
  });
  const Instant last = port::steady_now() + kStartWait;
  while (!end && port::steady_now() < last) poller.poll(last);
  if (end) return *end;
  return Error{Trouble::kUnavailable, "the table \"" + layout_.table() + "\" does not answer"};
}

void DynamoLease::keep(std::function<void(const std::string&)> lost) {
  lost_ = std::move(lost);
  const auto here = std::weak_ptr<bool>(here_);
  world_.after(kEvery, [this, here] {
    if (!here.expired()) renew();
  });
}

// A table that does not answer is asked again: whoever comes meanwhile has the store then.
void DynamoLease::renew() {
  if (releasing_) return;
  const auto here = std::weak_ptr<bool>(here_);
  client_.call(claim(true), [this, here](const aws::Outcome& outcome) {
    if (here.expired() || releasing_) return;
    const auto written = aws::dynamodb::read_written(outcome);
    if (written.ok() && !*written) return lose();
    world_.after(kEvery, [this, here] {
      if (!here.expired()) renew();
    });
  });
}

void DynamoLease::lose() {
  const auto here = std::weak_ptr<bool>(here_);
  client_.call(layout_.get(layout_.life_key()), [this, here](const aws::Outcome& found) {
    if (here.expired()) return;
    const auto item = aws::dynamodb::read_item(found);
    lost_(text_of(item.ok() ? item->value_or(Item{}) : Item{}));
  });
}

void DynamoLease::release() {
  if (std::exchange(releasing_, true)) return;
  Write gone = layout_.remove(layout_.life_key());
  gone.condition = "#l = :l";
  gone.terms = {{{"#l", "life"}}, {{":l", text(holder_.life)}}};
  const auto here = std::weak_ptr<bool>(here_);
  client_.call(aws::dynamodb::write_item(gone), [this, here](const aws::Outcome&) {
    if (!here.expired()) released_ = true;
  });
}

Result<std::string> directory_id(const std::string& directory) {
  const std::string path = directory + kDirectoryFile;
  if (std::filesystem::exists(path)) {
    auto there = port::read_whole(path);
    if (!there || !there->empty()) return there;
  }
  std::string id = to_hex(port::random_bytes(16));
  std::ofstream file(path, std::ios::binary);
  file << id << std::flush;
  if (file) return id;
  return Error{Trouble::kUnavailable, path + ": cannot be written"};
}

}  // namespace sluice::ingest
