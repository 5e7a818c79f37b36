#include "lib/base/settings.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr SettingRow kRows[] = {
    {.name = "listen", .preset = "127.0.0.1:80", .help = "Where.", .min = 1, .max = 64},
    {.name = "rows", .type = SettingType::kWhole, .preset = "1_000", .min = 1, .max = 1 << 20},
    {.name = "wait",
     .type = SettingType::kDuration,
     .preset = "10s",
     .min = us(milliseconds(1)),
     .max = us(hours(1)),
     .scaled = true},
    {.name = "scale", .type = SettingType::kRatio, .preset = "1.0", .min = 1, .max = 1'000'000'000},
    {.name = "format", .type = SettingType::kOneOf, .preset = "human", .words = "human|json"},
    {.name = "on", .type = SettingType::kFlag, .preset = "false"},
    {.name = "addresses", .type = SettingType::kList, .preset = "a,b", .max = 3},
    {.name = "token", .secret = true},
};

SettingNode node(auto value, int line) { return {value, {"s.toml", line}}; }
SettingNode table(SettingNode::Table members) {
  return node(SettingNode::Table(std::move(members)), 1);
}
Result<SettingTable> check(const SettingNode& tree, std::int64_t scale = 1'000'000) {
  return SettingTable::check(kRows, &tree, "[x]", scale);
}
std::string refusal(const std::string& name, const SettingNode& value) {
  auto checked = check(table({{name, value}}));
  return checked ? "" : checked.error().what;
}

