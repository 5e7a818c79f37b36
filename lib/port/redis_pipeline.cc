#include "lib/port/redis_pipeline.h"

#include <array>
#include <charconv>
#include <utility>

namespace sluice::port {

namespace {

constexpr std::size_t kDropAtLeast = 64 * 1024;

void append_head(std::string& to, char type, std::size_t number) {
  std::array<char, 24> text{};
  text[0] = type;
  char* end = std::to_chars(text.data() + 1, text.data() + text.size(), number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  to.append(text.data(), static_cast<std::size_t>(end - text.data()));
}

}  // namespace

void append_redis_command(std::string& to, std::span<const std::string_view> args) {
  append_head(to, '*', args.size());
  for (const std::string_view arg : args) {
    append_head(to, '$', arg.size());
    to.append(arg);
    to.append("\r\n", 2);
  }
}

RedisPipeline::RedisPipeline(Limits limits, Judge judge)
    : limits_(limits), judge_(std::move(judge)), reader_(limits.answer_bytes_max) {}

bool RedisPipeline::full() const {
  return calls_.size() >= limits_.calls_max || bytes_.size() - answered_ >= limits_.bytes_max;
}

void RedisPipeline::add(std::span<const std::string_view> args, Instant deadline,
                        RedisAnswered answered) {
  put(args, deadline, std::move(answered), false);
}

void RedisPipeline::add_own(std::span<const std::string_view> args, Instant deadline,
                            RedisAnswered answered) {
  put(args, deadline, std::move(answered), true);
}

void RedisPipeline::put(std::span<const std::string_view> args, Instant deadline,
                        RedisAnswered answered, bool own) {
  const std::size_t before = bytes_.size();
  append_redis_command(bytes_, args);
  calls_.push_back({std::move(answered), deadline, bytes_.size() - before, preambles_, 1, own});
}

std::string_view RedisPipeline::unwritten() const {
  return std::string_view(bytes_).substr(written_);
}

Status RedisPipeline::feed(std::string_view bytes, Instant again_by) {
  reader_.feed(bytes);
  for (;;) {
    const RedisReader::Next next = reader_.next();
    if (next == RedisReader::Next::kBroken) return Error{Trouble::kInvalid, reader_.why()};
    if (next == RedisReader::Next::kMore) return Done{};
    // An answer to what has not been written is an answer to nothing.
    if (calls_.empty() || answered_ + calls_.front().bytes > written_) {
      return Error{Trouble::kInvalid, "an answer that nobody asked for"};
    }
    answer(again_by);
  }
}

void RedisPipeline::answer(Instant again_by) {
  Call call = std::move(calls_.front());
  calls_.pop_front();
  std::swap(answer_.value, reader_.value());
  answer_.end = RedisAnswer::End::kAnswered;
  answer_.why.clear();
  Verdict verdict = Verdict::kGive;
  if (answer_.value.kind == RedisValue::Kind::kError && !call.own) {
    verdict = judge_({answer_.value, call.preambles, call.sendings});
  }
  if (verdict == Verdict::kAgain) {
    send_again(std::move(call), again_by);
  } else {
    answered_ += call.bytes;
    drop_answered();
    if (verdict == Verdict::kGive && !call.own) ++given_;
    if (verdict == Verdict::kNotExecuted) {
      answer_.end = RedisAnswer::End::kNotExecuted;
      answer_.why = std::move(answer_.value.text);
    }
    call.answered(answer_);
  }
  std::swap(answer_.value, reader_.value());  // its memory is used again
}

void RedisPipeline::send_again(Call call, Instant deadline) {
  bytes_.append(std::string(bytes_, answered_, call.bytes));
  answered_ += call.bytes;
  drop_answered();
  call.deadline = deadline;
  call.preambles = preambles_;
  ++call.sendings;
  calls_.push_back(std::move(call));
}

// What is answered lies in front; it goes when that costs less than it frees.
void RedisPipeline::drop_answered() {
  if (answered_ < bytes_.size() &&
      (answered_ < kDropAtLeast || answered_ < bytes_.size() - answered_)) {
    return;
  }
  bytes_.erase(0, answered_);
  written_ -= answered_;
  answered_ = 0;
}

void RedisPipeline::fail(const std::string& why) {
  const std::deque<Call> calls = std::exchange(calls_, {});
  std::size_t end = std::exchange(answered_, 0);
  const std::size_t written = std::exchange(written_, 0);
  bytes_.clear();
  for (const Call& call : calls) {
    end += call.bytes;
    RedisAnswer answer;
    answer.end = end <= written ? RedisAnswer::End::kUnknown : RedisAnswer::End::kNotExecuted;
    answer.why = why;
    call.answered(answer);
  }
}

Instant RedisPipeline::deadline() const {
  return calls_.empty() ? Instant::never() : calls_.front().deadline;
}

}  // namespace sluice::port
