// A store in a table of its own, on an emulator, with its loop.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ingest/dynamo_parking.h"
#include "ingest/uses.h"
#include "lib/aws/session.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"
#include "tests/emulators/emulator.h"

namespace sluice::ingest {

inline constexpr const char* kTableSchema =
    R"("BillingMode":"PAY_PER_REQUEST",
       "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},
                               {"AttributeName":"sk","AttributeType":"S"}],
       "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},
                    {"AttributeName":"sk","KeyType":"RANGE"}])";

// A life of a store: whoever gives the same table and store is another life of it.
class TableLife {
 public:
  TableLife(port::Poller& poller, const std::string& url, std::string table)
      : poller_(poller), url_(url), table_(std::move(table)) {
    setenv("AWS_ACCESS_KEY_ID", "test", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "test", 1);
    auto opened = aws::Session::open(poller_, {"us-east-1", url, 100'000}, kUses);
    EXPECT_TRUE(opened.ok());
    if (!opened) return;
    session_ = std::move(*opened);
    DynamoParkingConfig config{table_, "ingest-1", port::random_id(), 128};
    parking_ = std::make_unique<DynamoParking>(
        session_->client(), session_->world(), config,
        [this](const ParkingReply& reply) { answers_[reply.call_id] = reply.answer; });
  }
  void create() {
    run({"dynamodb", "CreateTable"}, R"({"TableName":")" + table_ + "\"," + kTableSchema + "}");
  }

  std::uint64_t start(const Call& call) {
    const ParkingCall one{++last_id_, call};
    parking_->apply({&one, 1});
    return last_id_;
  }
  void start_all(const std::vector<Call>& calls) {
    std::vector<ParkingCall> all;
    for (const Call& call : calls) all.push_back({++last_id_, call});
    parking_->apply(all);
  }
  ParkingAnswer await(std::uint64_t id) {
    const Instant last = port::steady_now() + seconds(60);
    while (!answers_.contains(id) && port::steady_now() < last) poller_.poll(last);
    if (!answers_.contains(id)) return ParkingFailed{"no answer within 60 s"};
    return answers_.extract(id).mapped();
  }
  ParkingAnswer apply(const Call& call) { return await(start(call)); }
  [[nodiscard]] std::uint64_t last_id() const { return last_id_; }
  [[nodiscard]] std::size_t open() const { return parking_->open(); }

 private:
  void run(aws::Request request, std::string body) {
    request.body = std::move(body);
    bool done = false;
    const auto any = aws::Session::open(poller_, {"us-east-1", url_}, std::nullopt);
    (*any)->client().call(std::move(request), [&](const aws::Outcome& outcome) {
      EXPECT_FALSE(outcome.fault) << outcome.fault->code << " " << outcome.fault->message;
      done = true;
    });
    const Instant last = port::steady_now() + seconds(30);
    while (!done && port::steady_now() < last) poller_.poll(last);
  }
  port::Poller& poller_;
  std::string url_;
  std::string table_;
  std::unique_ptr<aws::Session> session_;
  std::map<std::uint64_t, ParkingAnswer> answers_;
  std::unique_ptr<DynamoParking> parking_;
  std::uint64_t last_id_ = 0;
};

inline std::string fresh_table() {
  return "parking-" + std::to_string(port::random_id() % 1'000'000'000);
}

}  // namespace sluice::ingest
