// The front door over real HTTP.
#include "ingest/http_door.h"

#include <gtest/gtest.h>

#include "ingest/http_answers.h"
#include "lib/digest/digest.h"
#include "tests/ingest/door_world.h"

namespace sluice::ingest {
namespace {

TEST_F(Door, TakesAMessageAndSaysWhen) {
  limiter_up();
  wait_ = milliseconds(6'100);
  const Answer answer =
      ask("POST", "/v1/messages", R"({"messageId":"a/b c","userId":"u","content":"Hi!"})");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.header("Location"), "/v1/messages/a%2Fb%20c");
  EXPECT_EQ(answer.header("RateLimit-Policy"), R"("onlyfans";q=10;w=60)");
  EXPECT_EQ(answer.header("RateLimit"), R"("onlyfans";r=2;t=6)");
  EXPECT_NE(answer.body.find(R"("expected_in":6.100)"), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find(R"("why":"pacing")"), std::string::npos);
  const Answer found = ask("GET", answer.header("Location"));
  EXPECT_EQ(found.status, 200);
  EXPECT_NE(found.body.find(R"("id":"a/b c")"), std::string::npos);
  EXPECT_NE(found.body.find(R"("state":"waiting")"), std::string::npos);
}

TEST_F(Door, RefusesWhatMayNotWait) {
  limiter_up();
  wait_ = milliseconds(6'100);
  const Answer answer =
      ask("POST", "/v1/messages", R"({"messageId":"a","userId":"u"})", "PREFER: wait=0\r\n");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("Retry-After"), "7");
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(answer.header("Preference-Applied"), "wait=0");
  EXPECT_FALSE(answer.header("RateLimit").empty());
  EXPECT_TRUE(parking_.rows().empty());
  EXPECT_EQ(ask("GET", "/v1/messages/a").status, 404);
}

TEST_F(Door, NeedsNoLimiter) {
  const Answer answer = ask("POST", "/v1/messages", R"({"messageId":"a","userId":"u"})");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.body.find("expected_in"), std::string::npos);
}

TEST_F(Door, AWaitIsNotSaidToBeKeptWithoutAForecast) {
  const char* const body = R"({"messageId":"a","userId":"u"})";
  const Answer within = ask("POST", "/v1/messages", body, "Prefer: wait=0\r\n");
  EXPECT_EQ(within.status, 202);
  EXPECT_EQ(within.header("Preference-Applied"), "");
  const Answer async = ask("POST", "/v1/messages", body, "Prefer: respond-async\r\n");
  EXPECT_EQ(async.header("Preference-Applied"), "respond-async");
}

TEST_F(Door, NamesTheFieldThatIsWrong) {
  const Answer answer = ask("POST", "/v1/messages", R"({"messageId":"a"})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find(R"("field":"/userId")"), std::string::npos) << answer.body;
  ask("POST", "/v1/messages", R"({"messageId":"a","userId":"u"})");
  const Answer bytes = ask("POST", "/v1/messages", R"({"messageId":"a","userId":"u","x":1})");
  EXPECT_EQ(bytes.status, 422);
  EXPECT_NE(bytes.body.find(R"("field":"/messageId")"), std::string::npos) << bytes.body;
  const Answer key = ask("POST", "/v1/messages", R"({"messageId":"a","userId":"v"})");
  EXPECT_EQ(key.status, 422);
  EXPECT_NE(key.body.find(R"("field":"/userId")"), std::string::npos) << key.body;
}

TEST_F(Door, MethodsPathsAndTypes) {
  EXPECT_EQ(ask("PUT", "/v1/messages").status, 405);
  EXPECT_EQ(ask("PUT", "/v1/messages").header("Allow"), "POST, GET, HEAD");
  EXPECT_EQ(ask("PUT", "/v1/messages/a").header("Allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(ask("GET", "/v1/costs").status, 405);
  EXPECT_EQ(ask("GET", "/").status, 404);
  EXPECT_EQ(ask("GET", "/v1/messages/").status, 404);
  EXPECT_EQ(ask("POST", "/v1/messages", "<a/>", "Content-Type: text/xml\r\n").status, 415);
  EXPECT_EQ(ask("POST", "/v1/messages", "x", "Content-Encoding: gzip\r\n").status, 415);
  EXPECT_EQ(ask("POST", "/v1/messages").status, 400);
  const std::string big = R"({"userId":"u","x":")" + std::string(300'000, 'x') + "\"}";
  EXPECT_EQ(ask("POST", "/v1/messages", big).status, 413);
}

TEST_F(Door, EachLineHasItsOwnFateInOrder) {
  const Answer answer =
      ask("POST", "/v1/messages",
          "{\"messageId\":\"a\",\"userId\":\"u\"}\r\n{bad\n\n{\"messageId\":\"c\"}\n"
          "{\"messageId\":\"a\",\"userId\":\"u\"}\n{\"messageId\":\"a\",\"userId\":\"v\"}",
          "Content-Type: application/x-ndjson\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Type"), "application/x-ndjson");
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < answer.body.size();) {
    const std::size_t end = answer.body.find('\n', at);
    lines.push_back(answer.body.substr(at, end - at));
    at = end + 1;
  }
  ASSERT_EQ(lines.size(), 5U) << answer.body;
  EXPECT_NE(lines[0].find("\"status\":202"), std::string::npos);
  EXPECT_NE(lines[1].find("\"status\":400"), std::string::npos);
  EXPECT_NE(lines[1].find("\"line\":2"), std::string::npos);
  EXPECT_NE(lines[2].find("\"line\":4"), std::string::npos);
  EXPECT_NE(lines[3].find("\"status\":202"), std::string::npos);
  EXPECT_NE(lines[4].find("\"status\":422"), std::string::npos);
  EXPECT_EQ(parking_.rows().size(), 1U);
}

TEST_F(Door, ABatchLargerThanTheRoomIsTakenPieceByPiece) {
  Config config = World::with_upstream({});
  config.open_max = 3;
  core_ = IngestCore(config);
  std::string body;
  for (int n = 0; n < 200; ++n) {
    body += "{\"messageId\":\"m" + std::to_string(n) + "\",\"userId\":\"u\"}\n";
  }
  const Answer answer = ask("POST", "/v1/messages", body, "Content-Type: application/x-ndjson\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.find("\"status\":503"), std::string::npos);
  EXPECT_EQ(parking_.rows().size(), 200U);
}

