#include "lib/port/redis_slots.h"

#include <gtest/gtest.h>

namespace sluice::port {
namespace {

using Kind = RedisValue::Kind;

RedisValue text(std::string what) { return {Kind::kString, 0, std::move(what), {}}; }
RedisValue number(std::int64_t what) { return {Kind::kInteger, what, {}, {}}; }
RedisValue list(std::vector<RedisValue> items) { return {Kind::kArray, 0, {}, std::move(items)}; }

TEST(RedisSlots, ASlotIsTheSpecificationsCrcOfTheKeyOrOfItsTag) {
  EXPECT_EQ(redis_slot("123456789"), 0x31c3 % 16'384);
  EXPECT_EQ(redis_slot(""), 0);
  EXPECT_EQ(redis_slot("{user1000}.following"), redis_slot("user1000"));
  EXPECT_EQ(redis_slot("foo{{bar}}zap"), redis_slot("{bar"));
  EXPECT_EQ(redis_slot("foo{bar}{zap}"), redis_slot("bar"));
  EXPECT_NE(redis_slot("foo{}{bar}"), redis_slot("bar"));
  EXPECT_NE(redis_slot("foo{bar"), redis_slot("bar"));
}

TEST(RedisSlots, AnAnswerToClusterSlotsIsRead) {
  const RedisValue unknown =
      list({text("?"), number(7002), text("id"), list({text("ip"), text("10.0.0.3")})});
  const RedisValue nowhere = list({text("?"), number(7003), text("id"), list({})});
  const RedisValue answer = list({
      list({number(0), number(100), list({text("10.0.0.1"), number(7000), text("id")}),
            list({text("10.0.0.9"), number(7009), text("a replica")})}),
      list({number(101), number(101), list({text(""), number(7001), text("id")})}),
      list({number(102), number(102), list({RedisValue{}, number(7001), text("id")})}),
      list({number(200), number(16'383), unknown}),
      list({number(103), number(199), nowhere}),
  });
  const auto ranges = read_cluster_slots(answer, "the.one.asked");
  ASSERT_TRUE(ranges);
  ASSERT_EQ(ranges->size(), 4u);
  EXPECT_EQ(ranges->at(0).first, 0);
  EXPECT_EQ(ranges->at(0).last, 100);
  EXPECT_EQ(ranges->at(0).master.host, "10.0.0.1");
  EXPECT_EQ(ranges->at(0).master.port, 7000);
  EXPECT_EQ(ranges->at(1).master.host, "the.one.asked");
  EXPECT_EQ(ranges->at(2).master.host, "the.one.asked");
  EXPECT_EQ(ranges->at(3).master.host, "10.0.0.3");
  EXPECT_EQ(ranges->at(3).last, 16'383);
}

TEST(RedisSlots, WhatIsNoSuchAnswerIsRefused) {
  const RedisValue node = list({text("a"), number(1), text("id")});
  const RedisValue rows[] = {
      text("OK"),
      list({text("x")}),
      list({list({number(0), number(1)})}),
      list({list({number(-1), number(1), node})}),
      list({list({number(5), number(4), node})}),
      list({list({number(0), number(16'384), node})}),
      list({list({number(0), text("1"), node})}),
      list({list({number(0), number(1), text("a")})}),
      list({list({number(0), number(1), list({text("a"), number(0)})})}),
      list({list({number(0), number(1), list({text("a"), number(65'536)})})}),
      list({list({number(0), number(1), list({number(1), number(1)})})}),
  };
  for (const RedisValue& row : rows) EXPECT_FALSE(read_cluster_slots(row, "h"));
}

TEST(RedisSlots, MovedSaysWhereTo) {
  const auto moved = read_moved("MOVED 3999 127.0.0.1:6381", "h");
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->to.host, "127.0.0.1");
  EXPECT_EQ(moved->to.port, 6381);
  EXPECT_EQ(read_moved("MOVED 0 :6381", "h")->to.host, "h");
  EXPECT_EQ(read_moved("MOVED 16383 fe80::1:6381", "h")->to.host, "fe80::1");
  for (const char* none : {"MOVED", "MOVED ", "MOVED x a:1", "MOVED 16384 a:1", "MOVED 1 a:0",
                           "MOVED 1 a:65536", "MOVED 1 a", "MOVED 1 ?:1", "ASK 1 a:1", "MOVED:1"}) {
    EXPECT_FALSE(read_moved(none, "h")) << none;
  }
}

}  // namespace
}  // namespace sluice::port
