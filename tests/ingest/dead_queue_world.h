// A queue and its dead-letter queue in memory, and a clock: who waits for them moves it.
#pragma once

#include "ingest/dead_pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ingest/uses.h"
#include "lib/base/ascii.h"

namespace sluice::ingest::dead_queue_world {

using nlohmann::json;

struct Letter {
  std::string id;
  std::string body;
  Instant visible_at = {};
  int receives = 0;
  json attributes = json::object();
};

// SQS, as far as a pass asks for it. Of its dead letters each answer brings at most `per_receive`.
class Queues final : public aws::Transport, public aws::KeySource {
 public:
  void send(aws::HttpRequest request, Limits, std::function<void(aws::HttpText)> done) override {
    std::string operation;
    for (const auto& [name, value] : request.headers) {
      if (lower_case(name) == "x-amz-target") operation = value.substr(value.find('.') + 1);
    }
    ++asked[operation];
    aws::HttpText text;
    text.status = 200;
    json answer;
    if (refused.contains(operation)) {
      text.status = 400;
      answer = {{"__type", "AccessDenied"}};
    } else {
      answer = answer_to(operation, json::parse(request.body));
      if (answer.contains("__type")) text.status = 400;
    }
    text.body = answer.dump();
    if (on_call) on_call(operation);
    after(kTrip, [text, done = std::move(done)] { done(text); });
  }
  void after(Duration wait, std::function<void()> run) override {
    agenda_.emplace(time + wait, std::move(run));
  }
  [[nodiscard]] Instant now() const override { return time; }
  [[nodiscard]] StoreTime wall() const override { return {1'795'000'000'000'000 + time.us}; }
  void ask(std::function<void(Result<aws::Keys>)> done) override { done(aws::Keys{"A", "s", ""}); }
  void doubt(const aws::Keys&) override {}

  void sleep(Instant until) {
    if (agenda_.empty() || agenda_.begin()->first > until) {
      time = until;
      return;
    }
    auto next = agenda_.extract(agenda_.begin());
    time = std::max(time, next.key());
    next.mapped()();
  }
  void put(int count, const std::string& body) {
    for (int n = 0; n < count; ++n) {
      const std::string id = "m-" + std::to_string(letters.size());
      letters.push_back({id, R"({"messageId":")" + id + R"(",)" + body.substr(1)});
    }
  }
  [[nodiscard]] std::ptrdiff_t visible() const {
    return std::count_if(letters.begin(), letters.end(),
                         [this](const Letter& letter) { return letter.visible_at <= time; });
  }

  static constexpr Duration kTrip = milliseconds(20);
  Instant time{1'000'000};
  std::deque<Letter> letters;
  std::size_t per_receive = 10;
  std::string bytes_max = "1048576";
  std::vector<std::string> sent;        // bodies
  std::vector<std::int64_t> asked_for;  // MaxNumberOfMessages
  std::map<std::string, int> asked;     // calls, by operation
  std::set<std::string> refused;        // operations
  std::set<std::string> not_deleted;    // ids
  std::function<void(const std::string&)> on_call;
  bool dies_again = false;  // what is sent

 private:
  json answer_to(const std::string& operation, const json& body) {
    if (operation == "GetQueueUrl")
      return {{"QueueUrl", "http://sqs/1/" + text(body["QueueName"])}};
    if (operation == "GetQueueAttributes") return attributes();
    if (operation == "ReceiveMessage") return receive(body);
    if (operation == "SendMessageBatch") return take(body);
    json done = json::array();
    json failed = json::array();
    for (const json& entry : body["Entries"]) {
      const std::string id = text(entry["ReceiptHandle"]);
      const auto at = std::find_if(letters.begin(), letters.end(),
                                   [&](const Letter& letter) { return receipt(letter) == id; });
      if (at == letters.end() || not_deleted.contains(at->id)) {
        failed.push_back({{"Id", entry["Id"]}, {"Code", "Odd"}, {"SenderFault", true}});
        continue;
      }
      done.push_back({{"Id", entry["Id"]}});
      if (operation == "DeleteMessageBatch") {
        letters.erase(at);
      } else {
        at->visible_at = time + seconds(entry["VisibilityTimeout"].get<std::int64_t>());
      }
    }
    return {{"Successful", done}, {"Failed", failed}};
  }
  [[nodiscard]] json attributes() const {
    const std::string redrive =
        R"({"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:q-dead","maxReceiveCount":"5"})";
    return {{"Attributes",
             {{"QueueArn", "arn:aws:sqs:eu-west-1:1:q"},
              {"MaximumMessageSize", bytes_max},
              {"RedrivePolicy", redrive}}}};
  }
  json receive(const json& body) {
    const auto most = body["MaxNumberOfMessages"].get<std::size_t>();
    asked_for.push_back(static_cast<std::int64_t>(most));
    json messages = json::array();
    for (Letter& letter : letters) {
      if (messages.size() == std::min(most, per_receive)) break;
      if (letter.visible_at > time) continue;
      letter.visible_at = time + seconds(body["VisibilityTimeout"].get<std::int64_t>());
      ++letter.receives;
      messages.push_back(
          {{"MessageId", letter.id},
           {"ReceiptHandle", receipt(letter)},
           {"Body", letter.body},
           {"MessageAttributes", letter.attributes},
           {"Attributes", {{"ApproximateReceiveCount", "1"}, {"SentTimestamp", "1"}}}});
    }
    return {{"Messages", messages}};
  }
  json take(const json& body) {
    std::size_t bytes = 0;
    for (const json& entry : body["Entries"]) bytes += text(entry["MessageBody"]).size();
    if (bytes > 1024UL * 1024) return {{"__type", "BatchRequestTooLong"}};
    json done = json::array();
    for (const json& entry : body["Entries"]) {
      sent.push_back(text(entry["MessageBody"]));
      if (dies_again) {
        letters.push_back({"again-" + std::to_string(sent.size()), sent.back()});
        letters.back().attributes = entry["MessageAttributes"];
      }
      done.push_back({{"Id", entry["Id"]}});
    }
    return {{"Successful", done}};
  }
  static std::string text(const json& value) { return value.get<std::string>(); }
  static std::string receipt(const Letter& letter) {
    return letter.id + "/" + std::to_string(letter.receives);
  }

  std::multimap<Instant, std::function<void()>> agenda_;
};

class OnQueues : public testing::Test {
 protected:
  Status run(DeadAsked asked) {
    SqsSettings settings{{"q", ""}};
    settings.reading.source = "q";
    settings.reading.upstreams.resize(1);
    settings.reading.upstreams[0].name = "up";
    auto queue = DeadQueue::find({client_, queues_, [this](Instant until) { queues_.sleep(until); },
                                  [this] { return stopped_; }},
                                 settings);
    if (!queue) return queue.error();
    out_.str("");
    err_.str("");
    return DeadPass(**queue, std::move(asked), out_, err_).run();
  }
  [[nodiscard]] std::size_t said(const std::string& word) const {
    std::size_t count = 0;
    const std::string all = out_.str();
    for (std::size_t at = 0; (at = all.find(word, at)) != std::string::npos; ++at) ++count;
    return count;
  }

  Queues queues_;
  aws::Client client_{queues_, queues_, {"eu-west-1", {}, 1000, 1, kDeadQueueUses}};
  bool stopped_ = false;
  std::ostringstream out_;
  std::ostringstream err_;
};

}  // namespace sluice::ingest::dead_queue_world
