// A source in a world of the test's own: SQS's answers are what the test says.
#pragma once

#include "ingest/sqs_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ingest/uses.h"
#include "lib/base/ascii.h"

namespace sluice::ingest::sqs_world {

using nlohmann::json;

inline constexpr const char* kUrl = "http://sqs/1/q";
inline constexpr const char* kDeadUrl = "http://sqs/1/q-dead";

// One request as SQS gets it, and the way of its answer.
struct Call {
  std::string operation;
  json body;
  std::function<void(aws::HttpText)> done;

  void answer(std::uint32_t status, const json& with) const {
    aws::HttpText text;
    text.status = status;
    text.body = with.dump();
    done(std::move(text));
  }
  void refuse(const std::string& code) const { answer(400, {{"__type", code}}); }
};

// Keeps what is sent and what waits until the test says.
class World final : public aws::Transport, public aws::KeySource {
 public:
  void send(aws::HttpRequest request, Limits, std::function<void(aws::HttpText)> done) override {
    std::string operation;
    for (const auto& [name, value] : request.headers) {
      if (lower_case(name) == "x-amz-target") operation = value.substr(value.find('.') + 1);
    }
    calls.push_back({operation, json::parse(request.body), std::move(done)});
  }
  void after(Duration wait, std::function<void()> run) override {
    waits.push_back(wait);
    later.push_back(std::move(run));
  }
  [[nodiscard]] Instant now() const override { return time; }
  [[nodiscard]] StoreTime wall() const override { return {1'795'000'000'000'000}; }
  void ask(std::function<void(Result<aws::Keys>)> done) override { done(aws::Keys{"A", "s", ""}); }
  void doubt(const aws::Keys&) override {}

  Instant time{1'000'000};
  std::vector<Call> calls;
  std::vector<Duration> waits;
  std::vector<std::function<void()>> later;
};

class Sqs : public testing::Test {
 protected:
  explicit Sqs(bool in_order = false, bool stops_dead = false) {
    SqsSettings settings{{"q", ""}};
    settings.reading.source = "q";
    settings.reading.in_order = in_order;
    settings.reading.stops_dead = stops_dead;
    settings.reading.upstreams.resize(1);
    settings.reading.upstreams[0].name = "up";
    source_ = std::make_unique<SqsSource>(
        "0/", std::move(settings),
        SqsSource::World{client_, world_, log_, [this] { return room_; },
                         [this](const QueueCopy& copy) { copies_.push_back(copy); },
                         [this](const QueueReply& reply) { replies_.push_back(reply); }});
  }

  // The oldest call of that operation; fails the test when there is none.
  Call take(const std::string& operation) {
    std::vector<Call>& calls = world_.calls;
    const auto at = std::find_if(calls.begin(), calls.end(),
                                 [&](const Call& call) { return call.operation == operation; });
    if (at == calls.end()) {
      ADD_FAILURE() << operation << " was not called";
      return {operation, {}, [](const aws::HttpText&) {}};
    }
    Call call = std::move(*at);
    calls.erase(at);
    return call;
  }
  [[nodiscard]] std::ptrdiff_t open_calls(const std::string& operation) const {
    return std::count_if(world_.calls.begin(), world_.calls.end(),
                         [&](const Call& call) { return call.operation == operation; });
  }
  json answer(const std::string& operation, const json& with) {
    const Call call = take(operation);
    call.answer(200, with);
    return call.body;
  }
  void run_later() {
    for (const auto& run : std::exchange(world_.later, {})) run();
  }
  void open() {
    source_->start();
    finds_it();
  }
  void finds_it() { finds_it("false", "false"); }
  void finds_it(const char* fifo, const char* dead_fifo) {
    answer("GetQueueUrl", {{"QueueUrl", kUrl}});
    const json attributes = {
        {"QueueArn", "arn:aws:sqs:eu-west-1:1:q"},
        {"FifoQueue", fifo},
        {"MessageRetentionPeriod", "345600"},
        {"RedrivePolicy",
         R"({"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:q-dead","maxReceiveCount":"5"})"}};
    answer("GetQueueAttributes", {{"Attributes", attributes}});
    answer("GetQueueUrl", {{"QueueUrl", kDeadUrl}});
    answer("GetQueueAttributes", {{"Attributes",
                                   {{"MessageRetentionPeriod", "1209600"},
                                    {"FifoQueue", dead_fifo},
                                    {"MaximumMessageSize", dead_bytes_max_}}}});
  }
  static json message(const std::string& id, const std::string& body) {
    return {{"MessageId", id},
            {"ReceiptHandle", "r-" + id},
            {"Body", body},
            {"Attributes", {{"ApproximateReceiveCount", "1"}, {"SentTimestamp", "1795000000000"}}}};
  }
  void receive(int count) {
    json messages = json::array();
    for (int i = 0; i < count; ++i) {
      messages.push_back(message("m" + std::to_string(++made_), R"({"userId":"u"})"));
    }
    answer("ReceiveMessage", {{"Messages", messages}});
  }
  static json all_done(const json& request) {
    json done = json::array();
    for (const json& entry : request["Entries"]) done.push_back({{"Id", entry["Id"]}});
    return {{"Successful", done}};
  }
  json succeed(const std::string& operation) {
    const Call call = take(operation);
    call.answer(200, all_done(call.body));
    return call.body;
  }

  port::Log log_{{"test"}};
  World world_;
  aws::Client client_{world_, world_, {"eu-west-1", {}, 1000, 1, kUses}};
  std::size_t room_ = 1000;
  int made_ = 0;
  std::string dead_bytes_max_ = "0";  // it does not say
  std::vector<QueueCopy> copies_;
  std::vector<QueueReply> replies_;
  std::unique_ptr<SqsSource> source_;
};

class SqsFifo : public Sqs {
 protected:
  explicit SqsFifo(bool stops_dead = false) : Sqs(true, stops_dead) {}

  void open_fifo() {
    source_->start();
    finds_it("true", "true");
  }
  static json in_group(const std::string& id, const std::string& group,
                       const std::string& body = R"({"userId":"u"})") {
    json one = message(id, body);
    one["Attributes"]["MessageGroupId"] = group;
    one["Attributes"]["SequenceNumber"] = "18849496460467696128";
    return one;
  }
};

class SqsFifoStops : public SqsFifo {
 protected:
  SqsFifoStops() : SqsFifo(true) {}
};

}  // namespace sluice::ingest::sqs_world
