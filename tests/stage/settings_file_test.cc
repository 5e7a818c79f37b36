#include "lib/stage/settings_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lib/stage/boot.h"
#include "lib/stage/upstreams.h"

namespace sluice::stage {
namespace {

class SettingsFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "sluice-settings-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  Result<std::vector<Upstream>> upstreams(const std::string& text, std::int64_t scale = 1'000'000) {
    path_ = dir_ + "/s.toml";
    std::ofstream(path_) << text;
    auto tree = read_settings_file(path_);
    if (!tree) return tree.error();
    Settings settings;
    settings.tree = std::move(*tree);
    settings.time_scale_millionths = scale;
    return read_upstreams(settings);
  }
  std::string wrong(const std::string& text) {
    auto read = upstreams(text);
    if (read) return "";
    EXPECT_EQ(read.error().code, Trouble::kSettings);
    return read.error().what.substr(read.error().what.find("s.toml"));
  }
  std::string dir_, path_;
};

TEST_F(SettingsFile, WhatCannotBeReadIsNotAnEmptyFile) {
  for (const std::string& path : {dir_, dir_ + "/missing.toml"}) {
    const auto read = read_settings_file(path);
    ASSERT_FALSE(read) << path;
    EXPECT_EQ(read.error().code, Trouble::kSettings);
    EXPECT_EQ(read.error().what.substr(0, path.size()), path);
  }
}

TEST_F(SettingsFile, WithoutAnythingThereIsTheDemo) {
  auto read = upstreams("", 100'000);
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->size(), 1u);
  const Upstream& one = read->front();
  EXPECT_EQ(one.name, "onlyfans");
  EXPECT_EQ(one.url, "http://127.0.0.1:8090");
  EXPECT_EQ(one.backoff_base, milliseconds(500));
  EXPECT_EQ(one.timeout, seconds(10)) << "of a real request: not scaled";
  ASSERT_EQ(one.limits.size(), 1u);
  EXPECT_EQ(one.limits[0].n, 10u);
  EXPECT_EQ(one.limits[0].window, seconds(6));
  EXPECT_EQ(one.limits[0].burst, 3u);
  EXPECT_EQ(one.limits[0].guard, milliseconds(100));
}

TEST_F(SettingsFile, UpstreamsAndLimits) {
  auto read = upstreams(R"(
[[upstream]]
name = "a"
url = "https://api.example.com/v2"
headers = ["X-App: one", "Accept:*/*"]
credential = "secret://env/TOKEN"
on_unknown = "dead"
methods = ["POST", "PUT"]

[[upstream]]
name = "b"
url = "http://127.0.0.1:1"

[[limit]]
upstream = "a"
n = 100
window = "1h"
burst = 7
scope = "upstream"

[[limit]]
upstream = "a"
n = 2
)");
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->size(), 2u);
  const Upstream& a = read->at(0);
  EXPECT_EQ(a.headers.at(0), (std::pair<std::string, std::string>("X-App", "one")));
  EXPECT_EQ(a.headers.at(1).second, "*/*");
  EXPECT_EQ(a.on_unknown, OnUnknown::kDead);
  ASSERT_EQ(a.limits.size(), 2u);
  EXPECT_EQ(a.limits[0].scope, LimitScope::kUpstream);
  EXPECT_EQ(a.limits[0].name, "100 per 1h");
  EXPECT_EQ(a.limits[1].burst, 2u) << "never above n";
  EXPECT_EQ(read->at(1).limits.size(), 1u);
}

TEST_F(SettingsFile, MistakesHaveTheirLine) {
  EXPECT_EQ(wrong("a = \n").substr(0, 9), "s.toml:1:");
  EXPECT_EQ(wrong("[[upstream]]\nname = \"a\"\n"),
            "s.toml:1: [[upstream]] must have url, text, at least 8 long, at most 2048 long; "
            "required");
  EXPECT_EQ(wrong("[[upstream]]\nname = \"a\"\nurl = \"ftp://x/\"\n").substr(0, 14),
            "s.toml:3: url:");
  EXPECT_EQ(wrong("[[limit]]\nupstream = \"x\"\n"),
            "s.toml:2: upstream: there is no [[upstream]] named \"x\"");
  EXPECT_EQ(wrong("[[limit]]\nupstream = \"onlyfans\"\nburts = 3\n"),
            "s.toml:3: [[limit]] has no setting \"burts\"; did you mean \"burst\"?");
  EXPECT_NE(wrong("[[limit]]\nupstream = \"onlyfans\"\nn = 2\nburst = 3\n"), "");
  EXPECT_NE(wrong("[[upstream]]\nname=\"a\"\nurl=\"http://x.y\"\ncredential=\"hunter2\"\n"), "");
}

