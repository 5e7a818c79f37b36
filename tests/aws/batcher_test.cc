// Batches of numbers, to a service that holds them until it is told to answer.
#include "lib/aws/batcher.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>

#include "lib/base/calendar.h"
#include "lib/base/prng.h"

namespace sluice::aws {
namespace {

using How = EntryFate::How;

class Post final : public Transport, public KeySource {
 public:
  void send(HttpRequest request, Limits, std::function<void(HttpText)> done) override {
    sent.push_back(request.body);
    held.push_back(std::move(done));
  }
  void after(Duration wait, std::function<void()> run) override {
    timers.emplace(time + wait, std::move(run));
  }
  [[nodiscard]] Instant now() const override { return time; }
  [[nodiscard]] StoreTime wall() const override { return *parse_time("2026-11-21T12:00:00Z"); }
  void ask(std::function<void(Result<Keys>)> done) override { done(Keys{"A", "s", ""}); }
  void doubt(const Keys&) override {}
  void pass(Duration span) {
    const Instant end = time + span;
    while (!timers.empty() && timers.begin()->first <= end) {
      auto timer = timers.extract(timers.begin());
      time = std::max(time, timer.key());
      timer.mapped()();
    }
    time = end;
  }
  void answer(std::uint32_t status) {
    HttpText text;
    text.status = status;
    const auto done = std::move(held.front());
    held.pop_front();
    done(std::move(text));
  }

  std::vector<std::string> sent;
  std::deque<std::function<void(HttpText)>> held;
  std::multimap<Instant, std::function<void()>> timers;
  Instant time{1'000'000'000};
};

class BatcherTest : public ::testing::Test {
 protected:
  using Numbers = std::vector<int>;

  static BatchKind<int> kind() {
    return {[](const Numbers& numbers) {
              Request request{"sqs", "SendMessageBatch"};
              for (const int one : numbers) request.body += std::to_string(one) + " ";
              const auto read = [asked = numbers.size()](
                                    const Outcome& outcome) -> Reply<std::vector<EntryFate>> {
                if (outcome.fault) return refusal_of(outcome);
                std::vector<EntryFate> fates(asked, {How::kDone});
                fates.back().how = How::kUnsaid;
                return fates;
              };
              return BatchCall{request, read};
            },
            [](int number) { return static_cast<std::size_t>(number); }};
  }
  void add(int number) {
    batcher_->add(number, [this, number](const EntryFate& fate) {
      EXPECT_FALSE(fates_.contains(number));
      fates_[number] = fate;
    });
  }
  Post post_;
  Client client_{post_, post_, {"eu-west-1"}};
  std::unique_ptr<Batcher<int>> batcher_ = std::make_unique<Batcher<int>>(
      client_, post_, kind(), BatcherConfig{4, 100, milliseconds(10), 2});
  std::map<int, EntryFate> fates_;
};

TEST_F(BatcherTest, AFullOneGoesAtOnce) {
  for (int i = 1; i <= 5; ++i) add(i);
  EXPECT_EQ(post_.sent, (std::vector<std::string>{"1 2 3 4 "}));
  EXPECT_EQ(batcher_->waiting(), 1U);
  post_.answer(200);
  EXPECT_EQ(fates_.size(), 4U);
  EXPECT_EQ(fates_[1].how, How::kDone);
  EXPECT_EQ(fates_[4].how, How::kUnsaid);
}

TEST_F(BatcherTest, OthersGoWhenTheirTimeHasCome) {
  add(1);
  post_.pass(milliseconds(6));
  add(2);
  EXPECT_TRUE(post_.sent.empty());
  post_.pass(milliseconds(4));
  EXPECT_EQ(post_.sent, (std::vector<std::string>{"1 2 "}));
  add(3);
  batcher_->flush();
  EXPECT_EQ(post_.sent.back(), "3 ");
  post_.pass(seconds(1));
  EXPECT_EQ(post_.sent.size(), 2U);
}

TEST_F(BatcherTest, BytesFillThemToo) {
  add(60);
  add(50);
  EXPECT_EQ(post_.sent, (std::vector<std::string>{"60 "}));
  add(200);
  EXPECT_EQ(post_.sent, (std::vector<std::string>{"60 ", "50 "}));
  post_.answer(200);
  EXPECT_EQ(post_.sent.back(), "200 ");  // however large it is
}

TEST_F(BatcherTest, WhatComesMeanwhileFillsTheNext) {
  for (int i = 1; i <= 8; ++i) add(i);
  EXPECT_EQ(post_.sent.size(), 2U);
  add(9);
  post_.pass(milliseconds(20));
  add(10);
  add(11);
  EXPECT_EQ(post_.sent.size(), 2U);
  post_.answer(200);
  EXPECT_EQ(post_.sent.back(), "9 10 11 ");
  add(12);
  post_.answer(200);
  EXPECT_EQ(post_.sent.size(), 3U);  // too young
  post_.pass(milliseconds(10));
  EXPECT_EQ(post_.sent.back(), "12 ");
}

TEST_F(BatcherTest, ABatchThatFailsIsEachOnesFate) {
  add(1);
  add(2);
  batcher_->flush();
  post_.answer(400);
  EXPECT_EQ(fates_[1].how, How::kFailed);
  EXPECT_EQ(fates_[2].code, "HTTP 400");
  EXPECT_TRUE(fates_[2].is_senders);
  add(3);
  batcher_->flush();
  for (int attempt = 0; attempt < 3; ++attempt) {
    post_.answer(500);
    post_.pass(seconds(5));
  }
  EXPECT_EQ(fates_[3].how, How::kUnsaid);
  EXPECT_FALSE(fates_[3].is_senders);
}

TEST_F(BatcherTest, OneThatHasGoneAnswersNobody) {
  add(1);
  batcher_->flush();
  add(2);
  batcher_.reset();
  post_.answer(200);
  post_.pass(seconds(1));
  EXPECT_TRUE(fates_.empty());
}

TEST_F(BatcherTest, EachIsToldOnceWhateverHappens) {
  Prng chance(7);
  int added = 0;
  for (int step = 0; step < 5'000; ++step) {
    if (chance.chance(500'000)) add(++added);
    if (chance.chance(200'000) && !post_.held.empty()) post_.answer(200);
    if (chance.chance(300'000)) post_.pass(milliseconds(chance.between(0, 15)));
    EXPECT_LE(batcher_->under_way(), 2U);
    const bool idle = batcher_->waiting() > 0 && batcher_->under_way() < 2 && post_.timers.empty();
    ASSERT_FALSE(idle) << "what waits at step " << step << " is waited for by nobody";
  }
  while (!post_.held.empty() || batcher_->waiting() > 0) {
    post_.pass(milliseconds(10));
    if (!post_.held.empty()) post_.answer(200);
  }
  EXPECT_EQ(fates_.size(), static_cast<std::size_t>(added));
}

}  // namespace
}  // namespace sluice::aws