// A line that is refused costs no room of the core: what a turn takes is bounded all the same.
TEST_F(Door, ManyBadLinesAreWorkedOffInSeveralTurns) {
  std::string body;
  for (int n = 0; n < 2'600; ++n) body += "{\n";
  const Answer answer = ask("POST", "/v1/messages", body, "Content-Type: application/x-ndjson\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("\"line\":2600,"), std::string::npos);
  EXPECT_EQ(agains_, 5);
}

TEST_F(Door, ARequestHasSoManyLinesAtMost) {
  const std::string lines = "Content-Type: application/x-ndjson\r\n";
  const std::string most = std::string(2'999, '\n') + "{";
  EXPECT_EQ(ask("POST", "/v1/messages", most, lines).status, 200);
  const Answer answer = ask("POST", "/v1/messages", most + "\n{", lines);
  EXPECT_EQ(answer.status, 413);
  EXPECT_NE(answer.body.find("lines_max"), std::string::npos) << answer.body;
}

TEST_F(Door, LinesThatComeWhileItStopsAreRefusedOneByOne) {
  core_.accept(Drain{}, now(), out_);
  door_->drain();
  const Answer answer = ask("POST", "/v1/messages", "{\"userId\":\"u\"}\n{\"userId\":\"v\"}\n",
                            "Content-Type: application/x-ndjson\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("{\"line\":1,\"retry_after\":1,\"status\":503"), std::string::npos)
      << answer.body;
  EXPECT_NE(answer.body.find("{\"line\":2,\"retry_after\":1,\"status\":503"), std::string::npos)
      << answer.body;
}

TEST_F(Door, HeadIsGetWithoutItsBody) {
  ask("POST", "/v1/messages", R"({"messageId":"a/\u00e9","userId":"u"})");
  const Answer head = ask("HEAD", "/v1/messages/a%2F%C3%A9");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.header("Content-Length"),
            ask("GET", "/v1/messages/a%2F%C3%A9").header("Content-Length"));
  EXPECT_EQ(ask("HEAD", "/v1/messages/nobody").status, 404);
}

