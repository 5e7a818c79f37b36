#include "ingest/document.h"

#include <gtest/gtest.h>

#include <vector>

#include "ingest/cost_document.h"
#include "lib/base/calendar.h"

namespace sluice::ingest {
namespace {

const StoreTime kAt{1'700'000'000'000'000};

Pointers all_pointers() {
  Pointers p;
  p.upstream = "/to";
  p.path = "/path";
  p.method = "/method";
  p.headers = "/headers";
  p.body = "/body";
  p.not_before = "/notBefore";
  p.expires_at = "/expiresAt";
  p.priority = "/priority";
  p.weight = "/weight";
  p.cost = "/cost";
  return p;
}

std::vector<Upstream> upstreams() {
  Upstream first;
  first.name = "onlyfans";
  first.path = "/send";
  Limit counted, shadow;
  counted.name = "per-key";
  counted.n = 10;
  shadow.name = "tried";
  shadow.n = 2;
  shadow.shadow = true;
  first.limits = {shadow, counted};
  Upstream second;
  second.name = "other";
  second.methods = {"POST", "PUT"};
  second.credential_header = "X-Api-Key";
  return {first, second};
}

ReadDocument read(std::string_view bytes, const Pointers& pointers = Pointers{}) {
  static const std::vector<Upstream> kUpstreams = upstreams();
  return read_document(bytes, {pointers, kUpstreams, kAt, [] { return std::string("fresh"); }});
}

wire::Offer good(std::string_view bytes, const Pointers& pointers = Pointers{}) {
  ReadDocument document = read(bytes, pointers);
  if (const auto* refusal = std::get_if<Refusal>(&document)) {
    ADD_FAILURE() << bytes << ": " << refusal->field << " " << refusal->why;
    return {};
  }
  return std::get<wire::Offer>(document);
}

TEST(Document, ByDefaultTheWholeIsSentAsItStands) {
  const std::string bytes = " {\"messageId\" : \"m-1\", \"userId\":\"user-42\", \"x\":1.10 }\n";
  const wire::Offer m = good(bytes);
  EXPECT_EQ(m.id, "m-1");
  EXPECT_EQ(m.key, "onlyfans:user-42");
  EXPECT_EQ(m.upstream, "onlyfans");
  EXPECT_EQ(m.request.method, "POST");
  EXPECT_EQ(m.request.path, "/send");
  EXPECT_EQ(m.request.body, bytes);
  ASSERT_EQ(m.request.headers.size(), 1U);
  EXPECT_EQ(m.request.headers[0].value, "application/json");
}

TEST(Document, IdsAndKeysMayBeNumbersAndAMissingIdIsMade) {
  const wire::Offer m = good(R"({"userId":42})");
  EXPECT_EQ(m.id, "fresh");
  EXPECT_EQ(m.key, "onlyfans:42");
  EXPECT_EQ(good(R"({"userId":"u","messageId":12345678901234567890})").id, "12345678901234567890");
  EXPECT_EQ(good(R"({"userId":"u","messageId":null})").id, "fresh");
}

TEST(Document, EachPartMayBePointedAt) {
  const wire::Offer m =
      good(R"({"messageId":"a","userId":"u","to":"other","path":"/v2/x?y=1","method":"PUT",)"
           R"("headers":{"X-One":"1"},"body":{"a": [1, 2.50]},"notBefore":"2023-11-15T00:00:00Z",)"
           R"("expiresAt":1700100000,"priority":-3})",
           all_pointers());
  EXPECT_EQ(m.upstream, "other");
  EXPECT_EQ(m.key, "other:u");
  EXPECT_EQ(m.request.path, "/v2/x?y=1");
  EXPECT_EQ(m.request.method, "PUT");
  EXPECT_EQ(m.request.body, R"({"a": [1, 2.50]})");
  ASSERT_EQ(m.request.headers.size(), 2U);
  EXPECT_EQ(m.request.headers[0].name, "X-One");
  EXPECT_EQ(m.not_before.us, 1'700'006'400'000'000);
  EXPECT_EQ(m.expires_at.us, 1'700'100'000'000'000);
  EXPECT_EQ(m.priority, -3);
}

TEST(Document, ABodyThatIsAStringIsItsText) {
  const wire::Offer m =
      good(R"({"userId":"u","body":"a\n\u00e9\ud83d\ude00","headers":{"content-type":"text/x"}})",
           all_pointers());
  EXPECT_EQ(m.request.body, "a\n\xc3\xa9\xf0\x9f\x98\x80");
  ASSERT_EQ(m.request.headers.size(), 1U);
  EXPECT_EQ(m.request.headers[0].value, "text/x");
}

struct RefusalCase {
  const char* bytes;
  int status;
  const char* field;
};

TEST(Document, RefusesWithTheField) {
  const RefusalCase cases[] = {
      {"", 400, ""},
      {"{", 400, ""},
      {"{\"userId\":\"u\"} x", 400, ""},
      {"{\"userId\":\"\xff\"}", 400, ""},
      {"[]", 400, "/userId"},
      {"{}", 400, "/userId"},
      {R"({"userId":""})", 400, "/userId"},
      {R"({"userId":{}})", 400, "/userId"},
      {R"({"userId":1.5})", 400, "/userId"},
      {R"({"userId":"a\u0000b"})", 400, "/userId"},
      {R"({"userId":"u","userId":"v"})", 400, "/userId"},
      {R"({"userId":"u","messageId":""})", 400, "/messageId"},
      {R"({"userId":"u","messageId":true})", 400, "/messageId"},
      {R"({"userId":"u","to":"nobody"})", 400, "/to"},
      {R"({"userId":"u","path":"@evil/"})", 400, "/path"},
      {R"({"userId":"u","path":"//evil/"})", 400, "/path"},
      {R"({"userId":"u","path":"/\\evil"})", 400, "/path"},
      {R"({"userId":"u","path":"/a/../b"})", 400, "/path"},
      {R"({"userId":"u","path":"/a/%2E./b"})", 400, "/path"},
      {R"({"userId":"u","path":"/a b"})", 400, "/path"},
      {R"({"userId":"u","path":"/a\r\nX: y"})", 400, "/path"},
      {R"({"userId":"u","path":"/a#b"})", 400, "/path"},
      {R"({"userId":"u","path":"http://evil/"})", 400, "/path"},
      {R"({"userId":"u","method":"DELETE"})", 400, "/method"},
      {R"({"userId":"u","method":"post"})", 400, "/method"},
      {R"({"userId":"u","headers":[]})", 400, "/headers"},
      {R"({"userId":"u","headers":{"A":1}})", 400, "/headers/A"},
      {R"({"userId":"u","headers":{"A b":"1"}})", 400, "/headers/A b"},
      {R"({"userId":"u","headers":{"":"1"}})", 400, "/headers/"},
      {R"({"userId":"u","headers":{"A":"1\r\nB: 2"}})", 400, "/headers/A"},
      {R"({"userId":"u","headers":{"hOst":"x"}})", 400, "/headers/hOst"},
      {R"({"userId":"u","headers":{"Idempotency-Key":"x"}})", 400, "/headers/Idempotency-Key"},
      {R"({"userId":"u","headers":{"Authorization":"x"}})", 400, "/headers/Authorization"},
      {R"({"userId":"u","headers":{"Transfer-Encoding":"x"}})", 400, "/headers/Transfer-Encoding"},
      {R"({"userId":"u","to":"other","headers":{"x-api-key":"x"}})", 400, "/headers/x-api-key"},
      {R"({"userId":"u","expiresAt":"yesterday"})", 400, "/expiresAt"},
      {R"({"userId":"u","expiresAt":1600000000})", 400, "/expiresAt"},
      {R"({"userId":"u","notBefore":-5})", 400, "/notBefore"},
      {R"({"userId":"u","notBefore":1800000000})", 400, "/notBefore"},
      {R"({"userId":"u","priority":1001})", 400, "/priority"},
      {R"({"userId":"u","priority":"high"})", 400, "/priority"},
      {R"({"userId":"u","weight":0})", 400, "/weight"},
      {R"({"userId":"u","weight":1.5})", 400, "/weight"},
      {R"({"userId":"u","cost":-1})", 400, "/cost"},
  };
  for (const RefusalCase& c : cases) {
    const ReadDocument document = read(c.bytes, all_pointers());
    const auto* refusal = std::get_if<Refusal>(&document);
    ASSERT_NE(refusal, nullptr) << c.bytes;
    EXPECT_EQ(refusal->status, c.status) << c.bytes;
    EXPECT_EQ(refusal->field, c.field) << c.bytes << ": " << refusal->why;
    EXPECT_FALSE(refusal->why.empty());
  }
}

// Whether it can ever go is the limiter's to say: limits are edited while we run.
TEST(Document, WhatACostMayBeAtMostIsNotSaidHere) {
  EXPECT_EQ(good(R"({"userId":"u","cost":10,"weight":3})", all_pointers()).cost, 10U);
  EXPECT_EQ(good(R"({"userId":"u","cost":1000000})", all_pointers()).cost, 1'000'000U);
}

// Whatever else is wrong with it.
TEST(Document, OfWhatIsMalformedTheKeyMayBeKnown) {
  Pointers pointers;
  pointers.upstream = "/to";
  std::vector<Upstream> upstreams(2);
  upstreams[0].name = "first";
  upstreams[1].name = "second";
  const auto none = [] { return std::string(); };
  const auto key = [&](const char* text, std::string_view known = {}) {
    return key_of_document(text, {pointers, upstreams, StoreTime{1}, none, {}, known}).key;
  };
  EXPECT_EQ(key(R"({"userId":"u","messageId":[]})"), "first:u");
  EXPECT_EQ(key(R"({"userId":"u","to":"second"})"), "second:u");
  EXPECT_EQ(key(R"({"userId":"u","to":"third"})"), "");
  EXPECT_EQ(key(R"({"userId":""})"), "");
  EXPECT_EQ(key("{"), "");
  EXPECT_EQ(key(R"({"to":"second"})", "group"), "second:group");
  EXPECT_EQ(key("{", "group"), "") << "it may name another upstream";
  pointers.upstream.clear();
  EXPECT_EQ(key("{", "group"), "first:group");
}

TEST(Document, TooLargeIs413) {
  const std::string bytes = "{\"userId\":\"u\",\"x\":\"" + std::string(300'000, 'x') + "\"}";
  const ReadDocument document = read(bytes);
  ASSERT_TRUE(std::holds_alternative<Refusal>(document));
  EXPECT_EQ(std::get<Refusal>(document).status, 413);
}

TEST(Document, LongKeysAndDeepNestingAreRefused) {
  const std::string long_key = "{\"userId\":\"" + std::string(250, 'k') + "\"}";
  EXPECT_TRUE(std::holds_alternative<Refusal>(read(long_key)));
  const std::string deep =
      "{\"userId\":\"u\",\"x\":" + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_TRUE(std::holds_alternative<Refusal>(read(deep)));
}

TEST(Document, MakesUuids) {
  EXPECT_EQ(uuid_v4(std::string(16, '\xff')), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

// ---- costs

TEST(CostDocument, ReadsAnExactAmount) {
  const ReadCost read_it =
      read_cost(R"({"event_id":"e-1","provider":"openai","agent":"writer","type":"completion",)"
                R"("model":"gpt-4o","units":1200,"amount":"0.0180","at":"2026-11-21T02:24:00Z"})",
                StoreTime{1'795'227'840'000'000});
  ASSERT_TRUE(std::holds_alternative<wire::Cost>(read_it)) << std::get<Refusal>(read_it).why;
  const auto& cost = std::get<wire::Cost>(read_it);
  EXPECT_EQ(cost.amount_nano, 18'000'000);
  EXPECT_EQ(cost.units, 1'200U);
  EXPECT_EQ(cost.model, "gpt-4o");
  EXPECT_EQ(cost.content_hash.size(), 32U);
  EXPECT_EQ(cost.at.us, 1'795'227'840'000'000);
}

std::string cost_with(const std::string& amount) {
  return R"({"event_id":"e","provider":"p","agent":"a","type":"t","amount":)" + amount + "}";
}

TEST(CostDocument, AmountsAreNeverFloatingPoint) {
  const std::pair<const char*, std::int64_t> good_ones[] = {
      {"0.1", 100'000'000},
      {"\"500\"", 500'000'000'000},
      {"1e-05", 10'000},
      {"1.50E+1", 15'000'000'000},
      {"0.000000001", 1},
      {"12345678.123456789", 12'345'678'123'456'789},
      {"0", 0},
      {"1.000e-6", 1'000},
      {"9223372036.854775807", 9'223'372'036'854'775'807}};
  for (const auto& [amount, nano] : good_ones) {
    const ReadCost cost = read_cost(cost_with(amount), kAt);
    ASSERT_TRUE(std::holds_alternative<wire::Cost>(cost)) << amount;
    EXPECT_EQ(std::get<wire::Cost>(cost).amount_nano, nano) << amount;
  }
  for (const char* amount :
       {"-1", "\"-0.5\"", "0.0000000001", "1e-10", "1e40", "1e999999999", "9223372036.854775808",
        "\"1e3\"", "\"\"", "\"12 USD\"", "true", "null", "[]", "\"1,5\"", "-0"}) {
    const ReadCost cost = read_cost(cost_with(amount), kAt);
    ASSERT_TRUE(std::holds_alternative<Refusal>(cost)) << amount;
    EXPECT_EQ(std::get<Refusal>(cost).field, "/amount") << amount;
  }
}

TEST(CostDocument, TheSameDocumentLaterIsTheSameCost) {
  const auto hash = [](std::string_view bytes, StoreTime at) {
    return std::get<wire::Cost>(read_cost(bytes, at)).content_hash;
  };
  EXPECT_EQ(hash(cost_with("1"), kAt), hash(cost_with("1.0"), kAt + hours(1)));
  EXPECT_NE(hash(cost_with("1"), kAt), hash(cost_with("2"), kAt));
}

// What is dated into another year would be booked there, and no budget of today would know.
TEST(CostDocument, IsAtMostADayAhead) {
  const auto dated = [](StoreTime at) {
    const std::string text = R"({"event_id":"e","provider":"p","agent":"a","type":"t","amount":1,)";
    return read_cost(text + R"("at":")" + timestamp_of(at) + "\"}", kAt);
  };
  EXPECT_TRUE(std::holds_alternative<wire::Cost>(dated(kAt + hours(24))));
  EXPECT_TRUE(std::holds_alternative<wire::Cost>(dated(kAt - hours(24 * 400))));
  const ReadCost far = dated(kAt + hours(24) + seconds(1));
  ASSERT_TRUE(std::holds_alternative<Refusal>(far));
  EXPECT_EQ(std::get<Refusal>(far).field, "/at");
}

TEST(CostDocument, NamesTheMissingField) {
  const ReadCost cost = read_cost(R"({"event_id":"e","provider":"p","agent":"a","amount":1})", kAt);
  ASSERT_TRUE(std::holds_alternative<Refusal>(cost));
  EXPECT_EQ(std::get<Refusal>(cost).field, "/type");
}

// ---- reply_to

wire::Offer replying(const std::string& url, const std::vector<std::string>& hosts,
                     Refusal* refusal) {
  Pointers pointers;
  pointers.reply_to = "/replyTo";
  const std::vector<Upstream> known = upstreams();
  const std::string document = "{\"userId\":\"u\",\"replyTo\":\"" + url + "\"}";
  const ReadDocument read =
      read_document(document, {pointers, known, kAt, [] { return std::string("id"); }, hosts});
  if (const auto* refused = std::get_if<Refusal>(&read)) {
    *refusal = *refused;
    return {};
  }
  return std::get<wire::Offer>(read);
}

TEST(Document, AReplyGoesOnlyToAHostOfTheList) {
  const std::vector<std::string> hosts = {"https://hooks.example.com", "http://127.0.0.1:9000"};
  for (const char* url : {"https://hooks.example.com/a?b=c", "https://HOOKS.example.com/",
                          "http://127.0.0.1:9000/x/y"}) {
    Refusal refusal;
    EXPECT_EQ(replying(url, hosts, &refusal).reply_to, url) << refusal.why;
  }
  for (const char* url :
       {"https://hooks.example.com:8443/a", "https://hooks.example.com.evil.example/",
        "https://hooks.example.com@evil.example/", "https://evil.example/hooks.example.com/",
        "http://hooks.example.com/a", "https://hooks.example.com", "https://hooks.example.com?x",
        "https://hooks.example.com\\\\evil.example/", "https://hooks.example.com/../x",
        "https://hooks.example.com/a#b", "https://hooks.example.com/a b", "http://127.0.0.1/",
        "http://169.254.169.254/latest/", "queue:answers", "arn:aws:sqs:eu-west-1:1:q", "",
        "file:///etc/passwd"}) {
    Refusal refusal;
    replying(url, hosts, &refusal);
    EXPECT_EQ(refusal.status, 400) << url;
    EXPECT_EQ(refusal.field, "/replyTo") << url;
    EXPECT_FALSE(refusal.why.empty()) << url;
  }
}

TEST(Document, WithoutAListNoReplyGoesAnywhere) {
  Refusal refusal;
  replying("https://hooks.example.com/a", {}, &refusal);
  EXPECT_EQ(refusal.field, "/replyTo");
  EXPECT_NE(refusal.why.find("reply_hosts"), std::string::npos);
  replying("queue:answers", {}, &refusal);
  EXPECT_NE(refusal.why.find("queues cannot"), std::string::npos);
}

}  // namespace
}  // namespace sluice::ingest
