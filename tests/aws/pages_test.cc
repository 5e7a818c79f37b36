// The loop over pages, by a service that has some of them.
#include "lib/aws/pages.h"

#include <gtest/gtest.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "lib/aws/operation.h"
#include "lib/base/calendar.h"

namespace sluice::aws {
namespace {

struct Page {
  std::string is;
  std::string next;
};

// The page after N is N+1; the last one is 3.
class Book final : public Transport, public KeySource {
 public:
  void send(HttpRequest request, Limits, std::function<void(HttpText)> done) override {
    HttpText answer;
    answer.status = request.body == broken ? 400 : 200;
    answer.body = request.body;
    done(std::move(answer));
  }
  void after(Duration, std::function<void()> run) override { run(); }
  [[nodiscard]] Instant now() const override { return {1'000'000}; }
  [[nodiscard]] StoreTime wall() const override { return *parse_time("2026-11-21T12:00:00Z"); }
  void ask(std::function<void(Result<Keys>)> done) override { done(Keys{"A", "s", ""}); }
  void doubt(const Keys&) override {}
  std::string broken = "none";
};

class PagesTest : public ::testing::Test {
 protected:
  // What was seen, and how it ended.
  std::string read(std::function<std::string(int)> next_of, const std::string& until = "") {
    std::string seen;
    for_each_page<Page>(
        client_, {[](const std::string& next) {
                    Request request{"sqs", "ListQueues"};
                    request.body = next.empty() ? "1" : next;
                    return request;
                  },
                  [&](const Outcome& outcome) -> Reply<Page> {
                    if (outcome.fault) return refusal_of(outcome);
                    return Page{outcome.answer, next_of(std::stoi(outcome.answer))};
                  },
                  [&](const Page& page) { return seen += page.is, page.is != until; },
                  [&](const std::optional<Refusal>& why) { seen += why ? " " + why->code : "."; }});
    return seen;
  }
  Book book_;
  Client client_{book_, book_, {"eu-west-1"}};
};

std::string three(int page) { return page < 3 ? std::to_string(page + 1) : ""; }

TEST_F(PagesTest, AreReadToTheLast) { EXPECT_EQ(read(three), "123."); }
TEST_F(PagesTest, NoMoreThanIsWanted) { EXPECT_EQ(read(three, "2"), "12."); }
TEST_F(PagesTest, AFailureEndsThem) {
  book_.broken = "2";
  EXPECT_EQ(read(three), "1 HTTP 400");
}
TEST_F(PagesTest, NobodyIsAskedForEver) {
  EXPECT_EQ(read([](int) { return "2"; }), "1 PagesRepeat");
}

// What a call of a function answers may be run over: `for (x : *read(...))`.
static_assert(std::is_same_v<decltype(*std::declval<Reply<Page>>()), Page>);

TEST(Operations, EachIsOfAService) {
  for (const Operation& one : operations()) {
    EXPECT_EQ(service(one.service).name, one.service);
    EXPECT_EQ(request_for(one.service, one.name).operation, one.name);
    EXPECT_EQ(one.action.find("*"), std::string_view::npos);
  }
}

}  // namespace
}  // namespace sluice::aws