TEST(Settings, DefaultsAndPrinting) {
  auto checked = SettingTable::check(kRows, nullptr, "[x]", 1'000'000);
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->text("listen"), "127.0.0.1:80");
  EXPECT_EQ(checked->whole("rows"), 1000);
  EXPECT_EQ(checked->duration("wait"), seconds(10));
  EXPECT_EQ(checked->millionths("scale"), 1'000'000);
  EXPECT_EQ(checked->list("addresses"), (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(checked->flag("on"));
  EXPECT_FALSE(checked->given("on"));
  EXPECT_EQ(checked->print(),
            "listen = \"127.0.0.1:80\"\nrows = 1000\nwait = \"10s\"\nscale = 1.0\n"
            "format = \"human\"\non = false\naddresses = [\"a\", \"b\"]\ntoken = \"(secret)\"\n");
}

TEST(Settings, ScaledRowsAreScaledAndBoundsAreOfWhatIsWritten) {
  auto checked = check(table({{"wait", node(std::string("1h"), 3)}}), 100'000);
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->duration("wait"), minutes(6));
  EXPECT_TRUE(checked->given("wait"));
  EXPECT_EQ(checked->place_of("wait").text(), "s.toml:3");
}

TEST(Settings, RefusalsNamePlaceAndWhatIsAllowed) {
  EXPECT_EQ(refusal("wiat", node(std::string("1s"), 7)),
            "s.toml:7: [x] has no setting \"wiat\"; did you mean \"wait\"?");
  EXPECT_NE(refusal("zzzzzzzz", node(true, 7)).find("it has listen rows wait"), std::string::npos);
  EXPECT_EQ(refusal("wait", node(std::string("2h"), 4)),
            "s.toml:4: wait: 2h is too much; allowed is a duration such as \"250ms\", \"10s\", "
            "\"5min\", \"2h\", at least 1ms, at most 1h");
  EXPECT_EQ(refusal("rows", node(std::int64_t{0}, 5)),
            "s.toml:5: rows: 0 is too little; allowed is a whole number, at least 1, at most "
            "1048576");
  EXPECT_EQ(refusal("format", node(std::string("xml"), 6)),
            "s.toml:6: format: \"xml\" is not allowed; allowed is one of human, json");
  EXPECT_NE(refusal("wait", node(std::int64_t{10}, 4)), "") << "a span needs its unit";
  EXPECT_NE(refusal("on", node(std::string("yes"), 4)), "");
  EXPECT_NE(refusal("listen", node(std::string(), 4)), "");
  EXPECT_EQ(refusal("token", node(std::int64_t{5}, 4)).find('5'), std::string::npos);
  EXPECT_NE(refusal("addresses", node(std::string("a,b,c,d"), 4)), "");
}

TEST(Settings, EveryTypeIsReadFromTextToo) {
  auto checked = check(table({{"rows", node(std::string("64KiB"), 1)},
                              {"scale", node(std::string("0.25"), 1)},
                              {"on", node(std::string("true"), 1)},
                              {"addresses", node(std::string("x"), 1)}}));
  ASSERT_TRUE(checked) << checked.error().what;
  EXPECT_EQ(checked->whole("rows"), 65536);
  EXPECT_EQ(checked->millionths("scale"), 250'000);
  EXPECT_TRUE(checked->flag("on"));
  EXPECT_EQ(checked->list("addresses"), std::vector<std::string>{"x"});
  EXPECT_TRUE(checked->set("rows", node(std::string("7"), 0)));
  EXPECT_EQ(checked->whole("rows"), 7);
  EXPECT_FALSE(checked->set("rows", node(std::string("x"), 0)));
}

TEST(Settings, AWholeNumberMayHaveAWordForZero) {
  const SettingRow row{.name = "most",
                       .type = SettingType::kWhole,
                       .preset = "auto",
                       .min = 1,
                       .max = 9,
                       .words = "auto"};
  EXPECT_EQ(check_setting(row, node(std::string("auto"), 1)).value(),
            SettingValue(std::int64_t{0}));
  EXPECT_EQ(check_setting(row, node(std::int64_t{3}, 1)).value(), SettingValue(std::int64_t{3}));
  EXPECT_EQ(check_setting(row, node(std::string("3"), 1)).value(), SettingValue(std::int64_t{3}));
  EXPECT_EQ(print_setting(row, SettingValue(std::int64_t{0})), "\"auto\"");
  for (const SettingNode& bad : {node(std::int64_t{0}, 4), node(std::string("0"), 4),
                                 node(std::int64_t{10}, 4), node(std::string("car"), 4)}) {
    const auto refused = check_setting(row, bad);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("s.toml:4: most: "), std::string::npos)
        << refused.error().what;
    EXPECT_NE(
        refused.error().what.find("allowed is \"auto\" or a whole number, at least 1, at most 9"),
        std::string::npos)
        << refused.error().what;
  }
}

TEST(Settings, Durations) {
  for (const auto& [text, span] :
       std::vector<std::pair<std::string, Duration>>{{"250ms", milliseconds(250)},
                                                     {"10s", seconds(10)},
                                                     {"5min", minutes(5)},
                                                     {"5m", minutes(5)},
                                                     {"2h", hours(2)},
                                                     {"14d", hours(14 * 24)},
                                                     {"1.5h", minutes(90)},
                                                     {"0s", seconds(0)},
                                                     {"7us", microseconds(7)}}) {
    auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, span) << text;
    EXPECT_EQ(*parse_duration(print_duration(span)), span);
  }
  for (const char* text : {"", "s", "10", "10 s", "-1s", "1x", "99999999999999d", "1.2.3s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_EQ(print_duration(seconds(90)), "90s");
}

TEST(Settings, TablesOfTheFile) {
  Settings settings;
  settings.tree = table(
      {{"sink",
        node(SettingNode::Array{table({{"rows", node(std::int64_t{3}, 9)}}), table({})}, 8)}});
  auto tables = settings.tables("sink", kRows);
  ASSERT_TRUE(tables);
  ASSERT_EQ(tables->size(), 2u);
  EXPECT_EQ(tables->front().whole("rows"), 3);
  EXPECT_TRUE(settings.tables("none", kRows)->empty());
}

}  // namespace
}  // namespace sluice
