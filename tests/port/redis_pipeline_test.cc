#include "lib/port/redis_pipeline.h"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <array>
#include <set>
#include <utility>

#include "lib/base/prng.h"
#include "lib/port/redis_reader.h"

namespace sluice::port {
namespace {

using Kind = RedisValue::Kind;
using End = RedisAnswer::End;
using Next = RedisReader::Next;
using Verdict = RedisPipeline::Verdict;

constexpr std::size_t kMiB = 1024 * 1024;

std::string show(const RedisValue& value) {
  switch (value.kind) {
    case Kind::kNil:
      return "nil";
    case Kind::kInteger:
      return std::to_string(value.integer);
    case Kind::kString:
      return "'" + value.text + "'";
    case Kind::kStatus:
      return "+" + value.text;
    case Kind::kError:
      return "-" + value.text;
    case Kind::kArray:
      break;
  }
  std::string text = "[";
  for (const RedisValue& item : value.items) text += show(item) + ",";
  return text + "]";
}

// What the bytes are, answer by answer; "broken: why" at the end if they are none.
std::vector<std::string> read_all(std::string_view bytes, Prng& prng,
                                  std::size_t answer_max = 64 * kMiB) {
  RedisReader reader(answer_max);
  std::vector<std::string> seen;
  while (!bytes.empty()) {
    const std::size_t piece = 1 + prng.below(std::min<std::size_t>(bytes.size(), 40));
    reader.feed(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
    Next next = reader.next();
    for (; next == Next::kValue; next = reader.next()) seen.push_back(show(reader.value()));
    if (next != Next::kBroken) continue;
    seen.push_back("broken: " + reader.why());
    EXPECT_EQ(reader.next(), Next::kBroken) << "for ever";
    break;
  }
  return seen;
}

// A random answer, as bytes and as show() has it.
std::pair<std::string, std::string> random_answer(Prng& prng, int depth) {
  std::string text(prng.below(60), '\0');
  for (char& c : text) c = static_cast<char>(prng.below(256));
  const auto number = static_cast<std::int64_t>(prng.next());
  const std::string digits = std::to_string(number);
  switch (prng.below(depth > 0 ? 7 : 5)) {
    case 0:
      return {"$-1\r\n", "nil"};
    case 1:
      return {":" + digits + "\r\n", digits};
    case 2:
      return {"+OK " + digits + "\r\n", "+OK " + digits};
    case 3:
      return {"-ERR " + digits + "\r\n", "-ERR " + digits};
    case 4:
      return {"$" + std::to_string(text.size()) + "\r\n" + text + "\r\n", "'" + text + "'"};
    default:
      break;
  }
  const std::size_t count = prng.below(5);
  std::pair<std::string, std::string> whole{"*" + std::to_string(count) + "\r\n", "["};
  for (std::size_t i = 0; i < count; ++i) {
    const auto item = random_answer(prng, depth - 1);
    whole.first += item.first;
    whole.second += item.second + ",";
  }
  whole.second += "]";
  return whole;
}

TEST(RedisReader, HoweverTheBytesAreSplitTheAnswersAreTheSame) {
  Prng prng(1);
  for (int round = 0; round < 500; ++round) {
    std::string bytes;
    std::vector<std::string> want;
    for (int i = 0; i < 20; ++i) {
      auto answer = random_answer(prng, 4);
      bytes += answer.first;
      want.push_back(std::move(answer.second));
    }
    ASSERT_EQ(read_all(bytes, prng), want) << "round " << round;
  }
}

TEST(RedisReader, WhateverTheBytesAreItEnds) {
  Prng prng(2);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes;
    for (int i = 0; i < 5; ++i) bytes += random_answer(prng, 3).first;
    for (int i = 0; i < 3; ++i) {
      bytes[prng.below(bytes.size())] = "*$:+-0123456789\r\n"[prng.below(17)];
    }
    (void)read_all(bytes, prng);
  }
}

TEST(RedisReader, WhatIsNoAnswerIsSaid) {
  Prng prng(3);
  const std::pair<std::string, const char*> rows[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error"},
      {"$-2\r\n", "out of range"},
      {"$9223372036854775808\r\n", "Bad"},
      {"*2147483648\r\n", "out of range"},
      {"*-2\r\n", "out of range"},
      {":12x\r\n", "Bad integer"},
      {std::string(2, '+') + std::string(200'000, 'x'), "too long"},
      {"$99999999999999\r\n" + std::string(2 * kMiB, 'x'), "too long"},
      {"*1000000000\r\n" +
           [] {
             std::string nils;
             for (int i = 0; i < 100'000; ++i) nils += "$-1\r\n";
             return nils;
           }(),
       "too long"},
  };
  for (const auto& [bytes, why] : rows) {
    const auto seen = read_all(bytes, prng, kMiB);
    ASSERT_EQ(seen.size(), 1u) << bytes.substr(0, 40);
    EXPECT_TRUE(seen.front().starts_with("broken: ")) << seen.front();
    EXPECT_NE(seen.front().find(why), std::string::npos) << seen.front();
  }
}

// ---- the pipeline ------------------------------------------------------------------------------

struct Pipe {
  std::vector<std::string> seen;
  std::function<Verdict(const RedisPipeline::Refused&)> judge = [](const auto&) {
    return Verdict::kGive;
  };
  RedisPipeline pipeline{{1'000, kMiB, kMiB},
                         [this](const RedisPipeline::Refused& refused) { return judge(refused); }};
  std::string written;

  void say(const std::vector<std::string>& words) {
    const std::vector<std::string_view> args(words.begin(), words.end());
    pipeline.add(args, Instant{1'000}, [this, name = words.back()](const RedisAnswer& answer) {
      const char* ends[] = {"", "not executed ", "unknown "};
      const bool given = answer.end == End::kAnswered;
      seen.push_back(name + ": " + ends[static_cast<int>(answer.end)] +
                     (given ? show(answer.value) : answer.why));
    });
  }
  void write() {
    written += pipeline.unwritten();
    pipeline.wrote(pipeline.unwritten().size());
  }
  bool feed(std::string_view bytes) {
    return static_cast<bool>(pipeline.feed(bytes, Instant{2'000}));
  }
};

TEST(RedisPipeline, CommandsAreWhatHiredisMakesOfThem) {
  Prng prng(4);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> words(1 + prng.below(12));
    for (std::string& word : words) {
      word.resize(prng.below(300));
      for (char& c : word) c = static_cast<char>(prng.below(256));
    }
    std::vector<std::string_view> args(words.begin(), words.end());
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    char* theirs = nullptr;
    const auto size =
        redisFormatCommandArgv(&theirs, static_cast<int>(words.size()), texts.data(), sizes.data());
    ASSERT_GT(size, 0);
    std::string ours;
    append_redis_command(ours, args);
    EXPECT_EQ(ours, std::string(theirs, static_cast<std::size_t>(size)));
    redisFreeCommand(theirs);
  }
}

TEST(RedisPipeline, AnswersAreGivenInOrderToThoseWhoAsked) {
  Pipe pipe;
  for (const char* name : {"a", "b", "c"}) pipe.say({"GET", name});
  pipe.write();
  EXPECT_TRUE(pipe.feed("$1\r\nx\r\n+O"));
  EXPECT_TRUE(pipe.feed("K\r\n-ERR no\r\n"));
  EXPECT_EQ(pipe.seen, (std::vector<std::string>{"a: 'x'", "b: +OK", "c: -ERR no"}));
  EXPECT_EQ(pipe.pipeline.size(), 0u);
  EXPECT_EQ(pipe.pipeline.deadline(), Instant::never());
}

TEST(RedisPipeline, WhatWasNotWhollyWrittenWasNotExecuted) {
  Pipe pipe;
  pipe.say({"GET", "a"});
  pipe.say({"GET", "b"});
  pipe.say({"GET", "c"});
  const std::size_t one = pipe.pipeline.unwritten().size() / 3;
  pipe.pipeline.wrote(2 * one - 1);
  pipe.pipeline.fail("gone");
  EXPECT_EQ(pipe.seen, (std::vector<std::string>{"a: unknown gone", "b: not executed gone",
                                                 "c: not executed gone"}));
}

TEST(RedisPipeline, AnAnswerToNothingBreaksIt) {
  Pipe nothing;
  EXPECT_FALSE(nothing.feed("+OK\r\n"));
  Pipe unwritten;
  unwritten.say({"GET", "a"});
  EXPECT_FALSE(unwritten.feed("+OK\r\n"));
  EXPECT_TRUE(unwritten.seen.empty());
  Pipe more;
  more.say({"GET", "a"});
  more.write();
  EXPECT_FALSE(more.feed("+OK\r\n+OK\r\n"));
  EXPECT_EQ(more.seen, std::vector<std::string>{"a: +OK"});
}

TEST(RedisPipeline, ACallThatWasRefusedIsSentAgainByteForByteAfterThePreamble) {
  Pipe pipe;
  std::vector<std::uint32_t> preambles;
  pipe.judge = [&](const RedisPipeline::Refused& refused) {
    preambles.push_back(refused.preambles);
    if (refused.sendings > 2) return Verdict::kNotExecuted;
    if (refused.preambles == pipe.pipeline.preambles()) {
      const std::array<std::string_view, 1> load{"LOAD"};
      pipe.pipeline.add_own(load, Instant{3'000}, [&](const RedisAnswer& answer) {
        pipe.seen.push_back("load: " + show(answer.value));
      });
      pipe.pipeline.count_preamble();
    }
    return Verdict::kAgain;
  };
  pipe.say({"EVALSHA", "a"});
  pipe.say({"EVALSHA", "b"});
  pipe.write();
  const std::string first = std::exchange(pipe.written, {});
  EXPECT_TRUE(pipe.feed("-NOSCRIPT\r\n-NOSCRIPT\r\n"));
  EXPECT_EQ(pipe.pipeline.size(), 3u);
  pipe.write();
  EXPECT_EQ(pipe.written, "*1\r\n$4\r\nLOAD\r\n" + first);
  EXPECT_TRUE(pipe.feed("+OK\r\n:1\r\n-NOSCRIPT\r\n"));
  pipe.write();
  EXPECT_TRUE(pipe.feed("+OK\r\n-NOSCRIPT at all\r\n"));
  EXPECT_EQ(pipe.seen, (std::vector<std::string>{"load: +OK", "a: 1", "load: +OK",
                                                 "b: not executed NOSCRIPT at all"}));
  EXPECT_EQ(preambles, (std::vector<std::uint32_t>{0, 0, 1, 2}));
}

// A server that says the last word of each command that it has read whole, or refuses it.
struct Echo {
  std::string read;
  std::string wrote;

  // The place behind "$5\r\nhello\r\n" at `at`, or npos; what it holds.
  std::size_t behind_word(std::size_t at, std::string& word) const {
    const std::size_t line = read.find("\r\n", at);
    if (at >= read.size() || line == std::string::npos) return std::string::npos;
    const std::size_t size = std::stoul(read.substr(at + 1));
    if (read.size() < line + 2 + size + 2) return std::string::npos;
    word = read.substr(line + 2, size);
    return line + 2 + size + 2;
  }
  void answer(Prng& prng) {
    for (;;) {
      std::string word;
      const std::size_t first = behind_word(read.find("\r\n") + 2, word);
      const std::size_t end = first == std::string::npos ? first : behind_word(first, word);
      if (end == std::string::npos) return;
      wrote += prng.chance(300'000) ? "-ERR " + word + "\r\n" : "+" + word + "\r\n";
      read.erase(0, end);
    }
  }
};

// Answers, splits, partial writes and second sendings at random: each call ends once, and each that
// is answered has its own answer.
TEST(RedisPipeline, NoCallIsTakenForAnother) {
  constexpr std::size_t kCalls = 300;
  Prng prng(5);
  for (int round = 0; round < 200; ++round) {
    Pipe pipe;
    Echo server;
    pipe.judge = [&](const auto&) {
      return prng.chance(700'000) ? Verdict::kAgain : Verdict::kGive;
    };
    std::size_t said = 0;
    while (said < kCalls || pipe.pipeline.size() > 0) {
      if (said < kCalls && prng.chance(400'000)) {
        pipe.say({std::string(prng.below(5'000), 'x'), std::to_string(said++)});
      }
      const std::string_view out = pipe.pipeline.unwritten();
      const std::size_t wrote = prng.below(out.size() + 1);
      server.read += out.substr(0, wrote);
      pipe.pipeline.wrote(wrote);
      server.answer(prng);
      const std::size_t given = prng.below(server.wrote.size() + 1);
      ASSERT_TRUE(given == 0 || pipe.feed(server.wrote.substr(0, given)));
      server.wrote.erase(0, given);
    }
    ASSERT_EQ(pipe.seen.size(), kCalls);
    std::set<std::string> names;
    for (const std::string& line : pipe.seen) {
      const std::string name = line.substr(0, line.find(':'));
      EXPECT_TRUE(line == name + ": +" + name || line == name + ": -ERR " + name) << line;
      names.insert(name);
    }
    EXPECT_EQ(names.size(), kCalls);
  }
}

}  // namespace
}  // namespace sluice::port
