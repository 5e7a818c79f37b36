#include "lib/port/redis_url.h"

#include <gtest/gtest.h>

#include "tests/port/redis_world.h"

namespace sluice::port {
namespace {

TEST(RedisUrl, SaysWhereTheServerIs) {
  const struct {
    const char* text;
    const char* address;
    bool tls;
    const char* user;
    std::uint32_t database;
  } rows[] = {
      {"redis://localhost", "localhost:6379", false, "", 0},
      {"redis://localhost/", "localhost:6379", false, "", 0},
      {"redis://127.0.0.1:7000/0", "127.0.0.1:7000", false, "", 0},
      {"REDISS://me@cache.example.com:6380/5", "cache.example.com:6380", true, "me", 5},
      {"redis://[::1]:6379", "[::1]:6379", false, "", 0},
      {"redis://[fe80::1%eth0]", "[fe80::1%eth0]:6379", false, "", 0},
      {"unix:///run/redis.sock", "/run/redis.sock", false, "", 0},
      {"redis+unix:///run/redis.sock", "/run/redis.sock", false, "", 0},
  };
  for (const auto& row : rows) {
    const auto url = parse_redis_url(row.text);
    ASSERT_TRUE(url) << row.text << ": " << url.error().what;
    EXPECT_EQ(redis_address(*url), row.address) << row.text;
    EXPECT_EQ(url->tls, row.tls) << row.text;
    EXPECT_EQ(url->user, row.user) << row.text;
    EXPECT_EQ(url->database, row.database) << row.text;
  }
}

TEST(RedisUrl, WhatIsWrongIsSaidAndNothingIsRepeated) {
  const std::pair<const char*, const char*> rows[] = {
      {"", "must begin with"},
      {"http://localhost", "must begin with"},
      {"redis:localhost", "must begin with"},
      {"redis://", "has no host"},
      {"redis://:6379", "has no host"},
      {"redis://ho st", "has no host"},
      {"redis://me:hunter2@localhost", "has a password"},
      {"redis://:hunter2@localhost", "has a password"},
      {"redis://me:hunter2/?#@localhost", "has a password"},
      {"redis://@localhost", "the user before '@'"},
      {"redis://hunter2%20@localhost", "the user before '@'"},
      {"redis://localhost:0", "the port"},
      {"redis://localhost:", "the port"},
      {"redis://localhost:65536", "the port"},
      {"redis://localhost:6379x", "the port"},
      {"redis://::1:6379", "needs brackets"},
      {"redis://[::1", "'[' without ']'"},
      {"redis://[::1]6379", "between ']' and ':'"},
      {"redis://[localhost]", "no IPv6 address"},
      {"redis://localhost/hunter2", "only a database's number"},
      {"redis://localhost/0/1", "only a database's number"},
      {"redis://localhost/-1", "only a database's number"},
      {"redis://localhost/0?timeout=5", "has a query"},
      {"unix://run/redis.sock", "needs a whole path"},
      {"unix:///run/redis.sock?db=1", "has a query"},
  };
  for (const auto& [text, why] : rows) {
    const auto url = parse_redis_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Trouble::kSettings);
    EXPECT_NE(url.error().what.find(why), std::string::npos) << text << ": " << url.error().what;
    EXPECT_EQ(url.error().what.find("hunter2"), std::string::npos) << url.error().what;
  }
  EXPECT_NE(parse_redis_url("unix:///" + std::string(200, 'x')).error().what.find("too long"),
            std::string::npos);
}

TEST(RedisUrl, WhatDoesNotGoTogetherIsRefusedBeforeAnythingIsTried) {
  RedisWorld world;
  const auto refused = [&](std::vector<std::string> urls, bool cluster) {
    RedisConfig config;
    config.urls = std::move(urls);
    config.cluster = cluster;
    return world.open(config);
  };
  EXPECT_EQ(refused({}, false), "Redis: a URL is needed");
  EXPECT_EQ(refused({"redis://a", "redis://b"}, false),
            "Redis: several URLs are for a cluster only");
  EXPECT_EQ(refused({"redis://a", "redis://b/1"}, true), "Redis: a cluster has no database but 0");
  EXPECT_EQ(refused({"unix:///a"}, true), "Redis: a cluster has no unix socket");
  EXPECT_EQ(refused({"redis://a", "rediss://b"}, true),
            "Redis: all of a cluster's URLs have TLS, or none");
  EXPECT_EQ(refused({"redis://me@a", "redis://b"}, true), "Redis: a cluster's URLs name one user");
  RedisConfig config = RedisWorld::config_for("redis://a");
  config.password = "hunter2";
  EXPECT_EQ(world.open(config), "Redis: the password must be a secret's reference: secret://...");
  config = RedisWorld::config_for("rediss://a");
  config.tls.ca_file = "/no/such/file";
  EXPECT_TRUE(world.open(config).starts_with("TLS: CA file /no/such/file: ")) << world.open(config);
}

}  // namespace
}  // namespace sluice::port