TEST(Loopback, Urls) {
  EXPECT_TRUE(is_loopback_url("http://127.0.0.1:8090"));
  EXPECT_TRUE(is_loopback_url("http://localhost/x"));
  EXPECT_TRUE(is_loopback_url("https://[::1]:3/"));
  EXPECT_FALSE(is_loopback_url("http://127.0.0.1.evil.com/"));
  EXPECT_FALSE(is_loopback_url("http://127.0.0.1@evil.com/"));
  EXPECT_FALSE(is_loopback_url("http://localhost.evil.com"));
  EXPECT_FALSE(is_loopback_url("https://onlyfans.com"));
}

std::string upstream_with(const std::string& line) {
  return "[[upstream]]\nname = \"u\"\nurl = \"http://127.0.0.1:1\"\n" + line + "\n";
}

TEST_F(SettingsFile, WhatAnswersMean) {
  auto read = upstreams(upstream_with(
      R"(statuses = ["404: delivered", "5xx :refused", "*: failed"]
abnormal = ["403: Too much: really"]
answer_kept = 100
http = "2"
sign = ["secret://env/NEW", "secret://file/run/old"])"));
  ASSERT_TRUE(read) << read.error().what;
  const Upstream& one = read->front();
  ASSERT_EQ(one.statuses.size(), 3u);
  EXPECT_EQ(one.statuses[0].statuses.first, 404u);
  EXPECT_EQ(one.statuses[1].statuses.last, 599u);
  EXPECT_EQ(one.statuses[1].means, StatusMeans::kRefused);
  EXPECT_EQ(one.statuses[2].statuses.last, 999u);
  ASSERT_EQ(one.abnormal.size(), 1u);
  EXPECT_EQ(one.abnormal[0].text, "Too much: really");
  EXPECT_EQ(one.answer_kept, 100u);
  EXPECT_EQ(one.http, HttpVersion::k2);
  EXPECT_EQ(one.sign.size(), 2u);
  EXPECT_EQ(upstreams(upstream_with(""))->front().abnormal.size(), 3u) << "by default";
}

TEST_F(SettingsFile, WhatAnswersMeanIsRefusedByItsRule) {
  for (const std::string rule :
       {"404", "404: gone", "99: failed", "1xx: failed", "4x: failed", "4xxx: failed", ": failed",
        "200:", "+20: failed", "4.4: failed"}) {
    EXPECT_THAT(wrong(upstream_with("statuses = [\"" + rule + "\"]")),
                testing::AllOf(testing::HasSubstr("s.toml:4"), testing::HasSubstr(rule)))
        << rule;
  }
  EXPECT_THAT(wrong(upstream_with("abnormal = [\"403: x\"]")), testing::HasSubstr("three char"));
  EXPECT_THAT(wrong(upstream_with("sign = [\"abc\"]")), testing::HasSubstr("secret://"));
  EXPECT_THAT(wrong(upstream_with("credential_default = \"secret://env/X\"")),
              testing::HasSubstr("{key}"));
  EXPECT_THAT(wrong(upstream_with("credential = \"secret://aws/of/{key}#token\"")),
              testing::HasSubstr("s.toml:4: credential: of Secrets Manager {key} stands"));
  for (const char* field : {"{key}#x", "x#{key}", "{key}#{key}"}) {
    EXPECT_THAT(
        wrong(upstream_with("credential = \"secret://aws/tokens#" + std::string(field) + "\"")),
        testing::HasSubstr("{key} stands for a field"))
        << field << ": what is before the last # is the secret's name";
  }
  for (const char* field : {"{key}", "of-{key}", "{key}-{key}"}) {
    const std::string credential =
        "credential = \"secret://aws/tokens#" + std::string(field) + "\"";
    EXPECT_EQ(upstreams(upstream_with(credential))->size(), 1u) << field;
  }
}

}  // namespace
}  // namespace sluice::stage