TEST_F(Door, IdsInPathsAreAnyBytes) {
  for (const char* none : {"%00", "%ff", "%F0%9F%98", "%2e%2e%2f", "%25"}) {
    EXPECT_EQ(ask("GET", std::string("/v1/messages/") + none).status, 404) << none;
  }
  for (const char* broken : {"%", "%4", "%zz", "a%"}) {
    const Answer answer = ask("GET", std::string("/v1/messages/") + broken);
    EXPECT_EQ(answer.status, 400) << broken;
    EXPECT_NE(answer.body.find("\"field\":\"target\""), std::string::npos) << answer.body;
  }
}

TEST_F(Door, NothingIsWrittenOfAKeyThatNobodyCouldReadAgain) {
  for (const char* verb : {"/pause", "/resume", "/consume"}) {
    for (const char* name : {"onlyfans:ren%E9", "onlyfans:%00", "onlyfans:a%0Ab"}) {
      const Answer answer = ask("POST", std::string("/v1/keys/") + name + verb, R"({"amount":1})");
      EXPECT_EQ(answer.status, 400) << name << verb;
      EXPECT_NE(answer.body.find(R"("field":"target")"), std::string::npos) << answer.body;
    }
    const Answer by = ask("POST", std::string("/v1/keys/onlyfans:k") + verb, R"({"by":"\u0001"})");
    EXPECT_EQ(by.status, 400) << verb;
    EXPECT_NE(by.body.find(R"("field":"/by")"), std::string::npos) << by.body;
  }
  EXPECT_EQ(ask("GET", "/v1/keys/onlyfans:ren%E9").status, 400);
  EXPECT_TRUE(std::get<KeysAnswer>(parking_.apply(ListKeys{"", 9})).keys.empty());
  EXPECT_EQ(ask("POST", "/v1/keys/onlyfans:ren%C3%A9/pause", R"({"by":"Ren\u00e9"})").status, 202);
}

