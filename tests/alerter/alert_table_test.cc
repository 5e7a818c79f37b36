// Alerts as items of a table: what is noted to be written, when it is not any more, and how.
#include "alerter/alert_table.h"

#include <gtest/gtest.h>

#include "alerter/uses.h"
#include "lib/base/calendar.h"
#include "tests/auditor/temp_dir.h"

namespace sluice::alerter {
namespace {

// 36 characters, as a UUID has them.
std::string id_of(const std::string& name) {
  return "00000000-0000-5000-8000-" + std::string(12 - name.size(), '0') + name;
}

wire::Alert alert(const std::string& id) {
  wire::Alert made;
  made.alert_id = id;
  made.cursor = 7;
  made.at = *parse_time("2026-11-21T12:00:00Z");
  made.severity = wire::Severity::kCritical;
  made.kind = "budget";
  made.title = "spent";
  made.text = "100 % of USD 500";
  made.dedup_key = "budget:ai";
  made.period = "2026-11";
  made.labels = {{"budget", "ai"}};
  return made;
}

// Takes every call, or answers with what the test wants; holds it where it is told to.
class World final : public aws::Transport, public aws::KeySource {
 public:
  void send(aws::HttpRequest request, Limits, std::function<void(aws::HttpText)> done) override {
    sent.push_back(std::move(request.body));
    aws::HttpText answer;
    answer.status = status;
    answer.body = status == 200 ? "{}" : R"({"__type":"x#ResourceNotFoundException"})";
    if (holds) {
      held = [answer, done = std::move(done)] { done(answer); };
    } else {
      done(std::move(answer));
    }
  }
  void after(Duration, std::function<void()>) override {}
  [[nodiscard]] Instant now() const override { return time; }
  [[nodiscard]] StoreTime wall() const override { return *parse_time("2026-11-21T12:00:00Z"); }
  void ask(std::function<void(Result<aws::Keys>)> done) override { done(aws::Keys{"A", "s", ""}); }
  void doubt(const aws::Keys&) override {}

  std::uint32_t status = 200;
  bool holds = false;
  std::function<void()> held;
  std::vector<std::string> sent;
  Instant time{1'000'000'000};
};

class AlertTableTest : public ::testing::Test {
 protected:
  AlertTableTest() : state_(std::move(*SqliteState::open(dir_.path() + "/alerts.db"))) {
    EXPECT_TRUE(state_->note_changes(true).ok());
  }
  void put(const std::string& id) {
    state_->answer(StatePut{{alert(id_of(id))}, {{"a", "b"}}, 7, {}});
  }
  void mark(const std::string& id, const std::string& sink, Fate fate) {
    state_->answer(StateMark{{id_of(id)}, sink, fate, 1, "", {}});
  }
  std::size_t unrecorded() { return state_->unrecorded(100)->size(); }

  const TempDir dir_;
  std::unique_ptr<SqliteState> state_;
  World world_;
  aws::Client client_{world_, world_, {"eu-west-1", {}, 1000, 1, kUses}};
  port::Log log_{{"test", port::Level::kError}};
  AlertTable table_{"alerts", *state_, {client_, world_, log_}};
};

TEST_F(AlertTableTest, AnItemSaysWhatBecameOfIt) {
  put("one");
  mark("one", "b", Fate::kGivenUp);
  const auto found = state_->unrecorded(100);
  ASSERT_TRUE(found.ok()) << found.error().what;
  ASSERT_EQ(found->size(), 1u);
  const aws::dynamodb::Item item = alert_item(found->front(), world_.wall());
  EXPECT_EQ(item.at("pk").text, "ALERT#" + id_of("one"));
  EXPECT_EQ(item.at("sk").text, "2026-11-21T12:00:00.000000Z");
  EXPECT_EQ(item.at("label_budget").text, "ai");
  EXPECT_EQ(item.at("sink_a").text, "undelivered");
  EXPECT_EQ(item.at("sink_b").text, "given_up");
  EXPECT_EQ(item.at("ttl").text, "1797854400");
}

TEST_F(AlertTableTest, EachChangeIsWrittenOnce) {
  table_.look();
  EXPECT_TRUE(world_.sent.empty());
  put("one");
  put("two");
  put("one");  // known
  table_.look();
  EXPECT_EQ(world_.sent.size(), 2u);
  EXPECT_EQ(unrecorded(), 0u);
  mark("one", "a", Fate::kUndelivered);  // a try that failed changes nothing
  EXPECT_EQ(unrecorded(), 0u);
  mark("one", "a", Fate::kDelivered);
  table_.look();
  EXPECT_EQ(world_.sent.size(), 3u);
  EXPECT_EQ(table_.written(), 3u);
}

TEST_F(AlertTableTest, WhatChangesMeanwhileIsWrittenAgain) {
  world_.holds = true;
  put("one");
  table_.look();
  mark("one", "a", Fate::kDelivered);
  world_.held();
  EXPECT_EQ(unrecorded(), 1u);
  world_.holds = false;
  table_.look();
  EXPECT_EQ(unrecorded(), 0u);
  EXPECT_NE(world_.sent.back().find("\"sink_a\":{\"S\":\"delivered\"}"), std::string::npos);
}

TEST_F(AlertTableTest, WhatFailsIsTriedAgainLater) {
  world_.status = 400;
  put("one");
  table_.look();
  table_.look();
  EXPECT_EQ(world_.sent.size(), 1u);
  EXPECT_EQ(unrecorded(), 1u);
  world_.status = 200;
  world_.time = world_.time + seconds(10);
  table_.look();
  EXPECT_EQ(unrecorded(), 0u);
  EXPECT_EQ(table_.failed(), 1u);
}

TEST_F(AlertTableTest, WithoutATableNothingIsNoted) {
  put("one");
  ASSERT_TRUE(state_->note_changes(false).ok());
  put("two");
  ASSERT_TRUE(state_->note_changes(true).ok());
  put("three");
  EXPECT_EQ(unrecorded(), 1u);
}

}  // namespace
}  // namespace sluice::alerter
