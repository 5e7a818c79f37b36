#include "lib/aws/s3.h"

#include "lib/aws/pages.h"
#include "lib/base/calendar.h"
#include "tests/emulators/rig.h"

namespace sluice::aws::s3 {
namespace {

class S3Test : public EmulatorTest {
 protected:
  void SetUp() override {
    EmulatorTest::SetUp();
    if (session_ != nullptr) create({});
  }
  void create(std::vector<NameValue> headers) {
    bucket_ = named("trail");
    Request request{"s3", "CreateBucket"};
    request.method = "PUT";
    request.path = "/" + bucket_;
    request.headers = std::move(headers);
    const Outcome how = call(std::move(request));
    ASSERT_FALSE(how.fault) << how.fault->code << " " << how.fault->message;
  }
  Reply<Stored> put(const Put& what) { return read_stored(call(put_object(what)), what); }
  Reply<Object> get(const std::string& key, std::size_t most = 1U << 20U) {
    return read_object(call(get_object(bucket_, key, most)));
  }
  std::string bucket_;
};

TEST_P(S3Test, WhatIsPutIsGot) {
  for (const std::string key : {"plain", "a b/c+1=%25.ndjson", "\u00e4/*'()!~"}) {
    const std::string body = key + std::string("\0\xff\r\n", 4);
    const auto stored = put({bucket_, key, body});
    ASSERT_TRUE(stored.ok()) << key << ": " << stored.refusal().code << stored.refusal().message;
    EXPECT_FALSE(stored->etag.empty());
    const auto got = get(key);
    ASSERT_TRUE(got.ok()) << key << ": " << got.refusal().code;
    EXPECT_EQ(got->body, body);
    EXPECT_EQ(got->etag, stored->etag);
  }
}

TEST_P(S3Test, WhatIsNotThereOrTooLarge) {
  EXPECT_EQ(get("none").refusal().code, "NoSuchKey");
  ASSERT_TRUE(put({bucket_, "large", std::string(5'000, 'x')}).ok());
  EXPECT_EQ(get("large", 4'999).refusal().code, "AnswerTooLarge");
  EXPECT_TRUE(get("large", 5'000).ok());
  bucket_ = named("none");
  EXPECT_EQ(get("none").refusal().code, "NoSuchBucket");
}

TEST_P(S3Test, AListComesInPages) {
  std::vector<std::string> keys;
  // fauxqs encodes no keys.
  const std::string rest = emulator() == Emulator::kMoto ? " +\u00e4" : " \u00e4";
  for (int i = 0; i < 5; ++i) keys.push_back("t/" + std::to_string(i) + rest);
  for (const std::string& key : keys) ASSERT_TRUE(put({bucket_, key, key}).ok());
  ASSERT_TRUE(put({bucket_, "other", "x"}).ok());
  std::vector<std::string> seen;
  int pages = 0;
  std::optional<std::string> end;
  for_each_page<Page>(client(),
                      {[&](const std::string& next) {
                         return list_objects({bucket_, "t/", {}, 2}, next);
                       },
                       &read_list,
                       [&](const Page& page) {
                         ++pages;
                         for (const Listed& one : page.objects) seen.push_back(one.key);
                         return true;
                       },
                       [&](const std::optional<Refusal>& why) { end = why ? why->code : ""; }});
  run_until([&] { return end.has_value(); });
  EXPECT_EQ(*end, "");
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen, keys);
}

INSTANTIATE_TEST_SUITE_P(Of, S3Test, ::testing::Values(Emulator::kMoto, Emulator::kFauxqs),
                         emulator_name);

class S3LockTest : public S3Test {
 protected:
  Emulator emulator() override { return Emulator::kMoto; }
  void SetUp() override {
    EmulatorTest::SetUp();
    if (session_ != nullptr) create({{"x-amz-bucket-object-lock-enabled", "true"}});
  }
};

TEST_F(S3LockTest, ALockedObjectHasItsVersions) {
  Put what{bucket_, "segment", "one"};
  what.encryption = "AES256";
  what.lock = Lock{Lock::Mode::kCompliance, port::wall_now() + hours(24)};
  what.metadata = {{"first-line", "7"}};
  const auto one = put(what);
  ASSERT_TRUE(one.ok()) << one.refusal().code << one.refusal().message;
  EXPECT_FALSE(one->version.empty());
  what.body = "two";
  const auto two = put(what);
  ASSERT_TRUE(two.ok());
  EXPECT_NE(one->version, two->version);
  Request gone{"s3", "DeleteObject", {{"versionId", one->version}}};
  gone.method = "DELETE";
  gone.path = "/" + bucket_ + "/segment";
  EXPECT_EQ(call(gone).fault.value_or(Fault{}).code, "AccessDenied");
}

TEST_F(S3LockTest, OnlyIfAbsent) {
  Put what{bucket_, "once", "one"};
  what.only_if_absent = true;
  ASSERT_TRUE(put(what).ok());
  EXPECT_EQ(put(what).refusal().code, "PreconditionFailed");
  EXPECT_EQ(get("once")->body, "one");
}

}  // namespace
}  // namespace sluice::aws::s3