TEST_F(Door, CancelsAndSaysWhatItFound) {
  ask("POST", "/v1/messages", R"({"messageId":"a","userId":"u"})");
  EXPECT_EQ(ask("DELETE", "/v1/messages/nobody").status, 404);
  const Answer answer = ask("DELETE", "/v1/messages/a");
  EXPECT_EQ(answer.status, 202);
  EXPECT_NE(answer.body.find("\"cancelled\":true"), std::string::npos);
  const wire::Offer row = parking_.rows().begin()->second;
  parking_.apply(SettleRow{settled(row.identity, row.key), StoreTime{1'800'000'000'000'000}});
  EXPECT_EQ(ask("DELETE", "/v1/messages/a").status, 409);
  const Answer found = ask("GET", "/v1/messages/a");
  EXPECT_NE(found.body.find("\"state\":\"delivered\""), std::string::npos);
  EXPECT_NE(found.body.find("\"attempts\":1"), std::string::npos);
}

TEST_F(Door, ACostWithoutAnAuditorIs503) {
  const Answer answer = ask("POST", "/v1/costs",
                            R"({"event_id":"e","provider":"p","agent":"a","type":"t","amount":1})");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("Retry-After"), "1");
  const Answer wrong = ask("POST", "/v1/costs", R"({"event_id":"e"})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("/provider"), std::string::npos);
}

TEST_F(Door, ABrokenParameterIsNotAnAbsentOne) {
  for (const char* list : {"/v1/messages?key=50%", "/v1/keys?key=50%&limit=1"}) {
    const Answer answer = ask("GET", list);
    EXPECT_EQ(answer.status, 400) << list;
    EXPECT_NE(answer.body.find(R"("field":"key")"), std::string::npos) << answer.body;
  }
}

// A browser sends these, and nobody else does.
TEST_F(Door, WithoutApiKeysNoWebPageOfElsewhereIsLetIn) {
  const auto status = [this](const std::string& host, const std::string& headers) {
    return exchange("GET /v1/keys HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" +
                    headers + "\r\n")
        .status;
  };
  for (const char* host :
       {"localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST", "127.0.0.1"}) {
    EXPECT_EQ(status(host, ""), 200) << host;
  }
  for (const char* host : {"rebound.example:8080", "127.0.0.1.example", "10.0.0.7"}) {
    EXPECT_EQ(status(host, ""), 403) << host;
  }
  EXPECT_EQ(status("localhost", "Origin: http://localhost:3000\r\n"), 200);
  EXPECT_EQ(status("localhost", "Origin: https://page.example\r\n"), 403);
  EXPECT_EQ(status("localhost", "Origin: null\r\n"), 403);
  EXPECT_EQ(status("localhost", "Sec-Fetch-Site: cross-site\r\n"), 403);
  EXPECT_EQ(status("localhost", "Sec-Fetch-Site: same-origin\r\n"), 200);
  const Answer posted = ask("POST", "/v1/messages", R"({"messageId":"a","userId":"u"})",
                            "Content-Type: application/json\r\nOrigin: https://page.example\r\n");
  EXPECT_EQ(posted.status, 403);
  EXPECT_TRUE(parking_.rows().empty());
  ApiKey key;
  key.hash = token_hash("t");
  door_->set_keys({key}, true);
  EXPECT_EQ(status("sluice.example", "Authorization: Bearer t\r\nOrigin: https://page.example\r\n"),
            200)
      << "a token opens the door, wherever it is said";
}

std::string next_of(const Answer& answer) {
  const std::size_t at = answer.body.find("\"next\":\"");
  if (at == std::string::npos) return {};
  const std::size_t from = at + 8;
  return answer.body.substr(from, answer.body.find('"', from) - from);
}

TEST_F(Door, ACursorTellsARestrictedKeyNothingOfOthers) {
  for (int n = 0; n < 300; ++n) {  // more than the store is asked for at once
    ask("POST", "/v1/messages", "{\"userId\":\"theirs-" + std::to_string(1'000 + n) + "\"}");
  }
  ask("POST", "/v1/messages", R"({"userId":"we"})");
  ApiKey key;
  key.hash = token_hash("t");
  key.scope = {{}, {"onlyfans:we"}};
  ApiKey whole;
  whole.hash = token_hash("w");
  door_->set_keys({key, whole}, true);
  const auto page = [this](const std::string& after, const std::string& token = "t") {
    return ask("GET", "/v1/keys" + (after.empty() ? "" : "?after=" + after), {},
               "Authorization: Bearer " + token + "\r\n");
  };
  const Answer first = page("");
  const std::string next = next_of(first);
  ASSERT_FALSE(next.empty()) << first.body;
  EXPECT_EQ(first.body.find("theirs"), std::string::npos);
  EXPECT_EQ(from_hex(next).find("theirs"), std::string::npos);
  const Answer second = page(next);
  EXPECT_NE(second.body.find("onlyfans:we"), std::string::npos) << second.body;
  EXPECT_EQ(next_of(second), "");
  EXPECT_EQ(page("onlyfans:theirs-1200").status, 400) << "one of its own making";
  EXPECT_EQ(next_of(page("", "w")).find("onlyfans:theirs-"), 0U) << "who sees all sees where";
}

TEST_F(Door, TwoContentLengthsAreNoRequest) {
  const Answer answer = exchange(
      "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: "
      "3\r\n\r\n{}");
  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(parking_.rows().empty());
}

TEST(HttpAnswers, CostsAreCreatedOnce) {
  EXPECT_EQ(answer_of(CostBooked{false}, {.event_id = "e"}).status, 201);
  EXPECT_EQ(answer_of(CostBooked{true}, {.event_id = "e"}).status, 200);
  EXPECT_EQ(answer_of(CostRefused{"other fields"}, {.event_id = "e"}).status, 422);
}

}  // namespace
}  // namespace sluice::ingest
